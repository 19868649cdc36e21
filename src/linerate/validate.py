"""Checks of numbers that a user gives, with one error that names the option, the rule and the fix."""

from __future__ import annotations

import math

from .errors import InputError

LEAST_RATE, MOST = 0.001, 1e9
"""tcpreplay keeps packets an hour and bit/s as whole numbers: a smaller rate becomes 0, which is top speed."""
MOST_SECONDS = 7 * 86_400


def check_rate(name: str, value: object, least: float = 0, most: float = MOST) -> float:
    """``value`` as a finite number above zero, of ``least`` to ``most``; InputError names the option otherwise."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or number <= 0:
        raise InputError(name, value, "must be a number above 0", f"Give {name} as a number, such as 1000.")
    if not least <= number <= most:
        raise InputError(name, value, f"must be {least:,g} to {most:,.0f}", f"Give {name} within these bounds.")
    return number


def check_whole(name: str, value: object, least: int, most: int) -> int:
    """``value`` as a whole number of ``least`` to ``most``; InputError names the option otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(name, value, f"must be a whole number of at least {least}", f"Give another {name}.")
    if value > most:
        raise InputError(name, value, f"must be at most {most:,}", f"Give {name} within this bound.")
    return value


def number_text(value: float) -> str:
    """``value`` without an exponent, as tcpreplay takes it."""
    return format(value, "f").rstrip("0").rstrip(".")
