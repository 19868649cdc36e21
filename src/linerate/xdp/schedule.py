"""When each packet is due: the offered load as a clock that never runs ahead, and never bursts after a stall."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Callable

from ..errors import PcapError
from ..units import l1_bits
from .frames import Frames

SECOND = 1_000_000_000
BATCH_NS = 100_000
"""At most so much of the schedule is sent at once."""
TICK_NS = 80_000
"""Packets that are due within this time are sent together."""
CATCH_UP = 2.0
"""After a stall the clock runs this much faster until it has caught up: packets are late, and never in a burst of more
than a batch."""


@dataclass(frozen=True)
class Schedule:
    """The times at which packets are due, in nanoseconds since the first.

    Each packet takes ``gap``; where they differ, ``due`` are the times of one pass over the pcap, which lasts
    ``length``.
    """

    gap: float
    due: array[int] | None = None
    length: float = 0.0

    def packets(self, elapsed: float) -> int:
        """How many packets are due ``elapsed`` nanoseconds after the first."""
        if self.due is None:
            return int(elapsed / self.gap) + 1
        passes, rest = divmod(elapsed, self.length)
        return int(passes) * len(self.due) + bisect_right(self.due, rest)

    def time(self, packet: int) -> float:
        """When the packet of this number, from 0, is due."""
        if self.due is None:
            return packet * self.gap
        passes, rest = divmod(packet, len(self.due))
        return passes * self.length + self.due[rest]


def at_pps(pps: float) -> Schedule:
    """The schedule of ``pps`` packets per second."""
    return Schedule(SECOND / pps)


def at_mbps(mbps: float, frames: Frames) -> Schedule:
    """The schedule of ``mbps``, 10^6 bit/s of pcap bytes: each packet takes as long as its own bits."""
    return _by_bits(frames, 1000 / mbps, lambda length: 8 * length)


def at_line_rate(percent: float, link_bps: float, frames: Frames) -> Schedule:
    """The schedule of ``percent`` of the line rate of ``link_bps`` bit/s."""
    return _by_bits(frames, 100 * SECOND / (percent * link_bps), l1_bits)


def at_captured_speed(multiplier: float, frames: Frames, path: str) -> Schedule:
    """The schedule of the capture itself, ``multiplier`` times as fast.

    A pass is followed by the next one after the mean gap. PcapError where all packets have the same time.
    """
    times = frames.times
    if not times or not times[-1]:
        rule = "was captured in no time, so it has no speed to multiply"
        raise PcapError("pcap", path, rule, "Give a rate (pps, mbps) instead.")
    due = array("Q", (int(time / multiplier) for time in times))
    gap = due[-1] / (len(due) - 1)
    return Schedule(gap, due, due[-1] + gap)


def _by_bits(frames: Frames, ns_per_bit: float, bits: Callable[[int], float]) -> Schedule:
    """Each packet waits for its own bits; frames of one length need no table."""
    summary = frames.summary
    if summary.min_frame_length == summary.max_frame_length:
        return Schedule(ns_per_bit * bits(summary.max_frame_length))
    ends = accumulate(ns_per_bit * bits(length) for length in frames.lengths(0, frames.count))
    due, end = array("Q", [0]), 0.0
    for end in ends:
        due.append(int(end))
    due.pop()
    return Schedule(end / frames.count, due, end)


class Clock:
    """The time of a schedule, in nanoseconds. It follows real time, at most one batch beyond the next packet at once.

    What was missed is not made up for at once: the packets are sent late, at :data:`CATCH_UP` times the rate, until the
    clock has caught up. ``last`` is the real time of the last step; ``stalls`` and ``longest_ns`` say how often it was
    more than a batch late, and by how much at most.
    """

    def __init__(self, started: int) -> None:
        self._started = self.last = started
        self.now = 0.0
        self.late_ns = 0.0
        self.stalls = 0
        self.longest_ns = 0.0

    def advance(self, real: int, due: float) -> float:
        """The schedule's time at the ``real`` time of the system's clock, where the next packet is ``due``."""
        elapsed, step = real - self._started, CATCH_UP * (real - self.last)
        self.last = real
        self.now = min(elapsed, self.now + step, max(self.now, due) + BATCH_NS)
        late = elapsed - self.now
        if late > BATCH_NS >= self.late_ns:
            self.stalls += 1
        self.late_ns = late
        self.longest_ns = max(self.longest_ns, late)
        return self.now

    @property
    def is_late(self) -> bool:
        """Whether it is more than a batch behind."""
        return self.late_ns > BATCH_NS

    def hold(self, time: float) -> None:
        """Set the clock back to ``time``: no more was sent, as there was no room for it."""
        self.now = min(self.now, time)

    def until(self, time: float) -> float:
        """How long, in real nanoseconds, until the clock is at ``time``, if nothing intervenes."""
        return (time - self.now) / (CATCH_UP if self.is_late else 1.0)
