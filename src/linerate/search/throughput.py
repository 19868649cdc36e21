"""Throughput of a device (RFC 1242 section 3.17, RFC 2544 section 26.1) by MLRsearch (RFC 9971)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from MLRsearch import AbstractMeasurer, Config, GoalResult, MeasurementResult, MultipleLossRatioSearch, SearchGoal

from ..results.searches import Goal
from .measurements import CLOSE, Load, Measurement, Measurements, NotMeasurableError
from .outcome import Bounds

LEAST_SHARE = 0.001
"""The least load of a search, as a share of the greatest."""
EXPANSION, TARGETS = 2, 2
SEARCH_SECONDS = 1e9
"""The library's own limit counts the time since its start, and each step starts it again: it is of no use here."""


@dataclass(frozen=True)
class Searched:
    """Relevant bounds by name of the goal, in packets/s; a goal that is missing has none because of ``problem``."""

    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    problem: str | None = None


def search_throughput(goals: Sequence[Goal], most_pps: float, measurements: Measurements) -> Searched:
    """The relevant bounds of each goal, at loads up to ``most_pps`` packets/s.

    TrialNeededError where the next trial is not stored. Where a load cannot be measured, the search ends: goals whose
    bounds are close enough by then keep them, as one goal's load does not change another's bounds.
    """
    searched = {goal.name: _search_goal(goal) for goal in goals}
    config = Config()
    config.goals = tuple(dict.fromkeys(searched.values()))
    # The setters compare with the other bound, whose default may be on the wrong side.
    config.max_load = max(most_pps, config.min_load + 1)
    config.min_load = most_pps * LEAST_SHARE
    config.max_load = most_pps
    config.search_duration_max = SEARCH_SECONDS
    config.warmup_duration = 0.0
    search = MultipleLossRatioSearch(config=config)
    problem = None
    try:
        search.search(measurer=_Measurer(measurements), debug=_quiet)
    except NotMeasurableError as error:
        problem = str(error)
    found = {name: _bounds(search, goal) for name, goal in searched.items()}
    if problem is not None:
        found = {goal.name: found[goal.name] for goal in goals if _ended(found[goal.name], goal, most_pps)}
    return Searched(found, problem)


def _ended(found: Bounds, goal: Goal, most_pps: float) -> bool:
    """Whether the bounds are as close as the goal wants, or the lower one is the greatest load."""
    if found.lower_pps is None or found.upper_pps is None:
        return found.lower_pps is not None and found.lower_pps >= most_pps * (1 - CLOSE)
    return found.upper_pps - found.lower_pps <= found.upper_pps * goal.relative_width * (1 + CLOSE)


class _Measurer(AbstractMeasurer):  # type: ignore[misc]
    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements

    def measure(self, intended_duration: float, intended_load: float) -> MeasurementResult:
        return _measured(self._measurements.measure(Load(round(intended_load, 3), intended_duration)), intended_load)


def _measured(one: Measurement, load: float) -> MeasurementResult:
    # Without the overhead of a trial: the library would count it as time during which the load was offered.
    return MeasurementResult(
        intended_duration=one.load.seconds,
        intended_load=load,
        intended_count=one.intended,
        offered_count=one.sent,
        forwarding_count=one.received,
    )


def _search_goal(goal: Goal) -> SearchGoal:
    return SearchGoal(
        loss_ratio=goal.loss_ratio,
        exceed_ratio=goal.exceed_ratio,
        relative_width=goal.relative_width,
        initial_trial_duration=goal.initial_trial_duration,
        final_trial_duration=goal.final_trial_duration,
        duration_sum=goal.duration_sum,
        preceding_targets=TARGETS,
        expansion_coefficient=EXPANSION,
        fail_fast=False,
    )


def _bounds(search: MultipleLossRatioSearch, goal: SearchGoal) -> Bounds:
    target = search.scaling.goal_to_final_target[goal]
    result = GoalResult.from_bounds(bounds=search.database.get_relevant_bounds(target=target))
    lower, upper = result.relevant_lower_bound, result.relevant_upper_bound
    throughput = result.conditional_throughput
    return Bounds(
        lower_pps=float(lower) if lower else None,
        upper_pps=float(upper) if upper else None,
        throughput_pps=float(throughput) if throughput else None,
    )


def _quiet(_: str) -> None:
    """The library reports each of its steps; the stored trials say the same."""
