"""What a run searches for, as run.json states it: kind, goals, and the planned trials that a search starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..errors import InputError
from ..record import Record
from ..trial.model import Trial
from ..trial.plan import plain_name
from ..validate import MOST_SECONDS, check_rate

THROUGHPUT, FRAME_LOSS = "throughput", "frame-loss"
KINDS = (THROUGHPUT, FRAME_LOSS)


@dataclass(frozen=True)
class Goal(Record):
    """A search goal of RFC 9971 section 6.6.6. Times are in seconds, ratios and the width between 0 and 1.

    ``loss_ratio`` 0 is the non-drop rate (NDR), more is a partial drop rate (PDR). ``relative_width`` is the distance
    of the relevant bounds, in units of the upper one.
    """

    name: str
    loss_ratio: float = 0.0
    exceed_ratio: float = 0.0
    relative_width: float = 0.005
    initial_trial_duration: float = 1.0
    final_trial_duration: float = 10.0
    duration_sum: float = 10.0

    def __post_init__(self) -> None:
        for name in ("loss_ratio", "exceed_ratio"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value < 1:
                raise InputError(f"goal {self.name}: {name}", value, "must be at least 0 and less than 1", _HINT)
        check_rate(f"goal {self.name}: relative_width", self.relative_width, least=0.0001, most=0.5)
        for name in ("initial_trial_duration", "final_trial_duration", "duration_sum"):
            check_rate(f"goal {self.name}: {name}", getattr(self, name), least=0.1, most=MOST_SECONDS)
        if not self.initial_trial_duration <= self.final_trial_duration <= self.duration_sum:
            rule = "must be in this order: initial_trial_duration, final_trial_duration, duration_sum"
            raise InputError(f"goal {self.name}", self.duration_sum, rule, _HINT)


_HINT = "Correct benchmark_search_goals."
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
        raise InputError("goal profile", profile, f"must be one of {', '.join(PROFILES)}", _HINT)
    unknown = sorted(given.keys() - PROFILES[profile].to_json().keys())
    if unknown:
        raise InputError("goal", ", ".join(unknown), "is not an attribute of a search goal", _HINT)
    return replace(PROFILES[profile], **given)


@dataclass(frozen=True)
class Search(Record):
    """One search: all its trials send one pcap, by the fastest send method.

    ``ceilings`` are the ids of planned trials at top speed, one for each send method. They show the sender's own limit,
    which no load exceeds. The trials together offer a load for at most ``most_seconds``.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"goals": Goal}

    name: str
    kind: str
    ceilings: tuple[str, ...]
    goals: tuple[Goal, ...]
    most_seconds: float

    def trial_name(self, number: int) -> str:
        """What a trial's id has after its sequence number: the trial is the ``number``th of the search."""
        return f"{self.name}-{number}"

    def number_of(self, trial_id: str) -> int | None:
        """The place of a trial in this search; None where it belongs to none or to another."""
        name, _, number = trial_id.partition("-")[2].rpartition("-")
        return int(number) if name == self.name and number.isdigit() else None


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
