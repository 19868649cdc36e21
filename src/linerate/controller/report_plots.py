"""The report's figures as Plotly JSON.

Colours of traces are fixed and readable on white and on black; fonts, grid and background are left to the
page's script, which follows the reader's light or dark scheme.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from .report_data import SIDES, Sample, Trial
from .report_groups import Group
from .report_text import clean, count, number

COLOURS = ("#2f7fd0", "#d9762b", "#2f9e6e", "#b0569f", "#8a7a1f", "#5f6fd6", "#c94f4f", "#3a9fb0")
OFFERED_COLOUR = "#8d949e"
_LEGEND_ENTRIES = 8
"""More repeats than this would make the legend taller than the plot."""
_LABEL = 20
_SHARE_WHILE_SENDING = 0.95
_CURVE_HEIGHT = (300, 225)
_BARS_HEIGHT = (340, 300)
"""In pixels, on the screen and on paper, where two rows of curves fill a page."""
_GAP_SECONDS = 0.001
"""Intervals that end and begin within this of each other are one line: the CSV rounds to microseconds."""


@dataclass(frozen=True)
class Figure:
    """One figure: ``json`` goes into a script element as it is, ``caption`` says what is seen; heights in pixels."""

    key: str
    title: str
    caption: str
    json: str
    height: int
    paper_height: int


def curves(groups: Sequence[Group]) -> list[Figure]:
    """Per group the rates of its repeats over time: received solid, sent dashed, offered dotted."""
    return [_curve(index, group) for index, group in enumerate(groups) if any(trial.samples for trial in group.trials)]


def bars(groups: Sequence[Group]) -> list[Figure]:
    """Offered against sent against received: paced and top speed apart, since they differ by powers of ten."""
    paced = [group for group in groups if group.mode != "topspeed"]
    free = [group for group in groups if group.mode == "topspeed"]
    made = []
    for key, title, members in (("paced", "Paced", paced), ("topspeed", "Top speed", free)):
        if any(group.valid for group in members):
            made.append(_bars(key, title, members))
    return made


def plotly_js() -> str:
    """The plotly.js library, to be inlined once."""
    return str(get_plotlyjs())


def _curve(index: int, group: Group) -> Figure:
    traces: list[Any] = []
    named = len(group.trials) <= _LEGEND_ENTRIES
    for place, trial in enumerate(group.trials):
        lines = [line for side in ("receiver", "sender") if (line := _line(trial, side, place))]
        # One legend entry a repeat, that hides both of its lines.
        lines[:1] = [{**line, "showlegend": named} for line in lines[:1]]
        traces += lines
    if group.offered_pps:
        traces.append(_offered_line(group))
    title = f"{clean(group.case)}, {clean(group.engine)}, {group.offered}"
    return Figure(
        key=f"curve-{index + 1}",
        title=title,
        caption=_curve_caption(group),
        json=_figure(traces, {"xaxis": {"title": {"text": "Time since sending began, s"}}, "height": _CURVE_HEIGHT[0]}),
        height=_CURVE_HEIGHT[0],
        paper_height=_CURVE_HEIGHT[1],
    )


def _curve_caption(group: Group) -> str:
    sides = {sample.side for trial in group.trials for sample in trial.samples or ()}
    words = ["Packets per second; solid: received" if "receiver" in sides else "Packets per second; nothing received"]
    words.append("dashed: sent" if "sender" in sides else "no samples of the sender")
    if group.offered_pps:
        words.append(f"dotted: offered, {number(group.offered_pps)} pps")
    unsampled = sum(not trial.samples for trial in group.trials)
    if unsampled:
        words.append(f"{count(unsampled, 'trial')} without samples")
    return ", ".join(words) + "."


def _line(trial: Trial, side: str, place: int) -> dict[str, Any] | None:
    """One side of a trial over time; None where it has no samples."""
    x, y = _steps(_while_sending(trial, side))
    if not x:
        return None
    verb, dash, width = ("received", "solid", 2.0) if side == "receiver" else ("sent", "dash", 1.5)
    repeat = f"repeat {trial.record['repeat']}"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{repeat}{'' if trial.valid else ' (invalid)'}",
        "legendgroup": str(place),
        "showlegend": False,
        "x": x,
        "y": y,
        "connectgaps": False,
        "line": {"color": COLOURS[place % len(COLOURS)], "width": width, "dash": dash},
        "opacity": 1 if trial.valid else 0.5,
        "hovertemplate": f"%{{y:,.0f}} pps {verb}, to %{{x:.2f}} s<extra>{repeat}</extra>",
    }


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


def _offered_line(group: Group) -> dict[str, Any]:
    ends = [s.elapsed_seconds for trial in group.trials for side in SIDES for s in _while_sending(trial, side)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "offered",
        "showlegend": False,
        "x": [0, max(ends)],
        "y": [group.offered_pps, group.offered_pps],
        "line": {"color": OFFERED_COLOUR, "width": 1.5, "dash": "dot"},
        "hovertemplate": "%{y:,.0f} pps offered<extra></extra>",
    }


def _steps(samples: Sequence[Sample]) -> tuple[list[float | None], list[float | None]]:
    """A sample is a mean over its interval, so it is drawn as long as the interval; a missing one is a gap."""
    x: list[float | None] = []
    y: list[float | None] = []
    for sample in sorted(samples, key=lambda sample: sample.elapsed_seconds):
        start = round(sample.elapsed_seconds - sample.interval_seconds, 6)
        if x and x[-1] is not None and start - x[-1] > _GAP_SECONDS:
            x.append(None)
            y.append(None)
        x += [start, sample.elapsed_seconds]
        y += [sample.pps, sample.pps]
    return x, y


def _bars(key: str, title: str, groups: Sequence[Group]) -> Figure:
    positions = list(range(len(groups)))
    traces: list[Any] = []
    if key == "paced":
        offered = [group.offered_pps for group in groups]
        traces.append(_bar("offered", OFFERED_COLOUR, positions, offered))
    for side, colour in (("sent", COLOURS[1]), ("received", COLOURS[0])):
        spreads = [group.spread(side, "pps") for group in groups]
        trace = _bar(side, colour, positions, [spread.median if spread else None for spread in spreads])
        trace["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [spread.high - spread.median if spread else 0 for spread in spreads],
            "arrayminus": [spread.median - spread.low if spread else 0 for spread in spreads],
            "color": OFFERED_COLOUR,
            "thickness": 1.5,
        }
        traces.append(trace)
    axis = {"tickmode": "array", "tickvals": positions, "ticktext": [_label(group) for group in groups]}
    caption = "Packets per second: median of the valid repeats; whiskers from the lowest to the highest."
    if key == "topspeed":
        caption += " At top speed no rate is offered."
    none = [group for group in groups if not group.valid]
    if none:
        caption += f" {count(len(none), 'case')} without a valid trial have no bar."
    layout = {"xaxis": axis, "barmode": "group", "bargap": 0.25, "bargroupgap": 0.05, "height": _BARS_HEIGHT[0]}
    return Figure(f"bars-{key}", title, caption, _figure(traces, layout), *_BARS_HEIGHT)


def _bar(name: str, colour: str, positions: list[int], values: Sequence[float | None]) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": name,
        "x": positions,
        "y": list(values),
        "marker": {"color": colour},
        "hovertemplate": f"%{{y:,.0f}} pps {name}<extra></extra>",
    }


def _label(group: Group) -> str:
    name = clean(group.case)
    name = name if len(name) <= _LABEL else name[: _LABEL - 1] + "…"
    # Plotly reads tick labels as a small HTML that knows no quot: names are text, the line break is ours.
    second = group.engine if group.mode == "topspeed" else f"{group.offered}, {group.engine}"
    return f"{html.escape(name, quote=False)}<br>{second}"


def _figure(traces: list[Any], layout: dict[str, Any]) -> str:
    common: dict[str, Any] = {
        "template": go.layout.Template(),
        "margin": {"l": 56, "r": 12, "t": 8, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "yaxis": {"rangemode": "tozero", "tickformat": "~s", "automargin": True, "title": {"text": "pps"}},
    }
    axis = {"automargin": True, "ticklabeloverflow": "allow", "zeroline": False, **layout.pop("xaxis", {})}
    figure = go.Figure(data=traces, layout={**common, **layout, "xaxis": axis})
    return script_json(figure.to_plotly_json())


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: ``<`` is escaped, so no end tag or comment can appear."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
