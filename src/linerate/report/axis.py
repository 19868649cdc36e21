"""Axes of the report's plots, with round ticks from zero, and their reference lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_SCALES = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
_WITHIN = 1.6
"""A reference line up to this many times above the data is drawn; a higher one would flatten the data."""


@dataclass(frozen=True)
class Tick:
    """A position on an axis from 0 to 1, and its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Reference:
    """A value to compare data with, in the axis's unit. ``style`` names its line in the style sheet."""

    style: str
    label: str
    value: float


@dataclass(frozen=True)
class Axis:
    """From zero to ``top``; ``ticks`` are round numbers, the last one at ``top``."""

    top: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """The position of ``value``, from 0 to 1."""
        return min(max(value / self.top, 0.0), 1.0)

    def percent(self, value: float) -> float:
        """The position of ``value`` in percent of the axis, to a hundredth."""
        return round(100 * self.place(value), 2)


def axis(high: float, wanted: int = 5) -> Axis:
    """An axis that holds ``high`` with at most ``wanted`` steps."""
    least = high / wanted if high > 0 else 1 / wanted
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in _ROUND if power * factor >= least * (1 - 1e-9))
    steps = max(1, math.ceil(high / step - 1e-9))
    top = step * steps
    return Axis(top, tuple(Tick(i / steps, short(i * step)) for i in range(steps + 1)))


def drawn(references: Sequence[Reference], high: float) -> tuple[list[Reference], list[Reference]]:
    """The references inside a plot of data up to ``high``, and those too far above it."""
    inside = [reference for reference in references if reference.value <= _WITHIN * high]
    return inside, [reference for reference in references if reference not in inside]


def drawn_top(high: float, reference: float) -> float:
    """The top of a plot of data up to ``high``: the ``reference``, unless it would flatten the data."""
    return max(high, reference) if reference <= _WITHIN * high else high


def short(value: float) -> str:
    """``250000`` as ``250k``, for a tick."""
    for scale, letter in _SCALES:
        if value >= scale:
            return f"{value / scale:.6g}{letter}"
    return f"{value:.6g}"
