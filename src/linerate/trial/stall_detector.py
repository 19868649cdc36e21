"""Ends a run of the sending program that has become hopeless, within seconds, by what is seen from outside.

tcpreplay repeats its complaints on an interface that is gone, waits silently where nothing can leave, and may spin at
the end of a run through netmap.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import Callable

from ..nic.counters import SenderNic
from ..nic.read import link_trouble
from ..tcpreplay.supervise import HopelessError, Running
from .engines.base import CLOSING, SENDING, Engine
from .model import Trial

POLL_SECONDS = 0.25
FLAP_SECONDS = 0.5
"""A link may lose its carrier for a moment."""
START_SECONDS = 1.5
"""What the program needs to start, in addition to reading the pcap."""
PRELOADED_BYTES_PER_SECOND = 10e6
"""Slower than any disk: how long the program may read a pcap into memory before the first packet."""
FLOOD_BYTES = 64 * 1024
"""So many messages since the last poll are a reason to poll at once."""

Counted = Callable[[], "SenderNic | None"]
"""What the interface counted since the start; None where nothing counts what it sends."""


@dataclass(frozen=True)
class Expected:
    """What a run should look like. ``packets`` is None where only time bounds it; the rest is in seconds.

    ``gap`` is between two packets, infinite where it is not known; ``start`` until the first; ``stall`` is how long
    nothing may move that should; ``closing`` how long closing the NIC may take.
    """

    interface: str
    packets: int | None
    gap: float
    start: float
    stall: float
    closing: float

    @classmethod
    def of(cls, trial: Trial, engine: Engine) -> Expected:
        """What to expect of ``trial``. The program itself reports a missing pcap."""
        sending = trial.sending
        try:
            size = os.stat(trial.case.pcap).st_size
        except OSError:
            size = 0
        return cls(
            interface=sending.interface,
            packets=sending.limit,
            gap=engine.gap_seconds(trial),
            start=START_SECONDS + sending.stall_seconds + size / PRELOADED_BYTES_PER_SECOND,
            stall=sending.stall_seconds + engine.counter_delay_seconds,
            closing=engine.closing_seconds(sending.nm_delay) + sending.stall_seconds,
        )


class StallDetector:
    """Call :meth:`poll` again and again while the program runs; it raises HopelessError with the reason."""

    def __init__(
        self,
        expected: Expected,
        counted: Counted,
        phase: Callable[[str], str] = lambda messages: SENDING,
        clock: Callable[[], float] = time.monotonic,
        root: str = "/",
    ) -> None:
        self._expected, self._counted, self._phase_of = expected, counted, phase
        self._clock, self._root = clock, root
        self._started = self._moved_at = self._phase_since = clock()
        self._polled = -math.inf
        self._messages = 0
        self._seen = (0, 0)
        self._dropped_before = 0
        self._carrier_lost: float | None = None
        self._phase = SENDING

    def poll(self, running: Running) -> None:
        """Check the link, the counters and the phase: four times a second, during a flood of messages more often."""
        now = self._clock()
        if now - self._polled < POLL_SECONDS and running.stderr.total - self._messages < FLOOD_BYTES:
            return
        self._polled, self._messages = now, running.stderr.total
        phase = self._phase_of(running.stderr.text())
        if phase != self._phase:
            self._phase, self._phase_since, self._moved_at = phase, now, now
        self._check_link(now)
        if self._phase == CLOSING and now - self._phase_since > self._expected.closing:
            raise HopelessError(f"it sent, and did not close the interface {self._expected.interface}")
        if self._phase == SENDING:
            self._check_counters(now)

    def _check_link(self, now: float) -> None:
        """A NIC that is being opened or closed is reset, and has no carrier for seconds: that is no fault."""
        name = self._expected.interface
        trouble = link_trouble(name, self._root)
        if trouble != "has lost its carrier":
            self._carrier_lost = None
        if trouble is None or (self._phase != SENDING and trouble != "is gone"):
            return
        if trouble == "has lost its carrier":
            self._carrier_lost = now if self._carrier_lost is None else self._carrier_lost
            if now - self._carrier_lost < FLAP_SECONDS:
                return
        raise HopelessError(f"the interface {name} {trouble}")

    def _check_counters(self, now: float) -> None:
        counted = self._counted()
        if counted is None:
            return
        left, dropped = counted.tx_packets or 0, (counted.tx_dropped or 0) + (counted.tx_errors or 0)
        # Some drivers count only the bytes of what they send without a copy.
        seen = left, counted.tx_bytes or 0
        if seen != self._seen:
            self._moved_at, self._dropped_before = now, dropped
        self._seen = seen
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
        if any(seen) or now - self._started > expected.start:
            raise HopelessError(f"nothing left the interface {expected.interface} for {quiet:.0f} s")
