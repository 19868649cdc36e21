"""What a run searches for, as run.json states it: kind, goals, and the planned trials that a search starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import InputError
from ..record import Record
from ..validate import MOST_SECONDS, check_rate, check_whole

THROUGHPUT, FRAME_LOSS, BACK_TO_BACK = "throughput", "frame-loss", "back-to-back"
KINDS = (THROUGHPUT, FRAME_LOSS, BACK_TO_BACK)
MOST_REPEATS = 1000


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
                raise InputError(f"goal {self.name}: {name}", value, "must be at least 0 and less than 1", GOALS_HINT)
        check_rate(f"goal {self.name}: relative_width", self.relative_width, least=0.0001, most=0.5)
        for name in ("initial_trial_duration", "final_trial_duration", "duration_sum"):
            check_rate(f"goal {self.name}: {name}", getattr(self, name), least=0.1, most=MOST_SECONDS)
        if not self.initial_trial_duration <= self.final_trial_duration <= self.duration_sum:
            rule = "must be in this order: initial_trial_duration, final_trial_duration, duration_sum"
            raise InputError(f"goal {self.name}", self.duration_sum, rule, GOALS_HINT)


GOALS_HINT = "Correct benchmark_search_goals."


@dataclass(frozen=True)
class Bursts(Record):
    """What a search for the longest burst without loss sends (RFC 2544 section 26.4, RFC 9004).

    No burst is longer than ``longest_seconds`` of the sender's own rate. The search is run ``repeats`` times. It ends
    where the shortest burst with loss is longer than the longest without by at most ``relative_width`` of itself.
    """

    longest_seconds: float = 2.0
    repeats: int = 5
    relative_width: float = 0.01

    def __post_init__(self) -> None:
        check_rate("benchmark_bursts: longest_seconds", self.longest_seconds, least=0.01, most=MOST_SECONDS)
        check_whole("benchmark_bursts: repeats", self.repeats, 1, MOST_REPEATS)
        check_rate("benchmark_bursts: relative_width", self.relative_width, least=0.0001, most=0.5)


@dataclass(frozen=True)
class Search(Record):
    """One search: all its trials send one pcap by one send method.

    ``ceilings`` are the ids of planned trials at top speed, one for each send method. They show the sender's own limit,
    which no load exceeds; one that is not valid is measured again. ``goals`` are empty where the search is for
    ``bursts``. There are at most ``most_trials``, which together offer a load for at most ``most_seconds``.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"goals": Goal, "bursts": Bursts}

    name: str
    kind: str
    ceilings: tuple[str, ...]
    goals: tuple[Goal, ...]
    most_seconds: float
    most_trials: int
    bursts: Bursts | None = None

    @property
    def ceiling_name(self) -> str:
        """What the ids of trials have that measure a ceiling again, between two numbers."""
        return f"{self.name}-ceiling"

    def number_of(self, trial_id: str) -> int | None:
        """The place of a trial in this search; None where it belongs to none or to another."""
        name, number = _name_and_number(trial_id)
        return number if name == self.name else None

    def owns(self, trial_id: str) -> bool:
        """Whether a trial was run for this search, and not by the plan."""
        return _name_and_number(trial_id)[0] in (self.name, self.ceiling_name)


def trial_id_of(sequence: int, name: str, number: int) -> str:
    """The id of the ``number``th trial of ``name``: a search, or its ceilings."""
    return f"{sequence:03d}-{name}-{number}"


def _name_and_number(trial_id: str) -> tuple[str | None, int | None]:
    name, _, number = trial_id.partition("-")[2].rpartition("-")
    return (name, int(number)) if number.isdigit() else (None, None)
