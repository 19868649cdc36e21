"""Turn two growing counters into a rate curve that starts with the traffic."""

from __future__ import annotations

import math
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
    """Call :meth:`poll` again after the seconds that it returns: until the first packet, every 20 ms.

    A counter that is brought up to date only every ``refresh_seconds`` may stand still for that long: its samples end
    where it moves, since others would show no rate, then a double one.
    """

    def __init__(
        self,
        read: Callable[[], Reading],
        interval_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        refresh_seconds: float = 0.0,
    ) -> None:
        self._read = read
        self._interval = interval_seconds
        self._refresh = refresh_seconds
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
            if reading == self._base:
                self._begin = self._previous = now
                return min(SEEK_SECONDS, self._interval)
            self.started = True
            self._first, self._seen = reading, now
            if self._refresh:
                # It is not known how long the packets took that a slow counter shows at once.
                self._base = self._last = reading
                self._begin = self._previous = now
        if now >= self._due() and self._stale(now):
            return SEEK_SECONDS
        if now >= self._due():
            self._take(now)
        return max(0.001, self._due() - now)

    def _due(self) -> float:
        """The next multiple of the interval that is at least half of it away from the last sample.

        After a late wake-up the missed samples are not made up for by short ones.
        """
        since = self._previous - self._begin + self._interval / 2
        return self._begin + math.ceil(since / self._interval) * self._interval

    def _stale(self, now: float) -> bool:
        """Whether the counter has not been brought up to date yet since the last sample, and still may be."""
        return now - self._previous < 2 * self._refresh and self._read() == self._last

    def finish(self) -> None:
        """Take a last, shorter sample if anything was counted since the previous one."""
        now = self._clock()
        if now > self._previous and self._read() != self._last:
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
        if since <= 0 or now <= self._seen:
            return self._begin
        lead = (self._first[0] - self._base[0]) * (now - self._seen) / since
        return max(self._begin, self._seen - lead)
