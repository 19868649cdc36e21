"""The highest rate of each send method over the frame size, below the line-rate curve."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.groups import Group
from ..trial.model import LineRate
from ..units import FCS, line_rate_pps
from .axis import axis, drawn_top
from .chart import Chart, Scales, chart
from .plots import COLOURS
from .text import clean, group_offered, number

_STEPS = 60
"""The line-rate curve is drawn with as many steps."""

Best = dict[float, "tuple[float, Group]"]
"""The highest rate in packets/s and its group, by the frame size with FCS."""


def size_charts(groups: Sequence[Group], has_line_rate: bool) -> list[Chart]:
    """One chart where a send method sent several frame sizes as fast as it could; none for paced loads alone."""
    methods: dict[str, Best] = {}
    for group in groups:
        rate, case = group.median(group.counted, "pps"), group.case
        if rate is None or case.min_frame_length != case.max_frame_length or set(group.limits) <= {"pacing"}:
            continue
        sizes = methods.setdefault(clean(group.method.name), {})
        size = case.mean_frame_length + FCS
        sizes[size] = max(sizes.get(size, (0.0, group)), (rate, group), key=lambda entry: entry[0])
    shown = {name: dict(sorted(best.items())) for name, best in methods.items() if len(best) > 1}
    line = groups[0].trials[0].line_rate if groups and has_line_rate else None
    return [_chart(shown, line)] if shown else []


def _chart(methods: dict[str, Best], line: LineRate | None) -> Chart:
    sizes = [size for best in methods.values() for size in best]
    smallest, largest = min(sizes), max(sizes)
    high = max(rate for best in methods.values() for rate, _ in best.values())
    least = line_rate_pps(line.bps, largest - FCS) if line else 0.0
    y_axis = axis(1.02 * drawn_top(high, least))
    steps = [smallest + (largest - smallest) * step / _STEPS for step in range(_STEPS + 1)] if line else []
    curve = [(size, rate) for size in steps if line and (rate := line_rate_pps(line.bps, size - FCS)) <= y_axis.top]
    styles = {name: f"c{place % COLOURS}" for place, name in enumerate(methods)}
    measured = [
        (f"rated {styles[name]}", [(size, rate) for size, (rate, _) in best.items()]) for name, best in methods.items()
    ]
    return chart(
        "Highest rate over frame size",
        Scales(axis(largest), "frame size with FCS, bytes", y_axis, "pps"),
        [("line-rate", curve), *measured],
        [
            ((size, rate), f"{clean(group.case_name)}, {name}, {group_offered(group)}: {number(rate)} pps")
            for name, best in methods.items()
            for size, (rate, group) in best.items()
        ],
        _note(line, len(curve), len(steps)),
        tuple((styles[name], name) for name in methods) + ((("line-rate", "line rate"),) if curve else ()),
    )


def _note(line: LineRate | None, inside: int, of: int) -> str:
    note = (
        "Median of the valid repeats of the fastest case and load of each size; nothing was measured between the points"
    )
    if line is None:
        return f"{note}. Line rate: not applicable, the link is virtual."
    beyond = "" if inside == of else "; the line rate of the smaller frames is beyond this chart" if inside else ""
    return f"{note}{beyond}." if inside else f"{note}. The line rate is beyond this chart."
