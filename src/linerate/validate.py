"""Validation of numbers from the user; the error names the option, the rule and a hint."""

from __future__ import annotations

import math

from .errors import InputError

LEAST_RATE, MOST = 0.001, 1e9
"""tcpreplay stores packets per hour and bit/s as integers: a smaller rate becomes 0, which is top speed."""
MOST_SECONDS = 7 * 86_400


def check_rate(name: str, value: object, least: float = 0, most: float = MOST) -> float:
    """``value`` as a finite number above 0, from ``least`` to ``most``; else an InputError that names the option."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or number <= 0:
        raise InputError(name, value, "must be a number above 0", f"Use a number up to {most:,.0f}.")
    if not least <= number <= most:
        raise InputError(name, value, f"must be {least:,g} to {most:,.0f}", "Use a value in this range.")
    return number


def check_whole(name: str, value: object, least: int, most: int) -> int:
    """``value`` as an integer from ``least`` to ``most``; otherwise an InputError that names the option."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(name, value, f"must be a whole number of at least {least}", f"Use {least} or more.")
    if value > most:
        raise InputError(name, value, f"must be at most {most:,}", f"Use {most:,} or less.")
    return value


def number_text(value: float) -> str:
    """``value`` without an exponent, the only form that tcpreplay accepts."""
    return format(value, "f").rstrip("0").rstrip(".")
