"""Charts of one quantity over another, as lines and points in a drawing of the size of the curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .axis import Axis, Tick
from .plots import BOTTOM, LEFT, RIGHT, TOP


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


def path(points: Iterable[tuple[float, float]], x_axis: Axis, y_axis: Axis) -> str:
    """An SVG path through the points (x, y)."""
    return "".join(f"{'L' if place else 'M'}{_x(x_axis, x)} {_y(y_axis, y)}" for place, (x, y) in enumerate(points))


def point(x: float, y: float, x_axis: Axis, y_axis: Axis, text: str) -> tuple[float, float, str]:
    """A point of a chart with its text."""
    return _x(x_axis, x), _y(y_axis, y), text


def _x(along: Axis, value: float) -> float:
    return round(LEFT + along.place(value) * (RIGHT - LEFT), 1)


def _y(along: Axis, value: float) -> float:
    return round(BOTTOM - along.place(value) * (BOTTOM - TOP), 1)
