"""The report's comparison plot: blocks of comparable bars, each block with an axis of its own.

Positions are percent of the axis, so that the bars are as wide as the page and their labels stay text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..results.compare import Member, member, rates
from ..results.groups import Group
from ..results.model import RECEIVED, SENT
from .axis import Axis, Reference, Tick, axis, drawn
from .references import references
from .text import clean, frame, group_offered, number, rate_text


@dataclass(frozen=True)
class Interval:
    """A median with its 95 % interval, each repeat, and the median of what was sent, in percent of the axis."""

    median: float
    low: float
    high: float
    repeats: tuple[float, ...]
    sent: float | None


@dataclass(frozen=True)
class Bar:
    """One group: ``text`` has its numbers; ``rate`` is None where there is no valid trial.

    ``lost`` is the loss of the worst repeat in percent, None where it is not known.
    """

    label: str
    text: str
    rate: Interval | None
    witnessed: bool
    lost: str | None = None


@dataclass(frozen=True)
class Block:
    """Bars on one axis. ``references`` have their position in percent; ``beyond`` are too far right of the data.

    ``in_order``: every bar is of paced trials that kept to the offered load without loss.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    references: tuple[tuple[Reference, float], ...]
    beyond: tuple[Reference, ...]
    in_order: bool


def blocks(groups: Sequence[Group], has_line_rate: bool) -> list[Block]:
    """Groups side by side: the send methods of one case and offered load, or the cases where there is one method."""
    several = len({group.method for group in groups}) > 1
    members: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        offered = group_offered(group)
        key = (group.case_name, frame(group.case), offered) if several else (group.method.name, offered)
        members.setdefault(key, []).append(group)
    rated = {key: found for key, found in members.items() if any(group.valid for group in found)}
    return [_block(key, found, several, has_line_rate) for key, found in rated.items()]


def _block(key: Sequence[str], groups: Sequence[Group], several: bool, has_line_rate: bool) -> Block:
    members = [member(group) for group in groups]
    sent = [group.median(SENT, "pps") or 0.0 for group in groups]
    high = max([*sent, *(pps for found in members for pps in (_interval(found)[2], *_repeats(found)))])
    inside, beyond = drawn(references(groups, has_line_rate), high)
    scale = axis(max([high, *(reference.value for reference in inside)]) * 1.02)
    return Block(
        title=", ".join(clean(part) for part in key),
        bars=tuple(_bar(found, scale, several) for found in members),
        ticks=scale.ticks,
        references=tuple((reference, scale.percent(reference.value)) for reference in inside),
        beyond=tuple(beyond),
        in_order=all(group.in_order for group in groups),
    )


def _interval(found: Member) -> tuple[float, float, float]:
    """Median, low and high in packets/s, within the repeats; all the same where these are too few for an interval."""
    if found.pps is None:
        return 0.0, 0.0, 0.0
    value, low, high = found.pps.value, found.pps.low, found.pps.high
    if low is None or high is None:
        return value, value, value
    # Equal repeats have an interval by their resolution, which is no scatter.
    return value, max(low, min(_repeats(found))), min(high, max(_repeats(found)))


def _repeats(found: Member) -> tuple[float, ...]:
    return rates(found.group, found.counted).values


def _bar(found: Member, scale: Axis, several: bool) -> Bar:
    group = found.group
    label = clean(found.method.name) if several else f"{clean(group.case_name)}, {frame(group.case)}"
    if found.pps is None:
        return Bar(label, "no valid trial", None, True)
    median, low, high = (scale.percent(value) for value in _interval(found))
    repeats = tuple(scale.percent(pps) for pps in _repeats(found))
    sent = group.median(SENT, "pps") if found.counted == RECEIVED else None
    rate = Interval(median, low, high, repeats, None if sent is None else scale.percent(sent))
    side = "" if found.counted == RECEIVED else f" {found.counted}"
    lost = number(group.worst_loss_percent, 3) if group.worst_loss_percent else None
    return Bar(label, f"{rate_text(found.pps)} pps{side}", rate, group.witnessed, lost)
