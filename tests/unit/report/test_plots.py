"""The report's plots: lines as long as their intervals, nothing hidden, bars at their numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_comparison import make_comparison
from synthetic_run import (
    invalid,
    make_run,
    not_valid,
    on_a_real_link,
    read_trials,
    set_packets,
    write_samples,
    write_trials,
)

from linerate.report.axis import axis, short
from linerate.report.bars import Block, blocks
from linerate.report.plots import BOTTOM, LEFT, RIGHT, TOP, Curve, curves
from linerate.results.groups import group_trials
from linerate.results.read import load_run


def drawn(folder: Path) -> list[Curve]:
    run = load_run(folder)
    return curves(run, group_trials(run.trials))


def compared(folder: Path) -> list[Block]:
    run = load_run(folder)
    return blocks(group_trials(run.trials), run.has_line_rate)


def sampled(folder: Path, rows: list[tuple[Any, ...]]) -> Curve:
    """The first curve of the run, its only trial with these samples."""
    write_samples(folder / read_trials(folder)[0]["samples"], rows)
    return drawn(folder)[0]


@given(st.floats(min_value=1e-3, max_value=1e12))
def test_an_axis_holds_its_data_between_round_ticks(high: float) -> None:
    found = axis(high)
    assert high <= found.top * (1 + 1e-9) <= 2.1 * high
    assert 2 <= len(found.ticks) <= 6
    assert [tick.place for tick in found.ticks] == sorted({tick.place for tick in found.ticks})
    assert (found.ticks[0].place, found.ticks[-1].place) == (0, 1)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.5, "0.5"), (12_500, "12.5k"), (4_000_000, "4M"), (14_880_952, "14.881M")]
)
def test_a_tick_is_short(value: float, text: str) -> None:
    assert short(value) == text


def test_a_curve_is_as_long_as_its_intervals_and_a_missing_one_is_a_gap(run_dir: Path) -> None:
    found = sampled(run_dir, [("receiver", 1.0, 1.0, 10, 10.0, 1.0), ("receiver", 3.5, 1.5, 30, 20.0, 1.0)])
    assert [entry["steps"] for entry in found.series] == [[0, 1, 10, 2, 3.5, 20]]
    (line,) = found.lines
    assert re.fullmatch(r"M46 [\d.]+H[\d.]+M[\d.]+ [\d.]+H[\d.]+", line.path)


def test_a_line_is_at_its_place_on_the_axis(run_dir: Path) -> None:
    found = sampled(run_dir, [("receiver", float(end), 1.0, 10, 10_000.0, 1.0) for end in range(1, 6)])
    top = found.y_ticks[-1].label
    assert (top, found.seconds) == ("12.5k", 5)
    height = BOTTOM - (BOTTOM - TOP) * 10_000 / 12_500
    assert found.lines[0].path == f"M{LEFT} {height:g}" + "".join(
        f"{'' if x == 1 else f'V{height:g}'}H{LEFT + (RIGHT - LEFT) * x / 5:g}" for x in range(1, 6)
    )
    assert [(reference.style, y) for reference, y in found.references] == [("offered", height)]
    # The link is virtual.
    assert found.beyond == ()
    on_a_real_link(run_dir)
    assert [reference.style for reference in drawn(run_dir)[0].beyond] == ["line-rate"]


def test_a_device_that_delivers_after_the_end_of_sending_is_drawn_until_its_last_whole_interval(run_dir: Path) -> None:
    rows = [("receiver", float(end), 1.0, 10, 10.0, 1.0) for end in range(1, 9)]
    assert read_trials(run_dir)[0]["claim"]["seconds"] == 5
    assert sampled(run_dir, rows).series[0]["steps"][1::3] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_trial_shorter_than_an_interval_is_drawn(run_dir: Path) -> None:
    found = sampled(run_dir, [("receiver", 9.0, 9.0, 9, 1.0, 1.0)])
    assert found.series[0]["steps"] == [0, 9, 1]


def test_many_samples_are_thinned_and_a_short_drop_is_kept(run_dir: Path) -> None:
    record = read_trials(run_dir)[0]
    rows = [("receiver", end / 100, 0.01, 100, 100.0 + end % 7, 1.0) for end in range(1, 501)]
    rows[321] = ("receiver", 3.22, 0.01, 0, 0.0, 1.0)
    steps = sampled(run_dir, rows).series[0]["steps"]
    assert record["claim"]["seconds"] == 5
    assert len(steps) / 3 <= 120
    assert (steps[0], steps[-2]) == (0, 5)
    assert (min(steps[2::3]), max(steps[2::3])) == (0, 106)


def test_received_is_drawn_over_a_wider_line_of_sent(run_dir: Path) -> None:
    found = drawn(run_dir)[0]
    assert [line.style for line in found.lines] == ["sent c0", "received c0"]
    assert [line.name for line in found.named] == ["repeat 1"]
    assert found.caption == "Narrow line: received, wide, pale line below it: sent."


def test_many_repeats_share_a_colour_and_have_a_median(tmp_path: Path) -> None:
    found = drawn(make_run(tmp_path / "run", 80))[0]
    assert [line.style for line in found.lines].count("received many") == 10
    assert [line.name for line in found.named] == ["median of received"]


def test_a_repeat_that_is_not_valid_is_marked(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 16)
    records = read_trials(folder)
    records[8] = {**records[8], "verdict": not_valid("lost")}
    write_trials(folder, records)
    first = drawn(folder)[0]
    assert [line.name for line in first.named] == ["repeat 1", "repeat 2, not valid"]
    assert "doubtful" in first.named[1].style


def test_the_curve_in_numbers_has_the_lowest_interval_of_any_repeat(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 24)
    records = read_trials(folder)
    for record, mean, lowest, variation, grade in (
        (records[0], 100.0, 90.0, 2.0, "steady"),
        (records[8], 200.0, 20.0, 30.0, "unsteady"),
        (records[16], 300.0, 290.0, 0.5, "flat"),
    ):
        record["curve"]["received"].update(
            mean_pps=mean, min_pps=lowest, max_pps=mean, cv_percent=variation, grade=grade
        )
    write_trials(folder, records)
    assert drawn(folder)[0].numbers == (("kernel", "200", "20", "300", "30.00", "unsteady"),)


def test_trials_without_a_curve_have_no_numbers(run_dir: Path) -> None:
    records = read_trials(run_dir)
    for record in records:
        record["curve"] = {"sent": None, "received": None}
    write_trials(run_dir, records)
    assert [found.numbers for found in drawn(run_dir)] == [()] * 4


def test_bars_are_at_their_medians_with_an_interval_from_three_repeats_on(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 24)
    records = read_trials(folder)
    for place, pps in zip((0, 8, 16), (9_900.0, 10_000.0, 10_500.0)):
        set_packets(records[place], 50_000, round(5 * pps))
    write_trials(folder, records)
    paced = compared(folder)[0]
    assert paced.ticks[-1].label == "12.5k"
    bar = paced.bars[0]
    assert (bar.label, bar.rate.median) == ("tcp_port_scan_64, 78 B", 80)
    assert bar.rate.repeats == pytest.approx((79.2, 80, 84))
    assert bar.rate.low == min(bar.rate.repeats) < 80 < bar.rate.high == max(bar.rate.repeats)
    assert bar.rate.sent == 80
    assert bar.text.startswith("10,000 (")
    assert bar.text.endswith(") pps")
    assert [(reference.style, place) for reference, place in paced.references] == [("offered", 80)]


def test_two_repeats_have_no_interval(tmp_path: Path) -> None:
    bar = compared(make_run(tmp_path / "run", 16))[0].bars[0]
    assert bar.rate.low == bar.rate.median == bar.rate.high
    assert bar.text == "10,000 pps"


def test_without_a_valid_trial_there_is_text_instead_of_a_bar(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 4)
    records = read_trials(folder)
    records[0] = invalid(records[0], "no statistics")
    write_trials(folder, records)
    paced = compared(folder)[0]
    assert [(bar.rate is None, bar.text) for bar in paced.bars] == [
        (True, "no valid trial"),
        (False, "10,000 pps"),
    ]


def test_send_methods_are_side_by_side_below_the_line_rate(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path / "run", 72)
    large, small = compared(folder)[0], compared(folder)[4]
    assert [bar.label for bar in large.bars] == ["kernel", "netmap-emulated", "netmap-native"]
    # 10,000 Mbit/s of these frames are more than the line carries, so the trials are not paced.
    assert [(reference.style, round(reference.value)) for reference, _ in large.references] == [
        ("line-rate", 812_744),
        ("experiment", 801_404),
        ("experiment", 464_370),
    ]
    assert [reference.style for reference, _ in small.references] == ["offered", "experiment"]
    assert [reference.style for reference in small.beyond] == ["line-rate"]
    assert [line.name for line in drawn(folder)[0].named] == ["kernel", "netmap-emulated", "netmap-native"]
