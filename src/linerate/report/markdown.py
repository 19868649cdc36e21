"""Markdown that also reads well in a terminal: escaped text, and tables whose columns line up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from .text import clean

_MARKS = re.compile(r"([\\`*\[\]<>|&])")


def md(text: object) -> str:
    """Text from data, escaped so that Markdown shows it as it is."""
    return _MARKS.sub(r"\\\1", clean(text))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """A Markdown table whose columns also line up in a terminal; ``align`` is ``l`` or ``r`` for each column."""
    cells = [[md(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(_width(row[column]) for row in cells)) for column in range(len(header))]
    rule = [("-" * (width - 1)) + (":" if side == "r" else "-") for width, side in zip(widths, align)]
    lines = [_row(cells[0], widths, align), f"| {' | '.join(rule)} |"]
    return lines + [_row(row, widths, align) for row in cells[1:]]


def _row(cells: Sequence[str], widths: Sequence[int], align: str) -> str:
    padded = []
    for cell, width, side in zip(cells, widths, align):
        space = " " * (width - _width(cell))
        padded.append(space + cell if side == "r" else cell + space)
    return f"| {' | '.join(padded)} |"


def _width(text: str) -> int:
    """Columns in a terminal: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
