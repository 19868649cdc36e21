"""The sender's half of a trial, once it may be sent: send under supervision while counting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Callable

from ..clock import utc_now
from ..errors import HostError, InputError, StatisticsError
from ..netmap.adapter import driver_of
from ..nic.counters import NOT_COUNTED, SENDING, SenderNic, SentCounters
from ..receiver.sampler import LEAST_INTERVAL, MOST_INTERVAL, Reading, Sampler
from ..system.cpu import CpuMeter
from ..system.run import Runner
from ..tcpreplay.diagnosis import diagnose
from ..tcpreplay.options import ReplayOptions, build_argv
from ..tcpreplay.output import parse
from ..tcpreplay.supervise import HopelessError, Outcome, Running, supervise
from ..tuning.pin import allowed_cpus, pin
from ..validate import MOST_SECONDS, check_rate
from .journal import FOLDER, Journal, begin
from .netmap_session import NetmapSession
from .nic_session import NicSession
from .result import claim_of
from .stall_detector import LOOK_SECONDS, MOST_STALL, STALL_SECONDS, Expected, Watch

KEPT_STDERR_CHARACTERS = 4000


@dataclass(frozen=True)
class ReplayJob:
    """What to send and how long it may take at most; the samples are ``interval_seconds`` apart.

    ``adapter`` is native or emulated, with the option netmap and with no other. ``cpu`` is the one that tcpreplay
    runs on; the scheduler chooses where it is None. ``stall_seconds`` is how long nothing may leave that should.
    ``trial``, as linerate_run returned it, is what the journal in the folder ``journals`` is kept for.
    """

    options: ReplayOptions
    deadline_seconds: float
    executable: str = "tcpreplay"
    interval_seconds: float = 1.0
    adapter: str | None = None
    cpu: int | None = None
    stall_seconds: float = STALL_SECONDS
    trial: Mapping[str, Any] | None = None
    journals: str = FOLDER

    def __post_init__(self) -> None:
        if self.options.netmap != (self.adapter is not None):
            rule = "is needed to send through netmap" if self.options.netmap else "has no meaning without netmap"
            raise InputError("adapter", self.adapter, rule, "Give netmap and adapter together.")
        check_rate("deadline_seconds", self.deadline_seconds, most=2 * MOST_SECONDS)
        check_rate("interval_seconds", self.interval_seconds, LEAST_INTERVAL, MOST_INTERVAL)
        check_rate("stall_seconds", self.stall_seconds, most=MOST_STALL)


def replay(job: ReplayJob, run: Runner, over: Callable[[], str | None] = lambda: None) -> dict[str, Any]:
    """Send, and return what was seen of it; where ``over()`` gives a reason, sending ends at once.

    That is argv, times (UTC), process, claim or claim_error, nic (tx counters), samples, the CPU, the adapter with
    its evidence, and how the NIC recovered.
    """
    argv = build_argv(job.options, job.executable)
    adapter: dict[str, Any] = {
        "kind": job.adapter,
        "found": None,
        "driver": driver_of(job.options.interface),
        "evidence": [],
    }
    # Before the guardian, which has a part in the journal's lock: it is let go when all is cleaned up.
    journal = begin(job.trial, argv, adapter, job.journals) if job.trial else None
    if job.adapter is None:
        session = NicSession(job.options.interface, argv, run)
        with session:
            sent = _Sending(job, over, journal).send(argv)
    else:
        session = through_netmap = NetmapSession(job.options.interface, argv, job.adapter, run)
        with session:
            sent = _Sending(job, over, journal, through_netmap).send(argv)
            adapter = through_netmap.describe()
    sent = {**sent, "adapter": adapter, "recovery": session.recovery}
    if journal:
        journal.end(sent)
    return sent


class _Sending:
    """One run of tcpreplay, and all that is seen of it meanwhile."""

    def __init__(
        self,
        job: ReplayJob,
        over: Callable[[], str | None],
        journal: Journal | None,
        netmap: NetmapSession | None = None,
    ) -> None:
        self._job, self._over, self._journal, self._netmap = job, over, journal, netmap
        self._counters = SentCounters(job.options.interface)
        self._last = self._counters.read()
        self._sampler = Sampler(self._sent, job.interval_seconds)
        self._watch = Watch(Expected.of(job.options, job.stall_seconds), self._left_and_dropped)
        self._meter = CpuMeter()
        self._allowed: str | None = None
        self._noted = 0

    def send(self, argv: list[str]) -> dict[str, Any]:
        started_at = utc_now()
        outcome = supervise(argv, self._job.deadline_seconds, self._tick, started=self._pin)
        ended_at = utc_now()
        self._sampler.finish()
        claim, claim_error = _claim(outcome)
        return {
            "argv": argv,
            "started_at": started_at,
            "ended_at": ended_at,
            "process": {**_process(outcome), "cpus_allowed": self._allowed},
            "claim": claim,
            "claim_error": claim_error,
            "nic": self._counted(),
            "samples": [asdict(sample) for sample in self._sampler.samples],
            "cpu_percent": self._meter.process_percent(),
            "core_busy_percent": self._meter.core_percent(),
        }

    def _pin(self, pid: int) -> None:
        if self._job.cpu is not None:
            pin(pid, self._job.cpu)

    def _tick(self, running: Running) -> float:
        over = self._over()
        if over:
            raise HopelessError(over)
        pause = self._sampler.poll()
        self._note_samples()
        if self._sampler.started:
            self._meter.note(running.pid)
            self._allowed = self._allowed or allowed_cpus(running.pid)
        if self._netmap:
            self._netmap.look(self._sampler.started)
        self._watch.look(running)
        return min(pause, LOOK_SECONDS)

    def _note_samples(self) -> None:
        new = self._sampler.samples[self._noted :]
        if self._journal and new:
            counted = self._counted()
            for sample in new:
                self._journal.sample(asdict(sample), counted)
        self._noted += len(new)

    def _read(self) -> SenderNic:
        """What was sent so far; what was last seen of it where the interface is gone, or has begun anew."""
        try:
            now = self._counters.read()
        except HostError:
            return self._last
        if all(getattr(now, name) >= getattr(self._last, name) for name in SENDING):
            self._last = now
        return self._last

    def _sent(self) -> Reading:
        now = self._read()
        return now.tx_packets or 0, now.tx_bytes or 0

    @property
    def _uncounted(self) -> bool:
        return self._job.adapter == "native" and not self._counters.has_hardware

    def _left_and_dropped(self) -> tuple[int, int] | None:
        if self._uncounted:
            return None
        now = self._read()
        return now.tx_packets or 0, (now.tx_dropped or 0) + (now.tx_errors or 0)

    def _counted(self) -> dict[str, Any]:
        """What the interface counted; nothing where it has no counter that a native adapter moves."""
        return (SenderNic(NOT_COUNTED, None, None, None, None) if self._uncounted else self._read()).to_json()


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
        "stopped_because": outcome.stopped_because,
        "elapsed_seconds": round(outcome.elapsed_seconds, 6),
        "stderr": outcome.stderr[:KEPT_STDERR_CHARACTERS],
        "stderr_bytes": outcome.stderr_bytes,
    }
