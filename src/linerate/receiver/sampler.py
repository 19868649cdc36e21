"""Turn two growing counters into a rate curve that starts with the traffic."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

from ..record import Record

Reading = tuple[int, int]
"""The packets and bytes counted so far."""

SEEK_SECONDS = 0.02
LEAST_INTERVAL, MOST_INTERVAL = 0.01, 3600.0
"""Seconds between two samples; a shorter interval would keep a core busy with counting."""


@dataclass(frozen=True)
class Sample(Record):
    """One interval. ``elapsed_seconds`` is from the start of sending to its end; rates use its real length."""

    elapsed_seconds: float
    interval_seconds: float
    packets: int
    bytes: int

    @property
    def pps(self) -> float:
        return self.packets / self.interval_seconds

    @property
    def bps(self) -> float:
        return 8 * self.bytes / self.interval_seconds


class Sampler:
    """Call :meth:`poll` again after the seconds that it returns: until the first packet, every 20 ms."""

    def __init__(
        self, read: Callable[[], Reading], interval_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._interval = interval_seconds
        self._clock = clock
        self._last = read()
        self._base = self._last
        self._begin = self._previous = clock()
        self._first, self._seen = self._last, self._begin
        self.started = False
        self.samples: list[Sample] = []

    def poll(self) -> float:
        """Take a sample if one is due; the seconds until the next call is due."""
        now = self._clock()
        if not self.started:
            reading = self._read()
            if reading[0] == self._base[0]:
                self._begin = self._previous = now
                return min(SEEK_SECONDS, self._interval)
            self.started = True
            self._first, self._seen = reading, now
        due = self._begin + (len(self.samples) + 1) * self._interval
        if now >= due:
            self._take(now)
            due = max(now, due) + self._interval
        return max(0.001, due - now)

    def finish(self) -> None:
        """Take a last, shorter sample if anything was counted since the previous one."""
        now = self._clock()
        if now > self._previous and self._read()[0] != self._last[0]:
            self._take(now)

    def _take(self, now: float) -> None:
        reading = self._read()
        if not self.samples:
            self._begin = self._previous = self._start(reading, now)
        self.samples.append(
            Sample(now - self._begin, now - self._previous, reading[0] - self._last[0], reading[1] - self._last[1])
        )
        self._last, self._previous = reading, now

    def _start(self, reading: Reading, now: float) -> float:
        """When sending began: before the first packets were seen, by the time that they took at the rate that followed.

        The last reading without packets may be 20 ms older, which is a fifth of a sample of 100 ms.
        """
        since = reading[0] - self._first[0]
        lead = (self._first[0] - self._base[0]) * (now - self._seen) / since if since > 0 else self._seen - self._begin
        return max(self._begin, self._seen - lead)
