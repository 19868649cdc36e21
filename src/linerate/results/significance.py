"""Whether two sets of repeats differ: Welch's t-test of the logarithms, with Holm's correction for many tests.

Logarithms, since a ratio is tested. A difference within the resolution of the trials is none. An interval alone would
call too much significant: with three repeats it covers 90 % (results.statistics), and a comparison has many rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

from .statistics import LEAST_REPEATS, Repeats

LEVEL = 0.05
"""How often a comparison of equal runs may call any of its rows different."""

METHOD = (
    f"Welch's t-test of the logarithms of the repeats with Holm's correction, {100 * LEVEL:g} % for all rows together, "
    f"from {LEAST_REPEATS} valid repeats on each side"
)

_STEPS = 1000
_MOST_DEGREES = 1000.0
"""From here on Student's t is the normal distribution."""


def p_value(one: Repeats, other: Repeats) -> float | None:
    """The two-sided probability of a difference as large as this between equal rates; None with too few repeats."""
    sides = [[math.log(value) for value in side.values] for side in (one, other)]
    if min(map(len, sides)) < LEAST_REPEATS:
        return None
    beyond = abs(fmean(sides[0]) - fmean(sides[1])) - math.hypot(one.resolution, other.resolution)
    if beyond <= 0:
        return 1.0
    parts = [variance(side) / len(side) for side in sides]
    if not sum(parts):
        return 0.0
    degrees = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides))
    return _student_tails(beyond / math.sqrt(sum(parts)), min(degrees, _MOST_DEGREES))


def _student_tails(t: float, degrees: float) -> float:
    """The probability that Student's t is beyond ``t`` or ``-t``, with t > 0; ``degrees`` are 1 to _MOST_DEGREES.

    By Simpson's rule: with t = sqrt(degrees) tan(a) the density becomes a power of cos(a), over a finite range.
    """
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(math.pi)
    start = math.atan(t / math.sqrt(degrees))
    step = (math.pi / 2 - start) / _STEPS
    heights = [max(0.0, math.cos(start + place * step)) ** (degrees - 1) for place in range(_STEPS + 1)]
    area = heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return float(min(1.0, 2 * scale * area * step / 3))


def significant(p_values: Sequence[float | None], level: float = LEVEL) -> list[bool]:
    """Which of the tests are significant, so that all together err by ``level`` (Holm 1979); never one without p."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    found = [False] * len(p_values)
    for rank, (p, place) in enumerate(known):
        if p > level / (len(known) - rank):
            break
        found[place] = True
    return found
