"""The report's curves: rates over time, one plot for each group of repeats, as lines in a drawing of fixed size.

Only geometry is made here. The page's template writes it as inline SVG, its style sheet gives colours that follow the
reader's scheme, and its script reads single values out of :attr:`Curve.series`; without the script nothing is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from .report_axis import Axis, Reference, Tick, axis, drawn
from .report_data import Sample, Trial
from .report_groups import Group
from .report_references import references
from .report_text import clean, count, number

WIDTH, HEIGHT = 380, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 372, 20, 166
"""The size of the drawing and the edges of the plot in it, in pixels where a column is as wide as a phone."""

COLOURS = 6
"""Repeats that have a colour each; more of them share one, and their median stands out."""
_STEPS = 120
"""Steps a line is drawn with at most. More would not be seen at this width."""
_SHARE_WHILE_SENDING = 0.95
_GAP_SECONDS = 0.001
"""Intervals that end and begin within this of each other are one line: the CSV rounds to microseconds."""

Step = tuple[float, float, float]
"""Begin and end in seconds since sending began, and the mean rate in packets/s between them."""


@dataclass(frozen=True)
class Line:
    """``path`` is SVG's, ``style`` names the line in the style sheet, ``name`` says whose it is."""

    path: str
    style: str
    name: str


@dataclass(frozen=True)
class Curve:
    """One plot. ``series`` are the steps behind the lines, for reading values; ``key`` is made of ``[a-z0-9-]``."""

    key: str
    title: str
    caption: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    seconds: float
    lines: tuple[Line, ...]
    references: tuple[tuple[Reference, float], ...]
    beyond: tuple[Reference, ...]
    series: list[dict[str, object]]

    @property
    def named(self) -> list[Line]:
        """The lines that the legend explains."""
        return [line for line in self.lines if line.name]


def curves(groups: Sequence[Group]) -> list[tuple[str, Curve]]:
    """For each group that has samples the case, as text to show, and the plot: received solid, sent dashed."""
    sampled = [group for group in groups if any(trial.samples for trial in group.trials)]
    return [(clean(group.case), curve(index, group)) for index, group in enumerate(sampled, start=1)]


def curve(index: int, group: Group) -> Curve:
    """The plot of one group; ``index`` makes its key."""
    received = [steps(trial, "receiver") for trial in group.trials]
    sent = [steps(trial, "sender") for trial in group.trials]
    all_steps = [step for line in (*received, *sent) for step in line]
    high = max(pps for _, _, pps in all_steps)
    inside, beyond = drawn(references(group), high)
    x_axis = axis(max(end for _, end, _ in all_steps))
    y_axis = axis(max([high, *(reference.value for reference in inside)]) * 1.02)
    lines = _lines(group, received, sent, (x_axis, y_axis))
    return Curve(
        key=f"curve-{index}",
        title=group.title,
        caption=_caption(group, any(received), any(sent)),
        x_ticks=x_axis.ticks,
        y_ticks=y_axis.ticks,
        seconds=x_axis.top,
        lines=tuple(lines),
        references=tuple((reference, _y(y_axis, reference.value)) for reference in inside),
        beyond=tuple(beyond),
        series=[*_series("received", group, received), *_series("sent", group, sent)],
    )


def steps(trial: Trial, side: str) -> list[Step]:
    """What one side of a trial is drawn with, in the order of time.

    A sample is a mean over its interval, so it is as long as the interval. Of more samples than can be seen, the
    lowest and the highest of each stretch stay: a mean would hide the fall that the plot is there to show.
    """
    samples = sorted(_while_sending(trial, side), key=lambda sample: sample.elapsed_seconds)
    found = [(round(s.elapsed_seconds - s.interval_seconds, 6), s.elapsed_seconds, s.pps) for s in samples]
    if len(found) <= _STEPS:
        return found
    size = -(-2 * len(found) // _STEPS)
    kept: list[Step] = []
    for begin in range(0, len(found), size):
        stretch = found[begin : begin + size]
        kept += _halves(stretch)
    return kept


def _halves(stretch: Sequence[Step]) -> list[Step]:
    """The stretch as two steps, its lowest and its highest rate in the order in which they came."""
    start, end = stretch[0][0], stretch[-1][1]
    low, high = min(stretch, key=lambda step: step[2]), max(stretch, key=lambda step: step[2])
    first, second = sorted((low, high), key=lambda step: step[0])
    middle = (start + end) / 2
    return [(start, middle, first[2]), (middle, end, second[2])]


def _while_sending(trial: Trial, side: str) -> list[Sample]:
    """The intervals that lie in the sending: one that also counts the silence after it would show a fall.

    All of them where that leaves none, or where tcpreplay did not say how long it sent.
    """
    samples = [sample for sample in trial.samples or () if sample.side == side]
    claim = trial.record["claim"]
    inside = [sample for sample in samples if claim and _share(sample, claim["seconds"]) >= _SHARE_WHILE_SENDING]
    return inside or samples


def _share(sample: Sample, sending_seconds: float) -> float:
    """How much of the interval lies between the beginning and the end of sending, from 0 to 1."""
    start = sample.elapsed_seconds - sample.interval_seconds
    inside = min(sample.elapsed_seconds, sending_seconds) - max(start, 0.0)
    return max(inside, 0.0) / sample.interval_seconds if sample.interval_seconds else 0.0


def _lines(
    group: Group, received: Sequence[Sequence[Step]], sent: Sequence[Sequence[Step]], axes: tuple[Axis, Axis]
) -> list[Line]:
    """Sent below received; each repeat in its colour, or all in one with their median where they are many."""
    lines: list[Line] = []
    many = len(group.trials) > COLOURS
    for place, trial in enumerate(group.trials):
        look = "many" if many else f"c{place % COLOURS}"
        weak = "" if trial.valid else " doubtful"
        name = f"repeat {trial.record['repeat']}{'' if trial.valid else ', not valid'}"
        for verb, side in (("sent", sent[place]), ("received", received[place])):
            if side:
                own = not many and (verb == "received" or not received[place])
                lines.append(Line(_path(side, axes), f"{verb} {look}{weak}", name if own else ""))
    middle = _median([line for line in received if line]) if many and any(received) else []
    if middle:
        lines.append(Line(_path(middle, axes), "received median", "median of received"))
    return lines


def _median(lines: Sequence[Sequence[Step]]) -> list[Step]:
    """The median of many lines, interval by interval as the first of the longest has them."""
    longest = max(lines, key=len)
    return [
        (begin, end, median(line[place][2] for line in lines if place < len(line)))
        for place, (begin, end, _) in enumerate(longest)
    ]


def _path(line: Sequence[Step], axes: tuple[Axis, Axis]) -> str:
    """A stair of horizontal and vertical strokes; a missing interval is a gap."""
    parts: list[str] = []
    last: float | None = None
    for begin, end, pps in line:
        y = f"{_y(axes[1], pps):g}"
        joined = last is not None and begin - last <= _GAP_SECONDS
        parts.append(f"V{y}" if joined else f"M{_x(axes[0], begin):g} {y}")
        parts.append(f"H{_x(axes[0], end):g}")
        last = end
    return "".join(parts)


def _x(along: Axis, seconds: float) -> float:
    return round(LEFT + along.place(seconds) * (RIGHT - LEFT), 1)


def _y(along: Axis, pps: float) -> float:
    return round(BOTTOM - along.place(pps) * (BOTTOM - TOP), 1)


def _series(what: str, group: Group, side: Sequence[Sequence[Step]]) -> Iterator[dict[str, object]]:
    for trial, line in zip(group.trials, side):
        if line:
            flat = [value for begin, end, pps in line for value in (round(begin, 2), round(end, 2), round(pps))]
            yield {"of": what, "repeat": trial.record["repeat"], "steps": flat}


def _caption(group: Group, received: bool, sent: bool) -> str:
    words = ["Solid: received" if received else "Nothing received"]
    words.append("dashed: sent" if sent else "no samples of the sender")
    if len(group.trials) > COLOURS:
        words.append(f"thin: each of {number(len(group.trials))} repeats")
    unsampled = sum(not trial.samples for trial in group.trials)
    if unsampled:
        words.append(f"{count(unsampled, 'trial')} without samples")
    return ", ".join(words) + "."
