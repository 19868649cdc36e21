"""The sender's half of a trial: look before, send under supervision while counting, look after."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..clock import utc_now
from ..errors import StatisticsError
from ..host.counters import SENDING, InterfaceCounters, difference
from ..host.cpu import CpuMeter
from ..host.nic import read_nic, refuse_management, refuse_unready
from ..host.run import Runner
from ..host.sampler import Reading, Sampler
from ..pcap.reader import read_summary
from ..tcpreplay.diagnosis import diagnose
from ..tcpreplay.options import ReplayOptions, build_argv
from ..tcpreplay.statistics import parse
from ..tcpreplay.supervise import Outcome, supervise
from .result import claim_of

KEPT_STDERR_CHARACTERS = 4000


@dataclass(frozen=True)
class ReplayJob:
    """What to send and how long it may take at most; the samples are ``interval_seconds`` apart."""

    options: ReplayOptions
    deadline_seconds: float
    executable: str = "tcpreplay"
    interval_seconds: float = 1.0


def preflight(options: ReplayOptions, run: Runner) -> None:
    """Refuse what cannot give a true number: a bad pcap, an interface in use, down, or too small. Changes nothing."""
    refuse_management(options.interface, os.environ, run)
    summary = read_summary(options.pcap)
    refuse_unready(read_nic(options.interface, run), summary.max_frame_length)


def replay(job: ReplayJob) -> dict[str, Any]:
    """Send, and return argv, times (UTC), process, claim or claim_error, nic (tx counters), samples, and the CPU."""
    argv = build_argv(job.options, job.executable)
    counters = InterfaceCounters(job.options.interface, SENDING)
    before = counters.read()

    def sent() -> Reading:
        now = counters.read()
        return now["tx_packets"], now["tx_bytes"]

    sampler = Sampler(sent, job.interval_seconds)
    meter = CpuMeter()

    def tick(pid: int) -> float:
        pause = sampler.poll()
        if sampler.started:
            meter.note(pid)
        return pause

    started_at = utc_now()
    outcome = supervise(argv, job.deadline_seconds, tick)
    ended_at = utc_now()
    sampler.finish()
    claim, claim_error = _claim(outcome)
    return {
        "argv": argv,
        "started_at": started_at,
        "ended_at": ended_at,
        "process": _process(outcome),
        "claim": claim,
        "claim_error": claim_error,
        "nic": {"source": counters.source, **difference(before, counters.read())},
        "samples": [asdict(sample) for sample in sampler.samples],
        "cpu_percent": meter.process_percent(),
        "core_busy_percent": meter.core_percent(),
    }


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
