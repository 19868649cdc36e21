"""The sender's half of a trial: run the program under supervision, and count meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from ..clock import WallClock, utc_now
from ..errors import HostError
from ..netmap.adapter import driver_of
from ..nic.counters import NOT_COUNTED, SENDING, SenderNic, SentCounters
from ..receiver.sampler import Reading, Sampler
from ..system.cpu import CpuMeter
from ..system.run import Runner
from ..tcpreplay.supervise import HopelessError, Outcome, Running, supervise
from ..tuning.pin import allowed_cpus, pin
from .engines.base import Engine
from .engines.registry import engine_of
from .events import Events
from .evidence import Adapter, Process, Sent
from .journal import Journal, start
from .model import Trial
from .nic_session import NicSession
from .stall_detector import POLL_SECONDS, Expected, StallDetector

KEPT_STDERR_CHARACTERS = 4000


def replay(
    trial: Trial, run: Runner, abort: Callable[[], str | None] = lambda: None, journals: str | None = None
) -> Sent:
    """Send ``trial``, and return what was seen of it; when ``abort()`` gives a reason, sending ends at once.

    A journal is kept in the folder ``journals``, and the events are written; neither where that is None.
    """
    engine = engine_of(trial.method)
    argv = engine.provide(engine.command(trial))
    # Before the cleanup process starts, which inherits the journal's lock: it is released when all is cleaned up.
    journal = start(trial, argv, journals, driver_of(trial.sending.interface)) if journals else None
    events = Events(trial) if journals else None
    session = engine.session(trial, argv, run)
    with session:
        sending = _Sending(trial, engine, session, abort, (journal, events))
        outcome = sending.run(argv)
        adapter = session.adapter(outcome)
    if events:
        events.end(outcome.elapsed_seconds, outcome.stopped_because)
    sent = sending.sent(argv, outcome, adapter, session)
    if journal:
        journal.end(sent)
    return sent


class _Sending:
    """One run of the program, and all that is seen of it meanwhile."""

    def __init__(
        self,
        trial: Trial,
        engine: Engine,
        session: NicSession,
        abort: Callable[[], str | None],
        writers: tuple[Journal | None, Events | None],
    ) -> None:
        self._trial, self._engine, self._session, self._abort = trial, engine, session, abort
        self._journal, self._events = writers
        self._counters = SentCounters(trial.sending.interface)
        self._last = self._counters.read()
        refresh = engine.refresh_seconds(trial.method.adapter)
        self._sampler = Sampler(self._read_sent, trial.sending.sample_interval, refresh_seconds=refresh)
        self._detector = StallDetector(Expected.of(trial, engine), self._left_and_dropped, engine.phase)
        self._meter = CpuMeter()
        self._allowed: str | None = None
        self._noted = 0
        self._times = ("", "")
        self._step = 0.0

    def run(self, argv: Sequence[str]) -> Outcome:
        """Run the program to its end, or until it is stopped."""
        started_at, wall_clock = utc_now(), WallClock()
        outcome = supervise(argv, self._trial.offered.deadline_seconds, self._tick, started=self._pin)
        self._sampler.finish()
        self._times, self._step = (started_at, utc_now()), wall_clock.step()
        return outcome

    def sent(self, argv: Sequence[str], outcome: Outcome, adapter: Adapter, session: NicSession) -> Sent:
        """What was seen of the run."""
        claim, claim_error = self._engine.read_claim(outcome)
        return Sent(
            argv=tuple(argv),
            started_at=self._times[0],
            ended_at=self._times[1],
            process=_process(outcome, self._allowed),
            claim=claim,
            claim_error=claim_error,
            nic=self._nic,
            samples=tuple(self._sampler.samples),
            cpu_percent=self._meter.process_percent(),
            core_busy_percent=self._meter.core_percent(),
            adapter=adapter,
            recovery=session.recovery,
            wall_clock_step=round(self._step, 6),
        )

    def _pin(self, pid: int) -> None:
        if self._trial.sending.cpu is not None:
            pin(pid, self._trial.sending.cpu)

    def _tick(self, running: Running) -> float:
        reason = self._abort()
        if reason:
            raise HopelessError(reason)
        pause = self._sampler.poll()
        self._note_samples()
        if self._sampler.started:
            self._meter.note(running.pid)
            self._allowed = self._allowed or allowed_cpus(running.pid)
        self._session.observe(self._sampler.started)
        self._detector.poll(running)
        return min(pause, POLL_SECONDS)

    def _note_samples(self) -> None:
        new = self._sampler.samples[self._noted :]
        if self._journal and new:
            nic = self._nic
            for sample in new:
                self._journal.sample(sample, nic)
        if self._events:
            for sample in new:
                self._events.sample(sample)
        self._noted += len(new)

    def _read(self) -> SenderNic:
        """What was sent so far; the last reading where the interface is gone, or its counters were reset."""
        try:
            now = self._counters.read()
        except HostError:
            return self._last
        if all(getattr(now, name) >= getattr(self._last, name) for name in SENDING):
            self._last = now
        return self._last

    def _read_sent(self) -> Reading:
        now = self._read()
        return now.tx_packets or 0, now.tx_bytes or 0

    @property
    def _uncounted(self) -> bool:
        bypasses = self._engine.bypasses_kernel_counters(self._trial.method.adapter)
        return bypasses and not self._counters.has_hardware

    def _left_and_dropped(self) -> tuple[int, int] | None:
        if self._uncounted:
            return None
        now = self._read()
        return now.tx_packets or 0, (now.tx_dropped or 0) + (now.tx_errors or 0)

    @property
    def _nic(self) -> SenderNic:
        """What the interface counted; None where no counter moves with what the adapter sends."""
        return SenderNic(NOT_COUNTED, None, None, None, None) if self._uncounted else self._read().checked()


def _process(outcome: Outcome, cpus_allowed: str | None) -> Process:
    return Process(
        exit_status=outcome.exit_status,
        signals_sent=tuple(outcome.signals_sent),
        deadline_exceeded=outcome.deadline_exceeded,
        stopped_because=outcome.stopped_because,
        elapsed_seconds=round(outcome.elapsed_seconds, 6),
        stderr=outcome.stderr[:KEPT_STDERR_CHARACTERS],
        stderr_bytes=outcome.stderr_bytes,
        cpus_allowed=cpus_allowed,
    )
