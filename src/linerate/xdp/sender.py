"""The program: load the pcap, open the socket, send, and print what happened as JSON, one event per line.

Events are ``ready`` (with a gate), ``start``, ``interval`` (each second) and ``end``. SIGINT and SIGTERM end it early,
with everything drained and counted. An error is one line on stderr, and the exit status is 1.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import FrameType
from typing import Any

from ..errors import HostError, LinerateError
from .attach import attached, joined
from .events import PROGRAM, SENDING, line
from .frames import Frames, load
from .netlink import refuse_foreign_program
from .options import SenderOptions
from .schedule import SECOND, Clock, Schedule, at_captured_speed, at_line_rate, at_mbps, at_pps
from .transmit import LONGEST_SLEEP_NS, SLEEP_NS, WAKE_UP_NS, Load, Tally, Transmitter
from .xsk import XdpSocket

PR_SET_TIMERSLACK = 29
LONGEST_RUN_US = 200_000
"""A paced run that does not sleep for so long cannot keep its rate, and loses its priority."""


def main(argv: Sequence[str]) -> int:
    """Send as ``argv`` says; the exit status."""
    try:
        return _Run(SenderOptions.of_argv(argv)).run()
    except (LinerateError, OSError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
    return 1


class _Run:
    """One run of the program."""

    def __init__(self, options: SenderOptions) -> None:
        self._options = options
        self._stopped = False
        self._transmitter: Transmitter | None = None

    def run(self) -> int:
        """Send, and return the exit status. LinerateError where that is not possible."""
        options = self._options
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
        if options.cpu is not None:
            os.sched_setaffinity(0, {options.cpu})
        if not options.join:
            refuse_foreign_program(options.interface)
        with ExitStack() as stack:
            if options.zerocopy:
                stack.enter_context((joined if options.join else attached)(options.interface))
            began = time.monotonic_ns()
            frames = load(options.pcap, not options.zerocopy, options.memory_limit, options.multiplier is not None)
            xsk = XdpSocket(options.interface, options.queue, frames.region, options.zerocopy)
            stack.callback(xsk.close)
            transmitter = Transmitter(xsk, memoryview(frames.descriptors).cast("B"), _load(options, frames), _interval)
            self._transmitter = transmitter
            if not options.topspeed:
                _raise_priority()
            prepared = time.monotonic_ns()
            instant = self._wait_at_gate()
            print(SENDING, file=sys.stderr, flush=True)
            _print(
                "start",
                interface=options.interface,
                queue=options.queue,
                adapter="zerocopy" if xsk.zerocopy else "copy",
                xdp_options=xsk.flags,
                packets=frames.count,
                memory_bytes=frames.memory_bytes,
                preparation_seconds=(prepared - began) / SECOND,
            )
            if self._stopped:
                transmitter.stop()
            tally = transmitter.run()
            _end(tally, transmitter.paced, frames, instant)
        if tally.error:
            rule = f"takes no packets: {os.strerror(tally.error)}"
            raise HostError("interface", options.interface, rule, "Check its link.")
        return 0

    def _wait_at_gate(self) -> int | None:
        """Wait for the instant that the gate names, in nanoseconds of the monotonic clock; None without a gate."""
        if self._options.gate is None:
            return None
        _print("ready")
        with open(self._options.gate, encoding="ascii") as gate:
            instant = int(gate.readline())
        while (left := instant - time.monotonic_ns()) > 0 and not self._stopped:
            if left > SLEEP_NS:
                time.sleep(min(left - WAKE_UP_NS, LONGEST_SLEEP_NS) / SECOND)
        return instant

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopped = True
        if self._transmitter:
            self._transmitter.stop()


def _raise_priority() -> None:
    """Let no other process delay a paced run, which sleeps between its batches; where this user may (CAP_SYS_NICE)."""
    signal.signal(signal.SIGXCPU, lambda number, frame: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)))
    resource.setrlimit(resource.RLIMIT_RTTIME, (LONGEST_RUN_US, resource.RLIM_INFINITY))
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _load(options: SenderOptions, frames: Frames) -> Load:
    limits = [] if options.limit is None else [options.limit]
    limits += [options.loop * frames.count] if options.loop else []
    duration = None if options.duration is None else options.duration * SECOND
    return Load(min(limits, default=None), duration, _schedule(options, frames))


def _interval(tally: Tally) -> None:
    _print("interval", packets=tally.sent, seconds=(time.monotonic_ns() - tally.started) / SECOND)


def _end(tally: Tally, paced: Clock, frames: Frames, instant: int | None) -> None:
    """What the completion ring returned, and what did not go to plan. ``skew_seconds``: from the gate's instant."""
    _print(
        "end",
        packets=tally.sent,
        bytes=frames.bytes_of(tally.sent),
        seconds=(tally.ended - tally.started) / SECOND,
        failed=tally.posted - tally.sent,
        waits=tally.waits,
        late_packets=tally.late,
        stalls=paced.stalls,
        longest_stall_seconds=paced.longest_ns / SECOND if paced.stalls else 0.0,
        skew_seconds=None if instant is None else (tally.started - instant) / SECOND,
        interrupted=tally.interrupted,
    )


def _schedule(options: SenderOptions, frames: Frames) -> Schedule | None:
    if options.pps is not None:
        return at_pps(options.pps)
    if options.mbps is not None:
        return at_mbps(options.mbps, frames)
    if options.multiplier is not None:
        return at_captured_speed(options.multiplier, frames, options.pcap)
    if options.line_percent is not None and options.link_bps is not None:
        return at_line_rate(options.line_percent, options.link_bps, frames)
    return None


def _print(event: str, **fields: Any) -> None:
    print(line(event, **fields), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
