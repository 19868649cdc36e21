"""Medians and ratios of few repeats, with 95 % intervals that say what the repeats can and cannot tell.

An interval is the bootstrap's standard error of the median (Efron 1979), on the logarithm of the rate, times Student's
t for the repeats at hand (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 5.2). With three to
ten repeats the plain percentile interval of a median is at most from the lowest to the highest repeat and covers
the true ratio in some 90 % of cases with three; this one covers it in 95 % or more (tests/unit/controller).

Repeats that agree to the last packet do not make an interval of no width: what a trial can resolve is added.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median, pstdev

LEAST_REPEATS = 3
"""Two repeats say nothing of the third: below this there is no interval."""

RESAMPLES = 1000
SEED = 2544

RESOLUTION = 0.001
"""How well one trial knows its rate, as a share of it: tcpreplay's pacing and its own clock agree within 0.1 %."""

METHOD = (
    f"bootstrap standard error of the log median ({RESAMPLES:,} resamples) times Student's t, with a resolution of "
    f"{100 * RESOLUTION:g} % and one packet a trial; none below {LEAST_REPEATS} valid repeats"
)

# Student's t, 97.5 %, by degrees of freedom; beyond the table the next lower entry stands, which is wider.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120)
_T_ABOVE = ((120, 1.980), (60, 2.000), (30, 2.042), (20, 2.086), (17, 2.110))


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; ``low`` and ``high`` are None where there are too few ``repeats`` for one."""

    value: float
    low: float | None
    high: float | None
    repeats: tuple[int, ...]


@dataclass(frozen=True)
class Repeats:
    """One quantity, above zero, over the repeats of a trial. ``resolution`` is a share of it, as one trial knows it."""

    values: tuple[float, ...]
    resolution: float = RESOLUTION

    @property
    def median(self) -> float:
        return median(self.values)

    def log_error(self) -> float:
        """The bootstrap's standard error of the logarithm of the median. The same numbers give the same error."""
        return _log_error(self.values)


@lru_cache(maxsize=4096)
def _log_error(values: tuple[float, ...]) -> float:
    # One repeat's numbers are asked for by every comparison, table and plot that they stand in.
    if len(set(values)) == 1:
        return 0.0
    # Resampling needs numbers that come again, not numbers that cannot be guessed.
    draw = random.Random(SEED)  # noqa: S311
    logs = [math.log(value) for value in values]
    return pstdev(median(draw.choices(logs, k=len(logs))) for _ in range(RESAMPLES))


def estimate(repeats: Repeats) -> Estimate:
    """The median with its interval. A rate that may be 0 has no logarithm: leave such repeats out."""
    return _estimate(repeats.median, (repeats,))


def ratio(of: Repeats, to: Repeats) -> Estimate:
    """The ratio of two medians with its interval."""
    return _estimate(of.median / to.median, (of, to))


def student(degrees: int) -> float:
    """The factor of a two-sided 95 % interval."""
    if degrees <= len(_T):
        return _T[degrees - 1]
    return next(t for least, t in _T_ABOVE if degrees >= least)


def _estimate(value: float, sides: Sequence[Repeats]) -> Estimate:
    counts = tuple(len(side.values) for side in sides)
    if min(counts) < LEAST_REPEATS:
        return Estimate(value, None, None, counts)
    chance = student(sum(counts) - len(sides)) * math.hypot(*(side.log_error() for side in sides))
    factor = math.exp(math.hypot(chance, *(side.resolution for side in sides)))
    return Estimate(value, value / factor, value * factor, counts)
