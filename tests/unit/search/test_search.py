"""Searches against simulated benches: a device with a limit, a loss, a slow sender; interrupted and resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trial_parts
from trial_records import KERNEL, NATIVE, case, setup

from linerate.controller.searches import goal_of, searches_of
from linerate.errors import InputError, ResultError
from linerate.results.build import result_of
from linerate.results.model import TrialResult
from linerate.results.searches import Search
from linerate.search.outcome import Outcome, sentence
from linerate.search.steps import Progress, next_trial, progress
from linerate.trial.model import VIRTUAL, LineRate, SendMethod, Trial
from linerate.trial.plan import combine, plan
from linerate.trial.plan_text import searching

LINE_PPS = 10e9 / (8 * 102)
MOST_TRIALS = 60


@dataclass(frozen=True)
class Simulated:
    """A bench: what the sender can send at most, what the device forwards at most, and its steady loss."""

    sender_pps: float = 1e9
    device_pps: float = 1e9
    loss_ratio: float = 0.0

    def result(self, trial: Trial) -> TrialResult:
        asked = trial.offered.pps or LINE_PPS
        pps = min(asked, self.sender_pps, LINE_PPS)
        packets = trial.offered.packets or round(pps * trial.offered.duration_seconds)
        arrived = round(packets * min(1.0, self.device_pps / pps) * (1 - self.loss_ratio))
        half = trial_parts.sent(packets, packets / pps)
        half = replace(half, adapter=replace(half.adapter, kind=trial.method.adapter, found=trial.method.adapter))
        return result_of(trial, half, [trial_parts.received(arrived, packets / pps)])


def planned(kind: str = "throughput", goals: Any = ({"name": "ndr"},), methods: Any = (KERNEL,)) -> tuple[Search, Any]:
    trials = plan(combine([case()], methods, [{"mode": "topspeed"}]), 1, setup())
    (search,) = searches_of([kind], [goal_of(goal) for goal in goals], trials)
    return search, trials


def run(
    bench: Simulated, search: Search, trials: list[Trial], stored: list[TrialResult] | None = None, most: int = 1000
) -> tuple[Progress, list[TrialResult]]:
    """Continue a search by at most ``most`` trials, each with its results up to then alone."""
    results = stored if stored is not None else [bench.result(trial) for trial in trials]
    for _ in range(most):
        found = progress(search, results)
        trial = next_trial(found, search, trials, len(results) + 1)
        if trial is None:
            break
        results.append(bench.result(trial))
        assert len(results) < MOST_TRIALS
    return progress(search, results), results


def outcome(bench: Simulated, **planning: Any) -> Outcome:
    found, _ = run(bench, *planned(**planning))
    (only,) = found.outcomes
    return only


@pytest.mark.parametrize("limit", [1_000_000, 3_333_333, 9_123_456.7])
def test_the_throughput_of_a_device_is_within_one_percent(limit: float) -> None:
    found = outcome(Simulated(device_pps=limit))
    assert found.rates is not None
    assert 0.99 * limit < found.rates.pps <= limit
    assert found.bounds is not None
    assert found.bounds.upper_pps is not None
    assert found.bounds.upper_pps > limit
    assert (found.limited_by, found.of_device) == ("path or device", True)
    assert "throughput" in sentence(found)
    assert "limited by path or device" in sentence(found)


def test_a_device_faster_than_the_line_has_the_line_rate() -> None:
    found = outcome(Simulated())
    assert found.rates is not None
    assert found.rates.line_rate_percent == pytest.approx(100, abs=0.01)
    assert (found.limited_by, found.bounds.upper_pps if found.bounds else 0) == ("line rate", None)


def test_the_speed_that_a_virtual_link_states_does_not_limit_a_search() -> None:
    search, trials = planned()
    bench = replace(trials[0].bench, line_rate=LineRate(1e9, VIRTUAL))
    found, results = run(Simulated(device_pps=5_000_000), search, [replace(one, bench=bench) for one in trials])
    (only,) = found.outcomes
    assert only.rates is not None
    assert only.rates.pps == pytest.approx(5_000_000, rel=0.01)
    assert only.rates.line_rate_percent is None
    assert only.limited_by == "path or device"
    assert {result.offered.mode for result in results[1:]} == {"pps"}
    assert all(result.offered.packets for result in results[1:])


def test_a_slow_sender_is_not_taken_for_a_slow_device() -> None:
    found = outcome(Simulated(sender_pps=2_000_000, device_pps=3_000_000))
    assert found.rates is not None
    assert found.rates.pps == pytest.approx(2_000_000, rel=0.01)
    assert (found.limited_by, found.of_device) == ("the sender", False)
    assert "at least 2,000,000 pps" in sentence(found)


def test_a_sender_that_paces_slower_than_it_floods_is_the_limit() -> None:
    search, trials = planned()
    ceilings = [Simulated(sender_pps=2_000_000).result(trial) for trial in trials]
    found, _ = run(Simulated(sender_pps=1_500_000), search, trials, ceilings)
    (only,) = found.outcomes
    assert only.rates is not None
    assert only.rates.pps == pytest.approx(1_500_000, rel=0.02)
    assert only.limited_by == "the sender"


@pytest.mark.parametrize("loss", [0.0005, 0.005])
def test_a_steady_loss_is_never_an_ndr(loss: float) -> None:
    found = outcome(Simulated(loss_ratio=loss))
    assert found.rates is None
    assert "packets are lost even at the least load" in sentence(found)


def test_a_pdr_allows_its_loss_and_no_more() -> None:
    goals = {"name": "ndr"}, {"name": "pdr", "loss_ratio": 0.005}
    found, _ = run(Simulated(device_pps=2_000_000), *planned(goals=goals))
    ndr, pdr = (one.bounds for one in found.outcomes)
    assert ndr is not None
    assert pdr is not None
    assert ndr.lower_pps == pytest.approx(2_000_000, rel=0.01)
    assert pdr.lower_pps == pytest.approx(2_000_000 / 0.995, rel=0.01)
    assert pdr.lower_pps > ndr.lower_pps


@pytest.mark.parametrize("killed_after", range(1, 6))
def test_a_search_that_was_interrupted_gives_the_same_answer(killed_after: int) -> None:
    bench, (search, trials) = Simulated(device_pps=1_234_567), planned()
    whole, results = run(bench, search, trials)
    _, part = run(bench, search, trials, most=killed_after)
    assert len(part) == len(trials) + killed_after
    resumed, again = run(bench, search, trials, part)
    assert [one.trial_id for one in again] == [one.trial_id for one in results]
    assert resumed == whole


def test_changed_results_are_refused() -> None:
    bench, (search, trials) = Simulated(device_pps=1_234_567), planned()
    _, results = run(bench, search, trials)
    other = replace(results[2], offered=replace(results[2].offered, pps=4711.0))
    with pytest.raises(ResultError, match="where the search needs"):
        progress(search, [*results[:2], other, *results[3:]])


def spoiled(bench: Simulated, spoils: Callable[[Trial], bool]) -> Any:
    class Spoiled:
        @staticmethod
        def result(trial: Trial) -> TrialResult:
            found = bench.result(trial)
            if not spoils(trial):
                return found
            return replace(found, verdict=replace(found.verdict, valid=False, reasons=("a cable was pulled",)))

    return Spoiled()


def test_an_invalid_trial_is_repeated() -> None:
    bench = spoiled(Simulated(device_pps=1_000_000), lambda trial: trial.sequence == 4)
    found, _ = run(bench, *planned())
    (only,) = found.outcomes
    assert only.rates is not None
    assert only.rates.pps == pytest.approx(1_000_000, rel=0.01)
    assert not any(point.trial_id.startswith("004-") for point in only.points)


def test_trials_that_stay_invalid_end_the_search() -> None:
    bench = spoiled(Simulated(), lambda trial: trial.sequence > 3)
    found, results = run(bench, *planned())
    (only,) = found.outcomes
    assert only.rates is None
    assert "3 trials at" in str(only.problem)
    assert "a cable was pulled" in str(only.problem)
    assert len(results) == 6


def test_a_goal_that_ended_keeps_its_result_where_another_cannot_be_measured() -> None:
    goals = {"name": "ndr"}, {"name": "pdr", "loss_ratio": 0.005}
    bench, planning = Simulated(device_pps=2_000_000), planned(goals=goals)
    whole, results = run(bench, *planning)
    part, _ = run(spoiled(bench, lambda trial: trial.sequence >= len(results)), *planning)
    (kept,) = (one for one in part.outcomes if one.rates is not None)
    assert replace(kept, points=()) in [replace(one, points=()) for one in whole.outcomes]
    (lost,) = (one for one in part.outcomes if one.rates is None)
    assert lost.bounds is None
    assert "3 trials at" in str(lost.problem)
    assert "a cable was pulled" in sentence(lost)


def test_the_fastest_send_method_searches() -> None:
    search, trials = planned(methods=(KERNEL, NATIVE))

    class Bench:
        @staticmethod
        def result(trial: Trial) -> TrialResult:
            pps = 400_000 if trial.method == KERNEL else 9_000_000
            return Simulated(sender_pps=pps, device_pps=1_000_000).result(trial)

    found, results = run(Bench(), search, trials)  # type: ignore[arg-type]
    (only,) = found.outcomes
    assert only.method == SendMethod("netmap", "native")
    assert {result.method for result in results[2:]} == {NATIVE}


def test_an_invalid_ceiling_is_no_ceiling() -> None:
    found, results = run(spoiled(Simulated(), lambda trial: True), *planned())
    assert "the sender's own limit is not valid: a cable was pulled" in sentence(found.outcomes[0])
    assert len(results) == 3


@pytest.mark.parametrize("methods", [(KERNEL,), (KERNEL, NATIVE)])
def test_a_ceiling_that_was_interrupted_is_measured_again(methods: Any) -> None:
    bench, (search, trials) = Simulated(device_pps=1_234_567), planned(methods=methods)
    whole, _ = run(bench, search, trials)
    found, results = run(spoiled(bench, lambda trial: trial.sequence == len(methods)), search, trials)
    again = results[len(methods)]
    assert (again.trial_id, again.method) == (f"{again.sequence:03d}-{search.name}-ceiling-2", methods[-1])
    assert again.offered.mode == "topspeed"
    assert (search.owns(again.trial_id), search.number_of(again.trial_id)) == (True, None)
    ((one,), (other,)) = found.outcomes, whole.outcomes
    assert (one.rates, one.bounds, one.method) == (other.rates, other.bounds, other.method)


def test_the_frame_loss_rate_goes_down_until_two_trials_lose_nothing() -> None:
    found, _ = run(Simulated(device_pps=0.75 * LINE_PPS), *planned("frame-loss"))
    points = found.outcomes[0].points
    assert [round(100 * point.pps / LINE_PPS) for point in points] == [100, 90, 80, 70, 60]
    assert [point.loss_percent for point in points] == pytest.approx([25, 100 * 0.15 / 0.9, 6.25, 0, 0], abs=0.01)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"name": "a", "profile": "fast"}, "must be one of default, rfc2544, csit"),
        ({"name": "a", "los_ratio": 0.1}, "is not an attribute"),
        ({"name": "a", "loss_ratio": 1.0}, "must be at least 0 and less than 1"),
        ({"name": "a", "final_trial_duration": 20}, "must be in this order"),
    ],
)
def test_a_wrong_goal_is_refused(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        goal_of(given)


def test_a_search_without_a_ceiling_is_refused() -> None:
    trials = plan(combine([case()], [KERNEL], [{"mode": "pps", "value": 1000}]), 1, setup())
    with pytest.raises(InputError, match="no trial at top speed"):
        searches_of(["throughput"], [goal_of({"name": "ndr"})], trials)


def test_the_plan_states_the_longest_time_that_searches_take() -> None:
    search, trials = planned()
    assert searching([], trials) == []
    (line,) = searching([search.to_json()], trials)
    # 15 times the goal's 10 s, and 20 trials that take 6 s longer than they offer a load.
    assert "at most 20 trials, which offer a load for 150 s and take 5 min;" in line
    assert "and take 1 h 30 min;" in searching([search.to_json()] * 20, trials)[0]


def test_a_search_ends_at_its_last_trial() -> None:
    search, trials = planned()
    found, results = run(Simulated(device_pps=1_000_000), replace(search, most_trials=3), trials)
    (only,) = found.outcomes
    assert only.problem == "the bounds were not close enough after 3 trials"
    assert len(results) == 4
