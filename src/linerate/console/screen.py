"""Where the view is drawn: lines that stay, and on a terminal a status below them that is redrawn.

A library for terminals would hide the cursor, which then stays hidden if the process is killed, and costs more than
two lines of text may.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from typing import Any, Callable, TextIO

COLOURS = {"ok": "32", "warn": "33", "bad": "31", "dim": "2", "strong": "1"}
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
NARROW = 80
"""The width of a terminal that does not tell its own."""


class Screen:
    """Lines on ``stream``. With ``live`` it has a status; without, lines are plain and flushed one by one.

    A stream that cannot be written to any more, such as a closed pipe, is silently left alone.
    """

    def __init__(self, stream: TextIO, live: bool, colour: bool = False) -> None:
        self._stream, self.live, self._colour = stream, live, colour
        self._encoding = stream.encoding or "ascii"
        self.ascii_only = "utf" not in self._encoding.lower()
        self._status: list[str] = []
        self._drawn = 0
        self._gone = False
        self.lock = threading.RLock()

    def line(self, text: str = "", style: str | None = None) -> None:
        """Print a line (or several) that stays."""
        with self.lock:
            self._write(self._clear() + self._styled(text, style) + "\n" + self._draw())

    def status(self, lines: Sequence[str]) -> None:
        """Replace the status; nothing is written if it is the same."""
        with self.lock:
            if self.live and list(lines) != self._status:
                cleared = self._clear()
                self._status = list(lines)
                self._write(cleared + self._draw())

    def foreign(self, stream: TextIO, text: str) -> None:
        """Write what others print, on their ``stream``, above the status."""
        with self.lock:
            self._write(self._clear())
            stream.write(text)
            stream.flush()
            if text.endswith("\n"):
                self._write(self._draw())

    def _styled(self, text: str, style: str | None) -> str:
        return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if style and self._colour else text

    def _clear(self) -> str:
        """The sequence that removes the status: to the start of its first line, then clear to the end of the screen."""
        if not self._drawn:
            return ""
        up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
        self._drawn = 0
        return f"\r{up}\x1b[J"

    def _draw(self) -> str:
        """The status, each line cut to the width: a line that wraps could not be removed."""
        width = self._width() - 1
        self._drawn = len(self._status)
        return "\n".join(line[:width] for line in self._status)

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or NARROW
        except (OSError, ValueError):
            return NARROW

    def _write(self, text: str) -> None:
        if self._gone or not text:
            return
        try:
            self._stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._gone = True


class Redirected:
    """Stands in for ``sys.stdout`` or ``sys.stderr``: what others print goes above the status, and to ``also``."""

    def __init__(self, stream: TextIO, screen: Screen, also: Callable[[str], None]) -> None:
        self._stream, self._screen, self._also = stream, screen, also

    def write(self, text: str) -> int:
        """Write at once: the status is drawn again below it."""
        self._screen.foreign(self._stream, text)
        self._also(_ESCAPES.sub("", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
