"""Back-to-back frames of a run: the table and the charts."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.searches import BACK_TO_BACK
from ..search.outcome import LoadPoint, Outcome
from ..units import FCS
from .axis import axis
from .chart import Chart, Scales, chart
from .loads import loss_chart
from .text import NONE, clean, number

STANDARD = (
    "Longest burst at the sender's top speed of which no frame is lost (RFC 2544 section 26.4, RFC 9004). The search "
    "is repeated; a burst that lost frames is sent again, and is too long where it loses again. Buffer time is the "
    "mean burst divided by its rate; the corrected one leaves out what the device forwards meanwhile at its "
    "throughput. Deviation from RFC 2544: a burst has the rate of the sender, which may be less than line rate."
)
_MOST = 4
"""Bursts up to so many times the shortest that lost frames are drawn; longer ones would hide those near the limit."""


def rows(found: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """A row for each search for back-to-back frames."""
    return [_row(outcome) for outcome in found if outcome.kind == BACK_TO_BACK]


def _row(outcome: Outcome) -> tuple[str, ...]:
    bursts, size = outcome.bursts, number(outcome.case.mean_frame_length + FCS)
    name, method = clean(outcome.case.name), clean(outcome.method.name)
    if bursts is None:
        return (name, size, method, *(NONE,) * 8, clean(outcome.problem or ""))
    longest = number(bursts.mean, 1)
    if bursts.without_loss:
        longest = f"no loss up to {number(bursts.longest_tried)}"
        longest += "" if bursts.without_loss == len(bursts.repeats) else f" in {bursts.without_loss} repeats"
    spread = NONE if bursts.minimum is None else f"{number(bursts.minimum)} to {number(bursts.maximum)}"
    return (
        name,
        size,
        method,
        longest,
        number(bursts.median),
        spread,
        number(bursts.deviation, 1),
        number(len(bursts.repeats)),
        _rate(bursts.pps, bursts.line_rate_percent),
        _milliseconds(bursts.buffer_seconds),
        _milliseconds(bursts.corrected_buffer_seconds),
        clean(outcome.limited_by or NONE),
    )


def _rate(pps: float | None, of_line: float | None) -> str:
    return number(pps) if of_line is None else f"{number(pps)} ({number(of_line, 2)} %)"


def _milliseconds(seconds: float | None) -> str:
    return NONE if seconds is None else number(1e3 * seconds, 3)


def charts(found: Sequence[Outcome]) -> list[Chart]:
    """The longest burst over frame size, where several sizes have one; and loss over burst length for each search."""
    searched = [outcome for outcome in found if outcome.kind == BACK_TO_BACK]
    sizes = [one for one in searched if one.bursts and one.bursts.mean is not None and _one_size(one)]
    return [
        *([_size_chart(sizes, len(searched) - len(sizes))] if len(sizes) > 1 else []),
        *(_loss_over_length(one) for one in searched if one.points),
    ]


def _one_size(outcome: Outcome) -> bool:
    return outcome.case.min_frame_length == outcome.case.max_frame_length


def _size_chart(found: Sequence[Outcome], others: int) -> Chart:
    ordered = sorted(found, key=lambda one: one.case.mean_frame_length)
    means = [(one.case.mean_frame_length + FCS, one.bursts.mean or 0.0) for one in ordered if one.bursts]
    repeats = [
        ((size, float(burst.longest)), f"{clean(one.case.name)}: {number(burst.longest)} frames")
        for one, (size, _) in zip(ordered, means)
        for burst in (one.bursts.repeats if one.bursts else ())
    ]
    highest = max(length for (_, length), _ in repeats)
    left_out = f" Without {others} cases of mixed sizes, without loss or without a result." if others else ""
    return chart(
        "Longest burst without loss over frame size",
        Scales(axis(means[-1][0]), "frame size with FCS, bytes", axis(highest), "frames"),
        [("received c0", means)],
        repeats,
        f"Line: the mean; each point is a repeat.{left_out}",
    )


def _loss_over_length(outcome: Outcome) -> Chart:
    lost = [point.sent for point in outcome.points if point.loss_percent > 0]
    most = _MOST * min(lost) if lost else max(point.sent for point in outcome.points)
    drawn = sorted((point for point in outcome.points if point.sent <= most), key=_length)
    points = [
        ((float(one.sent), one.loss_percent), f"{number(one.sent)} frames: loss {number(one.loss_percent, 4)} %")
        for one in drawn
    ]
    longer = "" if len(drawn) == len(outcome.points) else " Much longer ones are left out."
    name = f"{clean(outcome.case.name)} by {clean(outcome.method.name)}"
    note = f"Each point is a burst.{longer}"
    return loss_chart(f"Loss over burst length: {name}", "burst length, frames", points, note)


def _length(point: LoadPoint) -> tuple[int, float]:
    return point.sent, point.loss_percent
