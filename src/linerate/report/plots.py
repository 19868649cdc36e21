"""The report's curves: rates over time, one plot for each case and offered load, as lines in a drawing of fixed size.

This is geometry only. The page's template writes it as inline SVG, its style sheet gives colours that follow the
reader's scheme, and its script reads single values from :attr:`Curve.series`; the plots are complete without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from ..results.curves import group_curve
from ..results.groups import Group
from ..results.model import RECEIVED, TrialResult
from ..results.run import Run
from ..results.samples import RECEIVER, SENDER
from .axis import Axis, Reference, Tick, axis, drawn
from .references import references
from .text import NONE, clean, count, frame, group_offered, group_title, number

WIDTH, HEIGHT = 380, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 372, 20, 166
"""The size of the drawing and the edges of the plot in it, in pixels where a column is as wide as a phone."""

COLOURS = 6
"""Repeats, or send methods, with a colour each. More repeats share one, and their median is drawn bold."""
_STEPS = 120
"""A line has at most this many steps. More would not be visible at this width."""
_GAP_SECONDS = 0.001
"""Intervals that end and begin within this of each other are one line: the CSV rounds to microseconds."""

Step = tuple[float, float, float]
"""Start and end in seconds since sending began, and the mean rate in packets/s between them."""


@dataclass(frozen=True)
class Line:
    """``path`` is SVG's, ``style`` names the line in the style sheet, ``name`` is its text in the legend."""

    path: str
    style: str
    name: str


@dataclass(frozen=True)
class Curve:
    """One plot. ``series`` are the steps of the lines, for reading values; ``key`` consists of ``[a-z0-9-]``."""

    key: str
    case: str
    title: str
    caption: str
    numbers: tuple[tuple[str, ...], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    seconds: float
    lines: tuple[Line, ...]
    references: tuple[tuple[Reference, float], ...]
    beyond: tuple[Reference, ...]
    series: list[dict[str, object]]
    in_order: bool
    """Whether it shows only paced trials that kept to the offered load without loss."""

    @property
    def named(self) -> list[Line]:
        """The lines of the legend."""
        return [line for line in self.lines if line.name]


@dataclass(frozen=True)
class _Traces:
    """What is drawn of a group: for each of its trials the steps of either side."""

    group: Group
    received: list[list[Step]]
    sent: list[list[Step]]

    @property
    def steps(self) -> list[Step]:
        return [step for line in (*self.received, *self.sent) for step in line]


def curves(run: Run, groups: Sequence[Group]) -> list[Curve]:
    """A plot for each case and offered load that has samples, with all its send methods."""
    shared: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        if any(run.samples[trial.trial_id] for trial in group.trials):
            shared.setdefault((group.case_name, group_offered(group)), []).append(group)
    return [curve(run, index, members) for index, members in enumerate(shared.values(), start=1)]


def curve(run: Run, index: int, groups: Sequence[Group]) -> Curve:
    """The plot of one case at one offered load; ``index`` makes its key."""
    traces = [
        _Traces(group, *([steps(run, trial, side) for trial in group.trials] for side in (RECEIVER, SENDER)))
        for group in groups
    ]
    every = [step for trace in traces for step in trace.steps]
    high = max(pps for _, _, pps in every)
    inside, beyond = drawn(references(groups, run.has_line_rate), high)
    x_axis = axis(max(end for _, end, _ in every))
    y_axis = axis(max([high, *(reference.value for reference in inside)]) * 1.02)
    axes, several = (x_axis, y_axis), len(groups) > 1
    lines = [line for place, trace in enumerate(traces) for line in _methods(place, trace, axes)] if several else []
    first = groups[0]
    return Curve(
        key=f"curve-{index}",
        case=clean(first.case_name),
        title=_title(first) if several else group_title(first),
        caption=_caption(run, traces),
        numbers=tuple(row for group in groups if (row := _numbers(group))),
        x_ticks=x_axis.ticks,
        y_ticks=y_axis.ticks,
        seconds=x_axis.top,
        lines=tuple(lines or _repeats(traces[0], axes)),
        references=tuple((reference, _y(y_axis, reference.value)) for reference in inside),
        beyond=tuple(beyond),
        series=[entry for trace in traces for entry in _series(trace, several)],
        in_order=all(group.in_order for group in groups),
    )


def _title(group: Group) -> str:
    """What all send methods of a plot have in common."""
    return f"{clean(group.case_name)}, {frame(group.case)}, {group_offered(group)}"


def steps(run: Run, trial: TrialResult, side: str) -> list[Step]:
    """The steps that are drawn for one side of a trial, in the order of time.

    A sample is a mean over its interval, so its step is as long as the interval. With more samples than are visible,
    the lowest and the highest of each stretch are kept: a mean would hide the drop that the plot must show.
    """
    samples = [sample for sample in run.samples[trial.trial_id] or () if sample.side == side]
    samples.sort(key=lambda sample: sample.elapsed_seconds)
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
    """The stretch as two steps, its lowest and its highest rate in their order of time."""
    start, end = stretch[0][0], stretch[-1][1]
    low, high = min(stretch, key=lambda step: step[2]), max(stretch, key=lambda step: step[2])
    first, second = sorted((low, high), key=lambda step: step[0])
    middle = (start + end) / 2
    return [(start, middle, first[2]), (middle, end, second[2])]


def _methods(place: int, trace: _Traces, axes: tuple[Axis, Axis]) -> list[Line]:
    """One send method of several: its repeats in its colour, and their median; sent where nothing was received."""
    colour = f"c{place % COLOURS}"
    shown = [received or sent for received, sent in zip(trace.received, trace.sent)]
    shown = [line for line in shown if line]
    name = clean(trace.group.method.name)
    if len(shown) == 1:
        return [Line(_path(shown[0], axes), f"received {colour}", name)]
    lines = [Line(_path(line, axes), f"received {colour} many", "") for line in shown]
    return [*lines, Line(_path(_median(shown), axes), f"received {colour} median", name)]


def _repeats(trace: _Traces, axes: tuple[Axis, Axis]) -> list[Line]:
    """A single send method: sent below received; each repeat in its colour, or all in one with their median."""
    below: list[Line] = []
    above: list[Line] = []
    many = len(trace.group.trials) > COLOURS
    for place, trial in enumerate(trace.group.trials):
        look = "many" if many else f"c{place % COLOURS}"
        weak = "" if trial.valid else " doubtful"
        name = f"repeat {trial.repeat}{'' if trial.valid else ', not valid'}"
        received, sent = trace.received[place], trace.sent[place]
        for verb, side, lines in (("sent", sent, below), ("received", received, above)):
            if side:
                own = not many and (verb == "received" or not received)
                lines.append(Line(_path(side, axes), f"{verb} {look}{weak}", name if own else ""))
    known = [line for line in trace.received if line]
    if many and known:
        above.append(Line(_path(_median(known), axes), "received median", "median of received"))
    return [*below, *above]


def _median(lines: Sequence[Sequence[Step]]) -> list[Step]:
    """The median of many lines, at the intervals of the longest."""
    longest = max(lines, key=len)
    return [
        (begin, end, median(line[place][2] for line in lines if place < len(line)))
        for place, (begin, end, _) in enumerate(longest)
    ]


def _path(line: Sequence[Step], axes: tuple[Axis, Axis]) -> str:
    """A staircase of horizontal and vertical strokes; a missing interval is a gap."""
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


def _series(trace: _Traces, several: bool) -> Iterator[dict[str, object]]:
    """For reading values: the line's name, its repeat, and start, end and rate of its steps in a row."""
    method = f"{clean(trace.group.method.name)}, " if several else ""
    for verb, side in (("received", trace.received), ("sent", trace.sent)):
        for trial, line in zip(trace.group.trials, side):
            if line:
                flat = [value for begin, end, pps in line for value in (round(begin, 2), round(end, 2), round(pps))]
                yield {"of": f"{method}{verb}", "repeat": trial.repeat, "steps": flat}


def _numbers(group: Group) -> tuple[str, ...] | None:
    """Send method, and "sent" where nothing was received; mean, lowest, highest, CV, grade. None without a curve."""
    found = group_curve(group)
    if found is None:
        return None
    method = clean(group.method.name) + ("" if found.counted == RECEIVED else f", {found.counted}")
    rates = (number(found.mean_pps), number(found.min_pps), number(found.max_pps))
    return (method, *rates, number(found.cv_percent, 2), found.stability or NONE)


def _caption(run: Run, traces: Sequence[_Traces]) -> str:
    """What the lines are, and what is missing."""
    if len(traces) > 1:
        words = ["Received, or sent where nothing was received"]
        if any(len(trace.group.trials) > 1 for trace in traces):
            words.append("thin: each repeat, bold: the median of the repeats")
    else:
        words = ["Narrow line: received" if any(traces[0].received) else "Nothing received"]
        words.append("wide, pale line below it: sent" if any(traces[0].sent) else "no samples from the sender")
        if len(traces[0].group.trials) > COLOURS:
            words.append(f"thin: each of {number(len(traces[0].group.trials))} repeats")
    unsampled = sum(not run.samples[trial.trial_id] for trace in traces for trial in trace.group.trials)
    if unsampled:
        words.append(f"{count(unsampled, 'trial')} without samples")
    return ", ".join(words) + "."
