"""From what a user searches for to the searches of a run: their goals by profile, and the trials they start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InputError
from ..results.searches import GOALS_HINT, KINDS, THROUGHPUT, Goal, Search
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


LONGEST = 15
"""A search may offer a load for so many times the sum of its goals' durations; most need a third of it."""


def searches_of(kinds: Sequence[str], goals: Sequence[Goal], trials: Sequence[Trial]) -> tuple[Search, ...]:
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
    most = LONGEST * sum(goal.duration_sum for goal in goals)
    # A loss rate has no goal but the duration of its trials.
    longest = max(goals, key=lambda goal: goal.final_trial_duration)
    return tuple(
        Search(f"{kind}-{plain_name(case)}", kind, tuple(ids), tuple(goals) if kind == THROUGHPUT else (longest,), most)
        for case, ids in ceilings.items()
        for kind in kinds
    )
