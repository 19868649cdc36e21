"""What a run must reach, as run.json states it: the limits that the report checks when the run has ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ..errors import InputError
from ..record import Record
from ..tcpreplay.options import PACING
from ..trial.engines.registry import engines
from ..validate import check_rate
from .searches import Search

_HINT = "Correct benchmark_expect."
_NUMBERS = ("value", "min_pps", "min_line_rate_percent", "max_loss_percent")


@dataclass(frozen=True)
class Expectation(Record):
    """Limits for the results that it selects: by case, engine, adapter and offered load; None selects all.

    With ``goal`` it is for the throughput that a search found for that goal. The rates are medians of the valid repeats
    (packets/s, and percent of line rate), received, or sent where they were not witnessed; ``max_loss_percent`` is for
    the worst repeat.
    """

    case: str | None = None
    engine: str | None = None
    adapter: str | None = None
    mode: str | None = None
    value: float | None = None
    goal: str | None = None
    min_pps: float | None = None
    min_line_rate_percent: float | None = None
    max_loss_percent: float | None = None

    def __post_init__(self) -> None:
        if (self.min_pps, self.min_line_rate_percent, self.max_loss_percent) == (None, None, None):
            hint = "Add min_pps, min_line_rate_percent or max_loss_percent."
            raise InputError("benchmark_expect", self.selection, "has no limit", hint)
        if self.min_pps is not None:
            check_rate("benchmark_expect: min_pps", self.min_pps)
        if self.min_line_rate_percent is not None:
            check_rate("benchmark_expect: min_line_rate_percent", self.min_line_rate_percent, most=100)
        if self.max_loss_percent is not None and not 0 <= self.max_loss_percent <= 100:
            raise InputError("benchmark_expect: max_loss_percent", self.max_loss_percent, "must be 0 to 100", _HINT)
        if self.mode is not None and self.mode not in PACING:
            raise InputError("benchmark_expect: mode", self.mode, f"must be one of {', '.join(PACING)}", _HINT)
        if self.goal is not None and (self.mode is not None or self.max_loss_percent is not None):
            rule = "excludes mode, value and max_loss_percent: a search chooses the loads, and its goal states the loss"
            raise InputError("benchmark_expect: goal", self.goal, rule, _HINT)

    @property
    def selection(self) -> str:
        """What it selects, in words."""
        parts = (self.case, self.engine, self.adapter, self.mode, self.value, self.goal and f"goal {self.goal}")
        return " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts if part) or "every case"

    def selects(self, case: str, engine: str, adapter: str | None) -> bool:
        """Whether it is for that case by that send method."""
        wanted = ((self.case, case), (self.engine, engine), (self.adapter, adapter))
        return all(one is None or one == other for one, other in wanted)

    def selects_load(self, mode: str, value: float | None) -> bool:
        """Whether it is for that offered load."""
        return self.mode in (None, mode) and self.value in (None, value)


@dataclass(frozen=True)
class Gates(Record):
    """What decides whether a run passes. ``fail_on_invalid``: every trial of the plan must have a valid result."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"expect": Expectation}

    fail_on_invalid: bool = True
    expect: tuple[Expectation, ...] = ()


def gates_of(
    fail_on_invalid: bool, given: Iterable[Mapping[str, Any]], cases: Iterable[str], searches: Iterable[Search]
) -> Gates:
    """The gates of a scenario. InputError names an expectation for what is not in its cases, engines or goals."""
    expect = tuple(expectation_of(one) for one in given)
    known = list(dict.fromkeys(cases))
    goals = list(dict.fromkeys(goal.name for search in searches for goal in search.goals))
    for one in expect:
        for name, value, among in (
            ("case", one.case, known),
            ("engine", one.engine, list(engines())),
            ("goal", one.goal, goals),
        ):
            if value is not None and value not in among:
                rule = f"must be one of {', '.join(among)}" if among else f"names a {name}, and this run has none"
                raise InputError(f"benchmark_expect: {name}", value, rule, _HINT)
    return Gates(fail_on_invalid, expect)


def expectation_of(given: Mapping[str, Any]) -> Expectation:
    """The expectation of an element of benchmark_expect; None stands for a key that is not there."""
    names = [field.name for field in fields(Expectation)]
    unknown = sorted(given.keys() - set(names))
    if unknown:
        raise InputError("benchmark_expect", ", ".join(unknown), f"must be one of {', '.join(names)}", _HINT)
    known = {name: value for name, value in given.items() if value is not None}
    numbers = {name: _number(name, value) for name, value in known.items() if name in _NUMBERS}
    return Expectation.from_json({**known, **numbers})


def _number(name: str, value: object) -> float:
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool) and math.isfinite(float(value)):
            return float(value)
    except ValueError:
        pass
    raise InputError(f"benchmark_expect: {name}", value, "must be a number", _HINT)
