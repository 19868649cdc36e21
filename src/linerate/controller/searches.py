"""From what a user searches for to the searches of a run: their goals by profile, and the trials they start from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InputError
from ..results.searches import BACK_TO_BACK, FRAME_LOSS, GOALS_HINT, KINDS, Bursts, Goal, Search
from ..search.frame_loss import STEPS
from ..search.measurements import ATTEMPTS
from ..trial.model import Trial
from ..trial.plan import plain_name

PROFILES: Mapping[str, Goal] = {
    "default": Goal("default"),
    "rfc2544": Goal("rfc2544", final_trial_duration=60.0, duration_sum=60.0),
    "csit": Goal("csit", exceed_ratio=0.5, final_trial_duration=1.0, duration_sum=21.0),
}
"""Goals by profile: one trial of 10 s; one of 60 s (RFC 2544 section 24); FD.io CSIT's 21 trials of 1 s."""


def goal_of(given: Mapping[str, Any]) -> Goal:
    """The goal of {name, profile, and any attribute of Goal}. InputError where one of them is not known."""
    given = dict(given)
    profile = given.pop("profile", "default")
    if profile not in PROFILES:
        raise InputError("goal profile", profile, f"must be one of {', '.join(PROFILES)}", GOALS_HINT)
    unknown = sorted(given.keys() - PROFILES[profile].to_json().keys())
    if unknown:
        raise InputError("goal", ", ".join(unknown), "is not an attribute of a search goal", GOALS_HINT)
    return replace(PROFILES[profile], **given)


def bursts_of(given: Mapping[str, Any]) -> Bursts:
    """The bursts of {any attribute of Bursts}. InputError where one of them is not known."""
    unknown = sorted(given.keys() - Bursts().to_json().keys())
    if unknown:
        rule = f"must be one of {', '.join(Bursts().to_json())}"
        raise InputError("benchmark_bursts", ", ".join(unknown), rule, "Correct benchmark_bursts.")
    return Bursts(**{name: value for name, value in given.items() if value is not None})


LONGEST = 15
"""A search may offer a load for so many times the sum of its goals' durations; most need a third of it."""
GOAL_TRIALS = 20
"""A search may have so many trials for each that its goals need at one load; most need a third of it."""
FIRST_REPEAT_TRIALS, REPEAT_TRIALS = 40, 16
"""A search for the longest burst may have so many trials in all for its first repeat, and for each of the others."""


def searches_of(
    kinds: Sequence[str], goals: Sequence[Goal], trials: Sequence[Trial], bursts: Bursts | None = None
) -> tuple[Search, ...]:
    """For each kind and each pcap of the planned ``trials`` a search, with its ceilings among them.

    InputError where a kind is not known, or no trial at top speed is planned.
    """
    if not kinds:
        return ()
    for kind in kinds:
        if kind not in KINDS:
            rule = f"must be one of {', '.join(KINDS)}"
            raise InputError("benchmark_search", kind, rule, "Correct benchmark_search.")
    if not goals or len({goal.name for goal in goals}) != len(goals):
        rule = "must be a list of goals with different names"
        raise InputError("benchmark_search_goals", [goal.name for goal in goals], rule, "Name each goal once.")
    ceilings: dict[str, list[str]] = {trial.case.name: [] for trial in trials}
    for trial in trials:
        if trial.offered.mode == "topspeed" and trial.repeat == 1:
            ceilings[trial.case.name].append(trial.trial_id)
    if not all(ceilings.values()):
        rule = "has no trial at top speed, which shows the sender's own limit"
        raise InputError("benchmark_rates", [trial.offered.mode for trial in trials], rule, "Add {mode: topspeed}.")
    return tuple(
        _search(kind, case, tuple(ids), tuple(goals), bursts or Bursts())
        for case, ids in ceilings.items()
        for kind in kinds
    )


def _search(kind: str, case: str, ceilings: tuple[str, ...], goals: tuple[Goal, ...], bursts: Bursts) -> Search:
    name = f"{kind}-{plain_name(case)}"
    if kind == BACK_TO_BACK:
        seconds = LONGEST * bursts.repeats * bursts.longest_seconds
        most = FIRST_REPEAT_TRIALS + REPEAT_TRIALS * (bursts.repeats - 1)
        return Search(name, kind, ceilings, (), seconds, most, bursts)
    if kind == FRAME_LOSS:
        # A loss rate has no goal but the duration of its trials.
        goal = max(goals, key=lambda goal: goal.final_trial_duration)
        return Search(name, kind, ceilings, (goal,), STEPS * goal.final_trial_duration, STEPS * ATTEMPTS)
    needed = sum(math.ceil(goal.duration_sum / goal.final_trial_duration) for goal in goals)
    seconds = LONGEST * sum(goal.duration_sum for goal in goals)
    return Search(name, kind, ceilings, goals, seconds, GOAL_TRIALS * needed)
