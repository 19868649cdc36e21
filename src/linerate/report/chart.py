"""Charts of one quantity over another, as lines and points in a drawing of the size of the curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .axis import Axis, Tick
from .plots import BOTTOM, LEFT, RIGHT, TOP

Place = tuple[float, float]
"""A value of x and one of y, in the units of a chart's axes."""


@dataclass(frozen=True)
class Scales:
    """The axes of a chart and their labels."""

    x: Axis
    x_label: str
    y: Axis
    y_label: str


@dataclass(frozen=True)
class Chart:
    """Points, and lines through them, by place in the drawing (pixels, as in plots)."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[tuple[str, str], ...]
    points: tuple[tuple[float, float, str], ...]
    note: str
    legend: tuple[tuple[str, str], ...] = ()


def chart(
    title: str,
    scales: Scales,
    lines: Iterable[tuple[str, Iterable[Place]]],
    points: Iterable[tuple[Place, str]],
    note: str,
    legend: tuple[tuple[str, str], ...] = (),
) -> Chart:
    """A chart of ``lines`` (style, places) and of ``points`` (place, text), with a ``legend`` (style, text)."""
    return Chart(
        title=title,
        x_label=scales.x_label,
        y_label=scales.y_label,
        x_ticks=scales.x.ticks,
        y_ticks=scales.y.ticks,
        lines=tuple((style, _path(places, scales)) for style, places in lines),
        points=tuple((_x(scales, x), _y(scales, y), text) for (x, y), text in points),
        note=note,
        legend=legend,
    )


def _path(places: Iterable[Place], scales: Scales) -> str:
    """An SVG path through the places."""
    return "".join(f"{'L' if at else 'M'}{_x(scales, x)} {_y(scales, y)}" for at, (x, y) in enumerate(places))


def _x(scales: Scales, value: float) -> float:
    return round(LEFT + scales.x.place(value) * (RIGHT - LEFT), 1)


def _y(scales: Scales, value: float) -> float:
    return round(BOTTOM - scales.y.place(value) * (BOTTOM - TOP), 1)
