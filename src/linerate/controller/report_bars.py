"""The report's comparison plot: blocks of bars that may be compared, each block with an axis of its own.

Places are percent of the axis, so that the bars are as wide as the page is and their labels stay text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .report_axis import Axis, Reference, Tick, axis, drawn
from .report_groups import Group, Spread
from .report_references import references
from .report_text import clean, number


@dataclass(frozen=True)
class Interval:
    """Where a median and its interval stand, in percent of the axis."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Bar:
    """One group: ``text`` are its numbers as words; ``rate`` is None where there is no valid trial."""

    label: str
    text: str
    rate: Interval | None
    sent: float | None
    witnessed: bool


@dataclass(frozen=True)
class Block:
    """Bars on one axis. ``references`` come with their place in percent; ``beyond`` are too far right of the data."""

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    references: tuple[tuple[Reference, float], ...]
    beyond: tuple[Reference, ...]


def blocks(groups: Sequence[Group]) -> list[Block]:
    """Groups side by side: the engines of one case and offered rate, or the cases where there is one engine."""
    several = len({group.engine for group in groups}) > 1
    members: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        key = (group.case, group.frame, group.offered) if several else (group.engine, group.offered)
        members.setdefault(key, []).append(group)
    return [_block(key, found, several) for key, found in members.items() if any(group.valid for group in found)]


def _block(key: Sequence[str], groups: Sequence[Group], several: bool) -> Block:
    rates = [_rate(group) for group in groups]
    high = max((rate.high for rate in rates if rate), default=0.0)
    shared = [ref for ref in references(groups[0]) if all(ref in references(group) for group in groups)]
    inside, beyond = drawn(shared, high)
    scale = axis(max([high, *(reference.value for reference in inside)]) * 1.02)
    return Block(
        title=", ".join(clean(part) for part in key),
        bars=tuple(_bar(group, rate, scale, several) for group, rate in zip(groups, rates)),
        ticks=scale.ticks,
        references=tuple((reference, scale.percent(reference.value)) for reference in inside),
        beyond=tuple(beyond),
    )


def _rate(group: Group) -> Spread | None:
    """What arrived where it was counted, otherwise what was sent, in packets/s."""
    return group.spread(group.bits_side, "pps") if group.bits_side else None


def _bar(group: Group, rate: Spread | None, scale: Axis, several: bool) -> Bar:
    label = group.engine if several else f"{clean(group.case)}, {group.frame}"
    if rate is None:
        return Bar(label, "no valid trial", None, None, True)
    sent = group.median("sent", "pps")
    spread = f"{number(rate.low)} to {number(rate.high)}" if rate.low != rate.high else "one value"
    return Bar(
        label,
        f"{number(rate.median)} pps ({spread})",
        Interval(scale.percent(rate.median), scale.percent(rate.low), scale.percent(rate.high)),
        None if sent is None else scale.percent(sent),
        group.witnessed,
    )
