"""What makes a run of tcpreplay hopeless while it runs, seen from outside within seconds.

tcpreplay complains for ever on an interface that is gone, waits silently where nothing can leave, and may spin at the
end of a run through netmap. It says itself only when it opens and closes netmap.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import Callable

from ..nic.read import link_trouble
from ..tcpreplay.options import ReplayOptions
from ..tcpreplay.supervise import HopelessError, Running

LOOK_SECONDS = 0.25
FLAP_SECONDS = 0.5
"""A link may lose its carrier for a moment."""
STALL_SECONDS, MOST_STALL = 3.0, 3600.0
START_SECONDS = 1.5
"""What tcpreplay needs to begin, beside reading the pcap."""
PRELOADED_BYTES_PER_SECOND = 10e6
"""Slower than any disk: how long tcpreplay may read a pcap into memory before the first packet."""
NETMAP_REFRESH_SECONDS = 2.0
"""A NIC's own counters may be brought up to date only so seldom (the watchdogs of e1000 and ixgbe)."""
FLOOD_BYTES = 64 * 1024
"""So many messages since the last look are a reason to look at once."""
CLOSING_SECONDS = 30.0
"""Beside nm_delay: what resetting the NIC may take when tcpreplay gives it back."""
LONGEST_FRAME_BYTES = 65535

_OPENED, _CLOSING = "to netmap bypass mode... done!", "to normal mode... "

Counted = Callable[[], "tuple[int, int] | None"]
"""Packets that left, and packets that were dropped, since the beginning; None where nothing counts them."""


@dataclass(frozen=True)
class Expected:
    """What a run should look like. ``packets`` is None where only time bounds it; the rest is in seconds.

    ``gap`` is between two packets, infinite where it is not known; ``start`` until the first; ``stall`` is how long
    nothing may move that should.
    """

    interface: str
    packets: int | None
    gap: float
    start: float
    stall: float
    netmap: bool
    closing: float

    @classmethod
    def of(cls, options: ReplayOptions, stall_seconds: float = STALL_SECONDS) -> Expected:
        """What ``options`` promise. A missing pcap is tcpreplay's to tell."""
        try:
            size = os.stat(options.pcap).st_size
        except OSError:
            size = 0
        return cls(
            interface=options.interface,
            packets=options.limit,
            gap=_gap_seconds(options),
            start=START_SECONDS + stall_seconds + size / PRELOADED_BYTES_PER_SECOND,
            stall=stall_seconds + (NETMAP_REFRESH_SECONDS if options.netmap else 0),
            netmap=options.netmap,
            closing=options.nm_delay + CLOSING_SECONDS + stall_seconds,
        )


def _gap_seconds(options: ReplayOptions) -> float:
    if options.topspeed:
        return 0.0
    if options.pps is not None:
        return (options.pps_multi or 1) / options.pps
    if options.mbps is not None:
        return 8 * LONGEST_FRAME_BYTES / (options.mbps * 1e6)
    return math.inf


class Watch:
    """Call :meth:`look` over and over while tcpreplay runs; it raises HopelessError with the reason."""

    def __init__(
        self,
        expected: Expected,
        counted: Counted,
        clock: Callable[[], float] = time.monotonic,
        root: str = "/",
    ) -> None:
        self._expected, self._counted, self._clock, self._root = expected, counted, clock, root
        self._begun = self._moved_at = self._left_since = clock()
        self._looked = -math.inf
        self._said = 0
        self._seen: tuple[int, int] = (0, 0)
        self._dropped_before = 0
        self._carrier_lost: float | None = None
        self._phase = "sending"

    def look(self, running: Running) -> None:
        """Look at the link, the counters, and what tcpreplay said of netmap: four times a second, in a flood more."""
        now = self._clock()
        if now - self._looked < LOOK_SECONDS and running.stderr.total - self._said < FLOOD_BYTES:
            return
        self._looked, self._said = now, running.stderr.total
        phase = self._phase_of(running)
        if phase != self._phase:
            self._phase, self._left_since, self._moved_at = phase, now, now
        self._look_at_link(now)
        if self._phase == "closing" and now - self._left_since > self._expected.closing:
            raise HopelessError("it sent, and did not give the interface back from netmap")
        if self._phase == "sending":
            self._look_at_counters(now)

    def _phase_of(self, running: Running) -> str:
        if not self._expected.netmap:
            return "sending"
        said = running.stderr.text()
        if _CLOSING in said:
            return "closing"
        return "sending" if _OPENED in said else "opening"

    def _look_at_link(self, now: float) -> None:
        """A NIC that enters or leaves netmap is reset, and has no carrier for seconds: that is no fault."""
        name = self._expected.interface
        trouble = link_trouble(name, self._root)
        if trouble != "has lost its carrier":
            self._carrier_lost = None
        if trouble is None or (self._phase != "sending" and trouble != "is gone"):
            return
        if trouble == "has lost its carrier":
            self._carrier_lost = now if self._carrier_lost is None else self._carrier_lost
            if now - self._carrier_lost < FLAP_SECONDS:
                return
        raise HopelessError(f"the interface {name} {trouble}")

    def _look_at_counters(self, now: float) -> None:
        counted = self._counted()
        if counted is None:
            return
        left, dropped = counted
        if left != self._seen[0]:
            self._moved_at, self._dropped_before = now, dropped
        self._seen = counted
        quiet = now - self._moved_at
        newly_dropped = dropped - self._dropped_before
        expected = self._expected
        if quiet <= expected.stall + 2 * expected.gap:
            return
        if newly_dropped > 0:
            raise HopelessError(
                f"nothing left the interface {expected.interface} for {quiet:.0f} s, {newly_dropped:,} packets were "
                "dropped: is the receiver's MTU smaller?"
            )
        if expected.packets is not None and left >= expected.packets:
            raise HopelessError(f"all {expected.packets:,} packets were sent, and it did not end")
        if left or now - self._begun > expected.start:
            raise HopelessError(f"nothing left the interface {expected.interface} for {quiet:.0f} s")
