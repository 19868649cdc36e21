"""The offered loads that a user states: one rate, or a ramp of rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..errors import InputError
from ..validate import LEAST_RATE, MOST, check_rate

MODES = ("pps", "mbps", "percent", "multiplier", "topspeed")
MULTIPLIER, PERCENT, TOP_SPEED = "multiplier", "percent", "topspeed"
"""Times as fast as the pcap's own timing; percent of line rate, counted in L1 bits; as fast as possible."""
RAMP = ("from", "to", "step")
MOST_STEPS = 1000


def check_value(name: str, mode: str, value: object) -> float:
    """The rate as a number; else an InputError that names the option."""
    if mode == PERCENT:
        return check_rate(name, value, LEAST_RATE, most=100)
    return check_rate(name, value, LEAST_RATE)


def loads(given: Mapping[str, Any], name: str | None = None) -> list[tuple[str, float | None]]:
    """The modes and values of a load {mode, value}, or of a ramp {mode, from, to, step}.

    ``name`` is that of the value in an error, by default the mode. A ramp goes up or down from ``from``, and ends at
    ``to`` or the last step before it. InputError names a wrong key.
    """
    mode = str(given.get("mode"))
    if mode not in MODES:
        raise InputError("mode", mode, f"must be one of {', '.join(MODES)}", "Use one of them.")
    value, ramp = given.get("value"), [key for key in RAMP if given.get(key) is not None]
    if mode == TOP_SPEED:
        for key in ("value", *RAMP):
            if given.get(key) is not None:
                hint = f"Leave {'the value' if key == 'value' else key} out."
                raise InputError(key, given[key], "has no meaning at top speed", hint)
        return [(mode, None)]
    if ramp and value is not None:
        hint = "Give value, or from, to and step."
        raise InputError(ramp[0], given[ramp[0]], "has no meaning with value", hint)
    if ramp:
        return [(mode, rate) for rate in _ramp(mode, given)]
    if value is None:
        raise InputError("value", None, f"is missing: {mode} needs a rate", "Set value.")
    return [(mode, check_value(name or mode, mode, value))]


def _ramp(mode: str, given: Mapping[str, Any]) -> list[float]:
    for name in RAMP:
        if given.get(name) is None:
            raise InputError(name, None, "is missing: a ramp needs from, to and step", f"Set {name}.")
    first, last = (check_value(name, mode, given[name]) for name in ("from", "to"))
    step = check_rate("step", given["step"], LEAST_RATE, most=MOST)
    # 0.1 + 0.1 + 0.1 is not 0.3.
    steps = math.floor(abs(last - first) / step + 1e-9)
    if steps >= MOST_STEPS:
        raise InputError("step", given["step"], f"makes more than {MOST_STEPS} loads", "Use a larger step.")
    sign = 1 if last >= first else -1
    return [round(first + sign * step * number, 9) for number in range(steps + 1)]


def refuse_shared(mode: str, processes: int) -> None:
    """Raise InputError for a load that several processes cannot share."""
    if processes > 1 and mode == MULTIPLIER:
        rule = "cannot keep the times of one pcap's packets (multiplier)"
        raise InputError("processes", processes, rule, "Use one process for it, or pps, mbps or topspeed.")
