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
from ..system.gate import Gate
from ..system.run import Runner
from ..tcpreplay.supervise import Capture, HopelessError, Outcome, Running, supervise_all
from ..tuning.cpus import format_cpus, parse_cpus
from ..tuning.pin import allowed_cpus, pin
from .engines.base import Engine
from .engines.registry import engine_of
from .events import Events
from .evidence import Adapter, Process, Sent
from .journal import Journal, start
from .model import Trial
from .nic_session import NicSession
from .processes import Member, alone, members, part_sent, shares, total_adapter, total_claim, total_outcome
from .stall_detector import POLL_SECONDS, Expected, StallDetector

KEPT_STDERR_CHARACTERS = 4000
GATE_POLL_SECONDS = 0.01


def replay(
    trial: Trial, run: Runner, abort: Callable[[], str | None] = lambda: None, journals: str | None = None
) -> Sent:
    """Send ``trial``, and return what was seen of it; when ``abort()`` gives a reason, sending ends at once.

    A journal is kept in the folder ``journals``, and the events are written; neither where that is None.
    """
    engine = engine_of(trial.method)
    shared = shares(trial, engine) if trial.method.processes > 1 else []
    gate = Gate(len(shared)) if len(shared) > 1 else None
    try:
        team = members(shared, engine, gate) if gate else [alone(shared[0] if shared else trial, engine)]
        # Before the cleanup process starts, which inherits the journal's lock: it is released when all is cleaned up.
        driver = driver_of(trial.sending.interface)
        journal = start(trial, team[0].argv, journals, driver) if journals else None
        events = Events(trial) if journals else None
        session = engine.session(trial, list(team[0].argv), run)
        session.commands, session.gate = [one.argv for one in team], gate
        with session:
            sending = _Sending(trial, engine, session, abort, (journal, events))
            outcomes = sending.run(team, gate)
            adapter = total_adapter([session.adapter(outcome) for outcome in outcomes])
    finally:
        if gate:
            gate.remove()
    if events:
        whole = total_outcome(outcomes)
        events.end(whole.elapsed_seconds, whole.stopped_because)
    sent = sending.sent(team, outcomes, adapter, session)
    if journal:
        journal.end(sent)
    return sent


class _Sending:
    """One run of the program, or of several processes of it, and all that is seen of it meanwhile."""

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
        self._gate: Gate | None = None
        partly = engine.kernel_counters_are_partial(trial.method.adapter)
        self._counters = SentCounters(trial.sending.interface, partly=partly)
        self._last = self._counters.read()
        refresh = engine.refresh_seconds(trial.method.adapter)
        self._sampler = Sampler(self._read_sent, trial.sending.sample_interval, refresh_seconds=refresh)
        self._detector = StallDetector(Expected.of(trial, engine), self._counted, engine.phase)
        self._meters: list[CpuMeter] = []
        self._allowed: list[str | None] = []
        self._noted = 0
        self._times = ("", "")
        self._step = 0.0

    def run(self, team: Sequence[Member], gate: Gate | None) -> list[Outcome]:
        """Run the programs to their ends, or until they are stopped."""
        self._meters, self._allowed, self._gate = [CpuMeter() for _ in team], [None for _ in team], gate
        started_at, wall_clock = utc_now(), WallClock()

        def started(number: int, pid: int) -> None:
            cpu = team[number].trial.sending.cpu
            if cpu is not None:
                pin(pid, cpu)

        deadline, commands = self._trial.offered.deadline_seconds, [one.starting for one in team]
        outcomes = supervise_all(commands, deadline, self._tick, started=started)
        self._sampler.finish()
        self._times, self._step = (started_at, utc_now()), wall_clock.step()
        return outcomes

    def sent(self, team: Sequence[Member], outcomes: Sequence[Outcome], adapter: Adapter, session: NicSession) -> Sent:
        """What was seen of the run."""
        shares = [meter.process_percent() for meter in self._meters]
        parts = [
            part_sent(member, self._engine, outcome, allowed, percent)
            for member, outcome, allowed, percent in zip(team, outcomes, self._allowed, shares)
        ]
        alone = len(parts) == 1
        claim, claim_error = (parts[0].claim, parts[0].claim_error) if alone else total_claim(parts)
        nic = self._nic
        return Sent(
            argv=team[0].argv,
            started_at=self._times[0],
            ended_at=self._times[1],
            process=_process(total_outcome(outcomes), _all_cpus(self._allowed)),
            claim=claim,
            claim_error=claim_error,
            nic=nic,
            samples=() if nic.tx_packets is None else tuple(self._sampler.samples),
            cpu_percent=_sum(shares),
            core_busy_percent=_mean([meter.core_percent() for meter in self._meters]),
            adapter=adapter,
            recovery=session.recovery,
            wall_clock_step=round(self._step, 6),
            parts=() if alone else tuple(parts),
        )

    def _tick(self, running: Sequence[Running]) -> float:
        reason = self._abort()
        if reason:
            raise HopelessError(reason)
        pause = self._sampler.poll()
        self._note_samples()
        if self._sampler.started:
            for number, one in enumerate(running):
                self._meters[number].note(one.pid)
                self._allowed[number] = self._allowed[number] or allowed_cpus(one.pid)
        self._session.observe(self._sampler.started)
        self._detector.poll(_together(running))
        if self._gate and not self._gate.poll():
            return GATE_POLL_SECONDS
        return min(pause, POLL_SECONDS)

    def _note_samples(self) -> None:
        new = self._sampler.samples[self._noted :]
        if not new:
            return
        self._noted += len(new)
        nic = self._nic
        # Without a number of packets a sample is no rate.
        for sample in new if nic.tx_packets is not None else ():
            if self._journal:
                self._journal.sample(sample, nic)
            if self._events:
                self._events.sample(sample)

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

    def _counted(self) -> SenderNic | None:
        return None if self._uncounted else self._read()

    @property
    def _nic(self) -> SenderNic:
        """What the interface counted; None where no counter moves with what the adapter sends."""
        return SenderNic(NOT_COUNTED, None, None, None, None) if self._uncounted else self._read().checked()


def _together(running: Sequence[Running]) -> Running:
    """Several processes as one that has written what all of them did."""
    if len(running) == 1:
        return running[0]
    messages = Capture()
    for one in running:
        messages.feed(one.stderr.text().encode())
    return Running(running[0].pid, messages)


def _all_cpus(allowed: Sequence[str | None]) -> str | None:
    known = [one for one in allowed if one]
    return format_cpus({cpu for one in known for cpu in parse_cpus(one)}) if known else None


def _sum(percents: Sequence[float | None]) -> float | None:
    known = [one for one in percents if one is not None]
    return round(sum(known), 1) if len(known) == len(percents) else None


def _mean(percents: Sequence[float | None]) -> float | None:
    total = _sum(percents)
    return None if total is None else round(total / len(percents), 1)


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
