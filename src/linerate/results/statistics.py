"""Medians and ratios of few repeats, with 95 % intervals that reflect the number and the scatter of the repeats.

An interval is the bootstrap's standard error of the median (Efron 1979), on the logarithm of the rate, times Student's
t for that many repeats (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 5.2). It is never
wider than what was observed: from the lowest to the highest repeat, or ratio of two repeats. So cut, the interval of a
ratio covers the true one in 90 % of cases with three repeats and in 95 % from four on (tests/unit/results), and that of
a median in 75 % with three, 88 % with four, 94 % with five (binomial distribution).

The resolution of a trial is added, so that repeats that agree to the last packet still have an interval.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import median, pstdev

LEAST_REPEATS = 3
"""Two repeats cannot predict a third: below this there is no interval."""

RESAMPLES = 1000
SEED = 2544

RESOLUTION = 0.001
"""The resolution of one trial's rate, as a share of it: tcpreplay's pacing and its own clock agree within 0.1 %."""

METHOD = (
    f"bootstrap standard error of the log median ({RESAMPLES:,} resamples) times Student's t, with a resolution of "
    f"{100 * RESOLUTION:g} % and one packet per trial; never wider than what was observed, so that it covers less than "
    f"95 % with few repeats; none below {LEAST_REPEATS} valid repeats"
)

# Student's t, 97.5 %, by degrees of freedom; beyond the table the next lower entry applies, which is wider.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120)
_T_ABOVE = ((120, 1.980), (60, 2.000), (30, 2.042), (20, 2.086), (17, 2.110))


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; ``low`` and ``high`` are None where there are too few ``repeats`` for one."""

    value: float
    low: float | None
    high: float | None
    repeats: tuple[int, ...]

    def divided_by(self, number: float) -> Estimate:
        """The estimate as a multiple of an exact ``number``."""
        low, high = (None if bound is None else bound / number for bound in (self.low, self.high))
        return Estimate(self.value / number, low, high, self.repeats)


@dataclass(frozen=True)
class Repeats:
    """One quantity, above zero, over the repeats of a trial. ``resolution`` is that of one trial, as a share of it."""

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
    # Every comparison, table and plot that shows a group needs the same numbers.
    if len(set(values)) == 1:
        return 0.0
    # Resampling must be reproducible, not unpredictable.
    draw = random.Random(SEED)  # noqa: S311
    logs = [math.log(value) for value in values]
    return pstdev(median(draw.choices(logs, k=len(logs))) for _ in range(RESAMPLES))


def estimate(repeats: Repeats) -> Estimate:
    """The median with its interval, of repeats that differ never wider than these.

    A rate of 0 has no logarithm: leave such repeats out.
    """
    lowest, highest = min(repeats.values), max(repeats.values)
    found = _estimate(repeats.median, (repeats,), (lowest, highest))
    if found.low is None or found.high is None or lowest == highest:
        return found
    return replace(found, low=max(found.low, lowest), high=min(found.high, highest))


def ratio(of: Repeats, to: Repeats) -> Estimate:
    """The ratio of two medians with its interval."""
    observed = min(of.values) / max(to.values), max(of.values) / min(to.values)
    return _estimate(of.median / to.median, (of, to), observed)


def student(degrees: int) -> float:
    """The factor of a two-sided 95 % interval."""
    if degrees <= len(_T):
        return _T[degrees - 1]
    return next(t for least, t in _T_ABOVE if degrees >= least)


def _estimate(value: float, sides: Sequence[Repeats], observed: tuple[float, float]) -> Estimate:
    """The estimate of ``value`` by the repeats of its ``sides``, within the lowest and highest value ``observed``."""
    counts = tuple(len(side.values) for side in sides)
    if min(counts) < LEAST_REPEATS:
        return Estimate(value, None, None, counts)
    chance = student(sum(counts) - len(sides)) * math.hypot(*(side.log_error() for side in sides))
    resolution = math.hypot(*(side.resolution for side in sides))
    factor, beyond = math.exp(math.hypot(chance, resolution)), math.exp(resolution)
    low, high = max(value / factor, observed[0] / beyond), min(value * factor, observed[1] * beyond)
    return Estimate(value, low, high, counts)
