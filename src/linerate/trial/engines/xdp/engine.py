"""The AF_XDP sender: its command, its own count, and when its interface is ready."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

from ....errors import InputError
from ....pcap.reader import FILE_HEADER_BYTES, RECORD_HEADER_BYTES
from ....pcap.split import MOST_PARTS
from ....system.memory import megabytes
from ....system.run import Runner
from ....tcpreplay.supervise import Outcome
from ....xdp import program
from ....xdp.availability import unavailable_reason, zerocopy_unavailable_reason
from ....xdp.events import SENDING as READY
from ....xdp.events import failure, find
from ....xdp.frames import FREE_SHARE, LONGEST_FRAME, memory_limit
from ....xdp.options import SenderOptions
from ....xdp.xsk import DESCRIPTOR_BYTES
from ...evidence import Claim
from ...model import Case, Trial
from ...nic_session import NicSession
from ..base import OPENING, SENDING, XDP_ATTACH_OK, Engine, Resources, SenderHost
from .session import XdpSession


class XdpEngine(Engine):
    """linerate's own sender through an XDP socket. Settings of tcpreplay do not concern it."""

    name = "xdp"
    adapters = ("copy", "zerocopy")
    max_processes = MOST_PARTS
    # A queue has one socket that sends by a memory of its own.
    queue_per_process = True
    waits_at_gate = True
    sends_bursts = True

    def unavailable(self, host: SenderHost) -> str | None:
        return unavailable_reason(host.interface, root=host.root)

    def adapter_unavailable(self, adapter: str, host: SenderHost) -> str | None:
        if adapter != "zerocopy":
            return None
        return zerocopy_unavailable_reason(host.interface, XDP_ATTACH_OK in host.features, host.root)

    def case_unavailable(self, case: Case, resources: Resources) -> str | None:
        if case.max_frame_length > LONGEST_FRAME:
            return f"has frames of {case.max_frame_length:,} B, and an XDP socket sends at most {LONGEST_FRAME:,} B"
        size = FILE_HEADER_BYTES + round(case.pcap_packets * (RECORD_HEADER_BYTES + case.mean_frame_length))
        lockable, free = resources.lockable_bytes, resources.free_bytes
        if lockable is not None and size > lockable:
            return f"needs {size:,} B of locked memory, and RLIMIT_MEMLOCK allows {lockable:,} B (ulimit -l)"
        needed = size + DESCRIPTOR_BYTES * case.pcap_packets
        if free is not None and needed > FREE_SHARE * free:
            return f"needs {megabytes(needed)} of memory, more than half of the {megabytes(free)} that are free"
        return None

    def command(self, trial: Trial) -> list[str]:
        reason = self.case_unavailable(trial.case, Resources())
        if reason:
            raise InputError(
                "case", trial.case.name, reason, "Leave xdp out of benchmark_engines, or use benchmark_trials."
            )
        return _command(_options(trial))

    def part_command(self, trial: Trial, number: int, gate: str) -> list[str]:
        limit = memory_limit()
        options = replace(
            _options(trial),
            queue=number,
            join=trial.method.adapter == "zerocopy" and number > 0,
            cpu=trial.sending.cpu,
            gate=gate,
            # All of them load at once.
            memory_limit=None if limit is None else limit // trial.method.processes,
        )
        return self.provide(_command(options))

    def started_seconds(self, outcome: Outcome) -> float | None:
        end = find(outcome.stdout, "end")
        return None if end is None or end["skew_seconds"] is None else float(end["skew_seconds"])

    def provide(self, argv: list[str]) -> list[str]:
        program.install()
        return [sys.executable, *argv[1:]]

    def gap_seconds(self, trial: Trial) -> float:
        mode, value = trial.offered.pacing
        if mode == "topspeed":
            return 0.0
        if mode == "pps" and value:
            return 1 / value
        if mode == "mbps" and value:
            return 8 * LONGEST_FRAME / (value * 1e6)
        return math.inf

    def read_claim(self, outcome: Outcome) -> tuple[Claim | None, str | None]:
        end = find(outcome.stdout, "end")
        if end is None:
            return None, failure(outcome.stderr)
        packets, octets, seconds = int(end["packets"]), int(end["bytes"]), float(end["seconds"])
        per_second = 1 / seconds if seconds else 0.0
        return Claim(
            packets=packets,
            bytes=octets,
            seconds=seconds,
            bytes_per_second=octets * per_second,
            mbps=8e-6 * octets * per_second,
            pps=packets * per_second,
            successful=packets,
            failed=int(end["failed"]),
            truncated=0,
            retried_enobufs=0,
            retried_eagain=int(end["waits"]),
            interrupted=bool(end["interrupted"]),
        ), None

    def session(self, trial: Trial, argv: list[str], run: Runner) -> NicSession:
        return XdpSession(trial.sending.interface, argv, str(trial.method.adapter), run)

    def kernel_counters_are_partial(self, adapter: str | None) -> bool:
        # igb of Linux 7.2 counted three quarters of what the NIC and the completion ring did.
        return adapter == "zerocopy"

    def phase(self, messages: str) -> str:
        return SENDING if READY in messages else OPENING


def _command(options: SenderOptions) -> list[str]:
    return ["python3", "-I", program.path(), *options.to_argv()]


def _options(trial: Trial) -> SenderOptions:
    sending, (mode, value) = trial.sending, trial.offered.pacing
    return SenderOptions(
        interface=sending.interface,
        pcap=trial.case.pcap,
        pps=value if mode == "pps" else None,
        mbps=value if mode == "mbps" else None,
        multiplier=value if mode == "multiplier" else None,
        topspeed=mode == "topspeed",
        loop=sending.loop,
        limit=sending.limit,
        duration=sending.duration,
        zerocopy=trial.method.adapter == "zerocopy",
    )
