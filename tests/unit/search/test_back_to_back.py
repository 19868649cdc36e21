"""Searches for the longest burst without loss, against simulated devices that buffer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from simulated_device import DEVICE_PPS, SENDER_PPS, XDP, Buffering, planned, run
from trial_records import KERNEL

from linerate.controller.searches import bursts_of
from linerate.errors import InputError, ResultError
from linerate.search.outcome import sentence
from linerate.search.steps import next_trial, progress


@pytest.mark.parametrize("frames", [4, 250, 10_000, 200_000])
def test_the_longest_burst_is_within_one_percent_of_what_the_device_buffers(frames: int) -> None:
    (found,), _ = run(Buffering(frames=frames), *planned())
    truth = frames / (1 - DEVICE_PPS / SENDER_PPS["xdp"])
    assert found.bursts is not None
    assert found.bursts.mean == pytest.approx(truth, rel=0.01, abs=1)
    for burst in found.bursts.repeats:
        assert burst.shortest_lost is not None
        assert burst.longest <= truth + 1 <= burst.shortest_lost + 2
    assert len(found.bursts.repeats) == 5


def test_the_buffer_time_is_corrected_by_the_throughput_of_the_same_case() -> None:
    found, _ = run(Buffering(), *planned("back-to-back", "throughput"))
    bursts = next(one.bursts for one in found if one.bursts)
    assert bursts.throughput_pps == pytest.approx(DEVICE_PPS, rel=0.01)
    assert bursts.corrected_buffer_seconds == pytest.approx(10_000 / SENDER_PPS["xdp"], rel=0.02)
    text = next(sentence(one) for one in found if one.bursts)
    assert "frames without loss (mean of 5 repeats" in text
    assert "burst rate 500,000 pps" in text
    assert "corrected buffer time 19.9 ms, limited by path or device" in text


def test_a_device_that_loses_nothing_has_no_longest_burst() -> None:
    (found,), _ = run(Buffering(device_pps=1e9), *planned(repeats=3))
    assert found.bursts is not None
    assert (found.bursts.mean, found.bursts.maximum, found.bursts.buffer_seconds) == (None, None, None)
    assert found.bursts.longest_tried == 1_000_000
    assert "no loss up to the longest burst, 1,000,000 frames in 2 s, in 3 of 3 repeats" in sentence(found)


def test_one_repeat_without_loss_leaves_no_mean() -> None:
    device = Buffering(device_pps=1e9)
    # The first repeat: its longest burst, and the same again.
    device.also_lost = dict.fromkeys(range(2, 4), 1)
    (found,), _ = run(device, *planned(repeats=2))
    assert found.bursts is not None
    assert (found.bursts.without_loss, found.bursts.mean) == (1, None)
    assert "in 1 of 2 repeats" in sentence(found)


def test_a_device_that_loses_of_each_burst_has_none() -> None:
    (found,), _ = run(Buffering(also_lost=dict.fromkeys(range(2, 100), 1)), *planned(repeats=1))
    assert found.bursts is not None
    assert found.bursts.mean == 0
    assert "frames of the shortest burst are lost, limited by" in sentence(found)


def test_a_loss_that_does_not_return_is_not_the_devices_limit() -> None:
    device = Buffering(device_pps=1e9, also_lost={2: 1})
    (found,), results = run(device, *planned(repeats=1))
    assert found.bursts is not None
    assert found.bursts.without_loss == 1
    assert device.sent[1:] == [1_000_000, 1_000_000]
    assert len(results) == 3


def test_bursts_are_sent_by_xdp_although_another_method_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SENDER_PPS, "kernel", 800_000.0)
    (found,), results = run(Buffering(), *planned(methods=(KERNEL, XDP)))
    assert found.method == XDP
    assert {result.method for result in results[2:]} == {XDP}


def test_a_burst_has_a_count_and_no_rate() -> None:
    (search,), trials = planned()
    device = Buffering()
    done = progress(search, [device.result(trial) for trial in trials])
    trial = next_trial(done, search, trials, 2)
    assert trial is not None
    assert (trial.offered.mode, trial.offered.pps, trial.offered.packets) == ("topspeed", None, 1_000_000)
    assert (trial.sending.limit, trial.sending.duration, trial.sending.loop) == (1_000_000, None, 16)


@pytest.mark.parametrize("killed_after", [1, 2, 7, 15, 22])
def test_a_search_that_was_interrupted_gives_the_same_answer(killed_after: int) -> None:
    whole, results = run(Buffering(), *planned())
    _, part = run(Buffering(), *planned(), most=killed_after)
    assert len(part) == 1 + killed_after
    resumed, again = run(Buffering(), *planned(), stored=part)
    assert [one.trial_id for one in again] == [one.trial_id for one in results]
    assert resumed == whole


def test_changed_results_are_refused() -> None:
    searches, trials = planned()
    _, results = run(Buffering(), searches, trials)
    other = replace(results[2], offered=replace(results[2].offered, packets=4711))
    with pytest.raises(ResultError, match=r"sent 4711 packets where the search needs a burst of"):
        progress(searches[0], [*results[:2], other, *results[3:]])


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"seconds": 1}, "must be one of longest_seconds, repeats, relative_width"),
        ({"repeats": 0}, "repeats"),
        ({"longest_seconds": 0}, "longest_seconds"),
        ({"relative_width": 2}, "relative_width"),
    ],
)
def test_wrong_bursts_are_refused(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        bursts_of(given)
