"""Repeats merged: one group per case, send method and offered load."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from ..trial.model import Case, SendMethod
from .model import RECEIVED, SENT, TrialResult


@dataclass(frozen=True)
class Spread:
    """One quantity over the repeats of a group."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The repeats of one case at one offered load. Every number is of the valid trials alone.

    ``mode`` and ``value`` are those of the offered load: packets/s, 10^6 pcap bit/s, or None at top speed.
    """

    case_name: str
    method: SendMethod
    mode: str
    value: float | None
    trials: tuple[TrialResult, ...]

    @property
    def case(self) -> Case:
        return self.trials[0].case

    @property
    def offered_pps(self) -> float | None:
        return self.trials[0].offered.pps

    @property
    def valid(self) -> tuple[TrialResult, ...]:
        return tuple(trial for trial in self.trials if trial.valid)

    @property
    def witnessed(self) -> bool:
        """Whether every valid repeat was counted at the receiver; False where there is none."""
        return bool(self.valid) and all(trial.witnessed for trial in self.valid)

    @property
    def counted(self) -> str:
        """The side whose rates represent the group: RECEIVED where every valid repeat has one, else SENT."""
        return RECEIVED if self.valid and all(trial.rates.received for trial in self.valid) else SENT

    def spread(self, side: str, unit: str) -> Spread | None:
        """``unit`` is an attribute of Rates (``pps``, ``l1_bps``, ...), ``side`` is SENT or RECEIVED."""
        known = [getattr(rate, unit) for trial in self.valid if (rate := trial.rate(side)) is not None]
        values = [value for value in known if value is not None]
        return Spread(median(values), min(values), max(values)) if values else None

    def median(self, side: str, unit: str) -> float | None:
        spread = self.spread(side, unit)
        return None if spread is None else spread.median

    @property
    def cv_percent(self) -> float | None:
        """Coefficient of variation of the least steady repeat, in percent: a median would hide it."""
        return max((trial.cv_percent for trial in self.valid if trial.cv_percent is not None), default=None)

    @property
    def worst_loss_percent(self) -> float | None:
        """Loss of the repeat furthest from 0, in percent: a median would hide one bad repeat."""
        values = [trial.loss.percent for trial in self.valid if trial.loss is not None]
        return max(values, key=abs) if values else None

    @property
    def in_order(self) -> bool:
        """Whether every trial is valid, witnessed, kept to its offered load, and lost nothing."""
        kept = self.limits == ("pacing",) and len(self.valid) == len(self.trials)
        return kept and self.witnessed and all(trial.loss and trial.loss.packets == 0 for trial in self.valid)

    @property
    def limits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(trial.verdict.limit for trial in self.valid))

    @property
    def bits_side(self) -> str | None:
        """The side whose bit/s are shown: what arrived where it was counted, otherwise what was sent."""
        for side in (RECEIVED, SENT):
            if self.median(side, "l1_bps") is not None:
                return side
        return None


def group_trials(trials: Iterable[TrialResult]) -> tuple[Group, ...]:
    """The groups in the order their first trial ran."""
    groups: dict[tuple[str, SendMethod, str, float | None], list[TrialResult]] = {}
    for trial in trials:
        key = (trial.case.name, trial.method, trial.offered.mode, trial.offered.value)
        groups.setdefault(key, []).append(trial)
    return tuple(Group(*key, tuple(members)) for key, members in groups.items())
