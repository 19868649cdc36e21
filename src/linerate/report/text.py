"""Formats of numbers and names, for Markdown and HTML alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ..results.groups import Group
from ..results.statistics import Estimate
from ..trial.model import Case
from ..units import GBIT, MBIT, megabits

NONE = "-"
"""Shown where there is no number."""

_IDS = 6
_NARROW = 0.03
_SCALES = ((GBIT, "Gbit/s"), (MBIT, "Mbit/s"), (1_000, "kbit/s"))


@dataclass(frozen=True)
class Folded:
    """A wall of text: ``summary`` is shown, the ``lines`` once it is opened."""

    summary: str
    lines: tuple[str, ...]


def clean(text: object) -> str:
    """One line of visible text: control characters (terminal escapes, newlines, bidirectional overrides) by number."""
    return "".join(c if _visible(c) else f"\\x{ord(c):02x}" for c in str(text))


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def number(value: int | float | None, decimals: int = 0) -> str:
    """``1234567`` as ``1,234,567``; None as a dash. Never ``-0``."""
    if value is None:
        return NONE
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def signed(value: int | None) -> str:
    """A difference: ``+3``, ``-2``, ``0``; None as a dash."""
    return NONE if value is None else f"{value:+,}" if value else "0"


def mbit(bps: float | None) -> str:
    """A rate in bit/s as a number of Mbit/s, for a column that names the unit."""
    return NONE if bps is None else number(megabits(bps), 2)


def bit_rate(bps: float) -> str:
    """A rate in bit/s with the unit that suits it: ``2.756 Gbit/s``."""
    for scale, unit in _SCALES:
        if bps >= scale:
            return f"{bps / scale:.4g} {unit}"
    return f"{bps:.4g} bit/s"


def byte_size(size: int) -> str:
    """Memory in GiB or MiB."""
    gib = size / 2**30
    return f"{gib:.1f} GiB" if gib >= 1 else f"{size / 2**20:.0f} MiB"


def offered(mode: str, value: float | None) -> str:
    """The offered load with its unit. Mbit/s count pcap bytes, without FCS."""
    if mode == "topspeed" or value is None:
        return "top speed"
    if mode == "multiplier":
        return "own timing" if value == 1 else f"own timing x {value:g}"
    if mode == "percent":
        return f"{value:g} % of line rate"
    amount = number(value, 0 if value == int(value) else 2)
    return f"{amount} pps" if mode == "pps" else f"{amount} Mbit/s pcap"


def frame(case: Case) -> str:
    """The frame length of a pcap in bytes without FCS; a range where it is mixed."""
    low, high = case.min_frame_length, case.max_frame_length
    return f"{low} B" if low == high else f"{low} to {high} B, mean {case.mean_frame_length:.0f} B"


def group_offered(group: Group) -> str:
    """The offered load of a group."""
    return offered(group.mode, group.value)


def group_title(group: Group) -> str:
    """Case, send method and offered load of a group."""
    return f"{clean(group.case_name)}, {clean(group.method.name)}, {group_offered(group)}"


def count(amount: int, noun: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def listed(ids: Sequence[str], of: int) -> str:
    """``3 of 24 trials (001-a, 002-b, 003-c)``, with at most six ids."""
    shown = [clean(trial_id) for trial_id in ids[:_IDS]]
    rest = f" and {len(ids) - len(shown):,} more" if len(ids) > len(shown) else ""
    return f"{len(ids):,} of {count(of, 'trial')} ({', '.join(shown)}{rest})"


def interval_text(found: Estimate | None) -> str:
    """A ratio with its interval, as ``1.73 (1.70-1.76)``; three decimals where two would hide the interval."""
    if found is None:
        return NONE
    if found.low is None or found.high is None:
        return number(found.value, 2)
    digits = 3 if found.high - found.low < _NARROW else 2
    return f"{number(found.value, digits)} ({number(found.low, digits)}-{number(found.high, digits)})"


def rate_text(found: Estimate | None) -> str:
    """A rate in packets/s with its interval, as ``20,000 (19,980-20,020)``."""
    if found is None or found.low is None:
        return number(None if found is None else found.value)
    return f"{number(found.value)} ({number(found.low)}-{number(found.high)})"
