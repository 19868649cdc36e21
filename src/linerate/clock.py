"""Timestamps of stored results, and the wall clock checked against the monotonic clock."""

from __future__ import annotations

import datetime
import time
from typing import Callable

Clock = Callable[[], float]


class WallClock:
    """The wall clock from now on, which may be stepped or slewed, compared with the monotonic clock."""

    def __init__(self, wall: Clock = time.time, monotonic: Clock = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = self._read()

    def step(self) -> float:
        """By how many seconds the wall clock moved against the monotonic clock since this object was created."""
        return self._read() - self._offset

    def _read(self) -> float:
        """The offset of the two clocks, from the pair of readings that were taken in the shortest time."""
        readings = []
        for _ in range(3):
            before, wall, after = self._monotonic(), self._wall(), self._monotonic()
            readings.append((after - before, wall - (before + after) / 2))
        return min(readings)[1]


def utc_now(timestamp: float | None = None) -> str:
    """The current time, or ``timestamp`` (s since 1970), in UTC as ISO 8601: 2026-01-31T23:59:59.123Z."""
    utc = datetime.timezone.utc
    now = datetime.datetime.now(utc) if timestamp is None else datetime.datetime.fromtimestamp(timestamp, utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
