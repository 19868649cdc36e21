"""The sending loop: batches of prepared descriptors into a ring, and the count of what came back out of it."""

from __future__ import annotations

import errno
import math
import time
from dataclasses import dataclass
from typing import Callable, Protocol

from .schedule import SECOND, TICK_NS, Clock, Schedule
from .xsk import DESCRIPTOR_BYTES

RETRY = frozenset((0, errno.EAGAIN, errno.ENOBUFS))
"""What wake() returns where more is to be sent, or the NIC's queue is full."""
DROPPED = errno.EBUSY
"""What it returns where the driver dropped one packet (net/xdp/xsk.c, __xsk_generic_xmit)."""
ERROR_NS = SECOND
"""How long errors are borne before the run ends; a link may flap."""
DRAIN_NS = SECOND // 2
"""How long nothing may come back at the end of a run; less than the grace after SIGINT."""
SLEEP_NS, WAKE_UP_NS, LONGEST_SLEEP_NS = 25_000, 20_000, SECOND // 10
"""A longer wait sleeps, and wakes up so much too early, since a sleeper wakes up late. A process that spins
all the time is delayed by others of a busy host."""


class Rings(Protocol):
    """What the loop needs of an XDP socket: the TX ring's ``count`` places, and the numbers of both rings."""

    count: int

    @property
    def entries(self) -> memoryview:
        """The descriptors of the TX ring, as bytes."""

    def publish(self, produced: int) -> None: ...

    def completed(self) -> int: ...

    def wake(self) -> int: ...


@dataclass(frozen=True)
class Load:
    """What is sent: ``limit`` packets (None: no limit), for ``duration_ns`` at most (None: no limit), by a schedule.

    Without a ``schedule`` as fast as possible.
    """

    limit: int | None
    duration_ns: int | None
    schedule: Schedule | None = None


@dataclass
class Tally:
    """What happened so far. Times are in nanoseconds of the monotonic clock.

    ``completed`` is what the kernel finished, of which it ``dropped`` some; ``posted`` what it was given. ``waits`` is
    how often the ring was full and nothing left it. ``late`` packets were sent more than a batch after their time.
    """

    posted: int = 0
    completed: int = 0
    dropped: int = 0
    waits: int = 0
    late: int = 0
    started: int = 0
    ended: int = 0
    error: int | None = None
    interrupted: bool = False

    @property
    def sent(self) -> int:
        return self.completed - self.dropped

    @property
    def in_flight(self) -> int:
        return self.posted - self.completed


Report = Callable[[Tally], None]


class Transmitter:
    """Sends ``load`` through ``rings`` from the ``table`` of prepared descriptors, which is repeated.

    ``report`` is called about every second. :meth:`stop` ends the run early, from a signal handler as well.
    """

    def __init__(
        self,
        rings: Rings,
        table: memoryview,
        load: Load,
        report: Report = lambda tally: None,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rings, self._load, self._report, self._clock, self._sleep = rings, load, report, clock, sleep
        # A pcap of a few packets is repeated, so that one copy fills the ring.
        ring_bytes = rings.count * DESCRIPTOR_BYTES
        self._table = table if len(table) >= ring_bytes else memoryview(bytes(table) * -(-ring_bytes // len(table)))
        self._places = len(self._table) // DESCRIPTOR_BYTES
        self._seen = rings.completed()
        self._progress_at = 0
        self._failing_since: int | None = None
        self._stopping = False
        self.tally = Tally()
        self.paced = Clock(0)

    def stop(self) -> None:
        """End after what was posted."""
        self._stopping = self.tally.interrupted = True

    def run(self) -> Tally:
        """Send until the limit, the duration, :meth:`stop` or a lasting error; then wait for what is under way."""
        tally, load = self.tally, self._load
        tally.started = self._progress_at = now = self._clock()
        end = math.inf if load.duration_ns is None else now + load.duration_ns
        limit = math.inf if load.limit is None else load.limit
        self.paced = Clock(now)
        report_at = now + SECOND
        while not self._stopping and now < end and tally.posted < limit and tally.error is None:
            self._reap(now)
            due = min(self._due(now), limit)
            self._post(int(min(due - tally.posted, self._rings.count - tally.in_flight)), late=self.paced.is_late)
            again = self._wake(now) if tally.in_flight else False
            if now >= report_at:
                self._report(tally)
                report_at += SECOND
            if load.schedule and tally.posted < due:
                self.paced.hold(load.schedule.time(tally.posted))
            elif load.schedule and not again and tally.posted < limit:
                self._wait(load.schedule, min(end, report_at))
            now = self._clock()
        self._drain(now)
        return tally

    def _due(self, now: int) -> float:
        schedule = self._load.schedule
        if schedule is None:
            return math.inf
        return schedule.packets(self.paced.advance(now, schedule.time(self.tally.posted)))

    def _post(self, count: int, late: bool) -> None:
        """Copy the next ``count`` descriptors into the ring: slices up to its end, and to the end of the table."""
        if count <= 0:
            return
        rings, tally, size = self._rings, self.tally, DESCRIPTOR_BYTES
        posted = tally.posted
        end = posted + count
        while posted < end:
            at, place = posted % rings.count, posted % self._places
            step = min(end - posted, rings.count - at, self._places - place)
            rings.entries[at * size : (at + step) * size] = self._table[place * size : (place + step) * size]
            posted += step
        tally.posted = posted
        tally.late += count if late else 0
        rings.publish(posted)

    def _reap(self, now: int) -> None:
        done = self._rings.completed()
        if done != self._seen:
            self.tally.completed += (done - self._seen) & 0xFFFFFFFF
            self._seen, self._progress_at = done, now

    def _wake(self, now: int) -> bool:
        """Whether there is more to be sent at once."""
        number, tally = self._rings.wake(), self.tally
        if number in RETRY or number == DROPPED:
            self._failing_since = None
            tally.dropped += number == DROPPED
            tally.waits += number != 0 and tally.in_flight == self._rings.count and now != self._progress_at
            return number != 0
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > ERROR_NS:
            tally.error = number
        return True

    def _wait(self, schedule: Schedule, end: float) -> None:
        """Until the next packet is due; where packets follow each other closely, for a few of them."""
        paced = self.paced
        at = max(schedule.time(self.tally.posted), paced.now + (TICK_NS if schedule.gap < TICK_NS else 0))
        now = self._clock()
        until = min(paced.last + paced.until(at), end)
        while now < until and not self._stopping:
            if until - now > SLEEP_NS:
                self._sleep(min(until - now - WAKE_UP_NS, LONGEST_SLEEP_NS) / SECOND)
            now = self._clock()

    def _drain(self, now: int) -> None:
        tally = self.tally
        self._progress_at = max(self._progress_at, now)
        while tally.in_flight and now - self._progress_at < DRAIN_NS:
            tally.dropped += self._rings.wake() == DROPPED
            now = self._clock()
            self._reap(now)
        tally.ended = self._progress_at if tally.in_flight else self._clock()
