"""Numbers, bars and curves of the view."""

from __future__ import annotations

import pytest

from linerate.console.progress import Progress
from linerate.console.text import bar, clock, curve, duration


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [(0.2, "0:00", "0 s"), (59.6, "1:00", "1 min"), (80, "1:20", "1 min 20 s"), (3_900, "1:05:00", "1 h 5 min")],
)
def test_durations(seconds, short, long):
    assert (clock(seconds), duration(seconds)) == (short, long)


def test_a_curve_shows_the_newest_rates_relative_to_the_highest():
    assert curve([0, 50, 100]) == "▁▄█"
    assert curve([0, 50, 100], ascii_only=True) == "_=#"
    assert curve([0, 0]) == "▁▁"
    assert curve([]) == ""
    assert len(curve(list(range(1_000)))) == 12


def test_a_bar_has_one_width():
    assert {len(bar(share)) for share in (-1, 0, 0.5, 1, 2)} == {26}


def test_the_remaining_time_follows_what_trials_really_take():
    now = 0.0
    trials = [{"trial_id": str(number), "estimated_seconds": 5} for number in range(4)]
    progress = Progress.of("/r", trials, [], lambda: now)
    assert progress.remaining == 20
    now = 10.0
    progress.add({"trial_id": "0", "loss": None}, 1)
    assert progress.remaining == 30
    assert progress.position(3) == "3/4"
