"""The sender's half of a trial: look before, send under supervision while counting, look after."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..clock import utc_now
from ..errors import InputError, StatisticsError
from ..host.counters import NOT_COUNTED, SENDING, SentCounters
from ..host.cpu import CpuMeter
from ..host.nic import read_nic, refuse_management, refuse_unready
from ..host.run import Runner
from ..host.sampler import Reading, Sampler
from ..host.session import session_environment
from ..netmap.adapter import driver_of
from ..pcap.reader import read_summary
from ..tcpreplay.diagnosis import diagnose
from ..tcpreplay.options import ReplayOptions, build_argv
from ..tcpreplay.statistics import parse
from ..tcpreplay.supervise import Outcome, supervise
from ..tuning.pin import allowed_cpus, pin, refuse_cpu
from .netmap_session import NetmapSession
from .result import claim_of

KEPT_STDERR_CHARACTERS = 4000


@dataclass(frozen=True)
class ReplayJob:
    """What to send and how long it may take at most; the samples are ``interval_seconds`` apart.

    ``adapter`` is native or emulated, with the option netmap and with no other. ``cpu`` is the one that tcpreplay
    runs on; the scheduler chooses where it is None.
    """

    options: ReplayOptions
    deadline_seconds: float
    executable: str = "tcpreplay"
    interval_seconds: float = 1.0
    adapter: str | None = None
    cpu: int | None = None

    def __post_init__(self) -> None:
        if self.options.netmap != (self.adapter is not None):
            rule = "is needed to send through netmap" if self.options.netmap else "has no meaning without netmap"
            raise InputError("adapter", self.adapter, rule, "Give netmap and adapter together.")


def preflight(options: ReplayOptions, run: Runner, cpu: int | None = None) -> None:
    """Refuse what cannot give a true number: a bad pcap, an interface in use, down, or too small. Changes nothing."""
    refuse_management(options.interface, session_environment(os.environ), run)
    if cpu is not None:
        refuse_cpu(cpu)
    summary = read_summary(options.pcap)
    refuse_unready(read_nic(options.interface, run), summary.max_frame_length)


def replay(job: ReplayJob, run: Runner) -> dict[str, Any]:
    """Send, and return what was seen of it.

    That is argv, times (UTC), process, claim or claim_error, nic (tx counters), samples, the CPU, the adapter with
    its evidence; and for netmap how the NIC recovered.
    """
    if job.adapter is None:
        sent = _send(job, None)
        sent["adapter"] = {"kind": None, "found": None, "driver": driver_of(job.options.interface), "evidence": []}
        return {**sent, "recovery": None}
    session = NetmapSession(job.options.interface, job.adapter, run)
    with session:
        sent = _send(job, session)
        sent["adapter"] = session.describe()
    return {**sent, "recovery": session.recovery}


def _send(job: ReplayJob, session: NetmapSession | None) -> dict[str, Any]:
    argv = build_argv(job.options, job.executable)
    counters = SentCounters(job.options.interface)

    def sent() -> Reading:
        _, now = counters.read()
        return now["tx_packets"], now["tx_bytes"]

    sampler = Sampler(sent, job.interval_seconds)
    meter = CpuMeter()
    allowed: list[str | None] = []

    def begin(pid: int) -> None:
        if job.cpu is not None:
            pin(pid, job.cpu)

    def tick(pid: int) -> float:
        pause = sampler.poll()
        if sampler.started:
            meter.note(pid)
            allowed[:] = allowed or [allowed_cpus(pid)]
        if session:
            session.look(sampler.started)
        return pause

    started_at = utc_now()
    outcome = supervise(argv, job.deadline_seconds, tick, started=begin)
    ended_at = utc_now()
    sampler.finish()
    claim, claim_error = _claim(outcome)
    return {
        "argv": argv,
        "started_at": started_at,
        "ended_at": ended_at,
        "process": {**_process(outcome), "cpus_allowed": allowed[0] if allowed else None},
        "claim": claim,
        "claim_error": claim_error,
        "nic": _counted(counters, job.adapter),
        "samples": [asdict(sample) for sample in sampler.samples],
        "cpu_percent": meter.process_percent(),
        "core_busy_percent": meter.core_percent(),
    }


def _counted(counters: SentCounters, adapter: str | None) -> dict[str, Any]:
    """What the interface counted; nothing where it has no counter that a native adapter moves."""
    if adapter == "native" and not counters.has_hardware:
        return {"source": NOT_COUNTED, **dict.fromkeys(SENDING)}
    source, moved = counters.read()
    return {"source": source, **moved}


def _claim(outcome: Outcome) -> tuple[dict[str, Any] | None, str | None]:
    try:
        return claim_of(parse(outcome.stdout)), None
    except StatisticsError as error:
        cause = diagnose(outcome.stderr)
        return None, f"{error.subject} {error.rule}" + (f" (it said: {cause})" if cause else "")


def _process(outcome: Outcome) -> Mapping[str, Any]:
    return {
        "exit_status": outcome.exit_status,
        "signals_sent": list(outcome.signals_sent),
        "deadline_exceeded": outcome.deadline_exceeded,
        "elapsed_seconds": round(outcome.elapsed_seconds, 6),
        "stderr": outcome.stderr[:KEPT_STDERR_CHARACTERS],
        "stderr_bytes": outcome.stderr_bytes,
    }
