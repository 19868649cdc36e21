"""The CPU load of a process and of the core that it runs on (proc_pid_stat(5), proc_stat(5))."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable

SHORTEST_SPAN_SECONDS = 0.5
# Positions after the name of the program, which may contain spaces and parentheses.
_USER_TIME, _SYSTEM_TIME, _CORE = 11, 12, 36
_IDLE, _IO_WAIT, _COUNTED = 3, 4, 8


class CpuMeter:
    """Call :meth:`note` repeatedly while the process runs; percentages are from the first call to the last."""

    def __init__(self, root: str = "/", clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None
        self._cores: dict[str, tuple[int, int]] = {}
        self._idle = self._all = 0

    def note(self, pid: int) -> None:
        """Read the process and the core that it is on; no effect once it is gone."""
        try:
            fields = Path(self._root, f"proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        used = (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK")
        self._last = (self._clock(), used)
        self._first = self._first or self._last
        self._note_cores(f"cpu{fields[_CORE]}")

    def _note_cores(self, current: str) -> None:
        """Add the load of the core that the process is on since the previous call."""
        before = self._cores
        self._cores = {}
        for line in Path(self._root, "proc/stat").read_text().splitlines():
            name, *values = line.split()
            if name.startswith("cpu") and name != "cpu":
                ticks = [int(value) for value in values[:_COUNTED]]
                self._cores[name] = (ticks[_IDLE] + ticks[_IO_WAIT], sum(ticks))
        if current in before and current in self._cores:
            self._idle += self._cores[current][0] - before[current][0]
            self._all += self._cores[current][1] - before[current][1]

    def process_percent(self) -> float | None:
        """CPU time of the process over elapsed time, 100 being one core; None if it ran too briefly to tell."""
        if self._first is None or self._last is None or self._last[0] - self._first[0] < SHORTEST_SPAN_SECONDS:
            return None
        return round(100 * (self._last[1] - self._first[1]) / (self._last[0] - self._first[0]), 1)

    def core_percent(self) -> float | None:
        """Share of the time in which the process' core was busy, for any process; None as above.

        If the process moves between two calls only one core is read, so its own share is the lower bound.
        """
        own = self.process_percent()
        if own is None or not self._all:
            return None
        return round(min(100.0, max(own, 100 * (1 - self._idle / self._all))), 1)
