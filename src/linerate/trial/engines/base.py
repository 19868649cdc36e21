"""What an engine must provide, so that plan, trial, verdict and report need not know which one sends.

An engine is a program that sends a pcap; engine, kind of adapter and number of processes make a send method. The
engine is the same object on the controller, where a trial is planned, and on the sender, where it is run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ...pcap.split import MOST_PARTS
from ...system.gate import started_seconds
from ...system.run import Runner
from ...tcpreplay.supervise import Outcome
from ..evidence import Adapter, Claim
from ..model import Case, Trial
from ..nic_session import NicSession

XDP_ATTACH_OK = "xdp_attach_ok"
"""A feature of a host: an XDP program may be attached to its interface, which resets the NIC's rings."""
OPENING, SENDING, CLOSING = "opening", "sending", "closing"
"""Phases of a run: a NIC that is being opened or closed may be reset, and nothing leaves it."""


@dataclass(frozen=True)
class SenderHost:
    """What availability depends on: the sending interface, the features of the host's programs, what is permitted."""

    interface: str
    features: frozenset[str] = frozenset()
    root: str = "/"


@dataclass(frozen=True)
class Resources:
    """What a sender has: ``automatic`` is how many processes auto means, ``queues`` are to transmit.

    ``lockable_bytes`` of memory a program may lock, None without a limit; ``free_bytes`` it may use, None if not known.
    """

    automatic: int = 1
    queues: int = MOST_PARTS
    lockable_bytes: int | None = None
    free_bytes: int | None = None


class Engine(ABC):
    """One engine. Without adapters ``adapters`` is empty; ``max_processes`` may send at once.

    ``one_process`` says why, where that is one. ``queue_per_process``: each of them needs a transmit queue of its own.
    ``waits_at_gate``: its program waits at the gate itself. ``sends_bursts``: without a pause between the frames.
    """

    name: ClassVar[str]
    adapters: ClassVar[tuple[str, ...]] = ()
    max_processes: ClassVar[int] = 1
    one_process: ClassVar[str] = ""
    queue_per_process: ClassVar[bool] = False
    waits_at_gate: ClassVar[bool] = False
    sends_bursts: ClassVar[bool] = False
    counter_delay_seconds: ClassVar[float] = 0.0
    """The interval in which the NIC's counters are brought up to date while it sends."""

    def unavailable(self, host: SenderHost) -> str | None:
        """Why the engine cannot send on ``host``; None where it can."""
        return None

    def adapter_unavailable(self, adapter: str, host: SenderHost) -> str | None:
        """Why the engine cannot send through ``adapter`` on ``host``; None where it can."""
        return None

    def case_unavailable(self, case: Case, resources: Resources) -> str | None:
        """Why the engine cannot send ``case`` on a sender with these resources, after its name; None where it can."""
        return None

    def switching_seconds(self, nm_delay: int) -> float:
        """What opening and closing the NIC adds to each trial, in seconds."""
        return 0.0

    def closing_seconds(self, nm_delay: int) -> float:
        """What closing the NIC may take at most, in seconds."""
        return 0.0

    @abstractmethod
    def command(self, trial: Trial) -> list[str]:
        """The argument list that sends ``trial``. InputError where one of its settings is not usable."""

    def provide(self, argv: list[str]) -> list[str]:
        """``argv`` as this sender runs it. An engine whose program is linerate's own puts it in place here."""
        return argv

    def part_command(self, trial: Trial, number: int, gate: str) -> list[str]:
        """The command of the process ``number`` (from 0) of several, as this sender runs it.

        An engine that ``waits_at_gate`` itself waits at ``gate`` when it is ready to send; any other one is started
        there.
        """
        return self.provide(self.command(trial))

    def processes_unavailable(self, count: int, adapter: str | None, queues: int) -> str | None:
        """Why ``count`` processes cannot send at once through an interface with so many transmit queues."""
        if self.queue_per_process and count > queues:
            return f"each process needs a transmit queue of its own, and the interface has {queues}"
        return None

    def started_seconds(self, outcome: Outcome) -> float | None:
        """How long after the gate's instant a process of several started; None where it did not."""
        return started_seconds(outcome.stderr)

    @abstractmethod
    def gap_seconds(self, trial: Trial) -> float:
        """The longest time between two packets; infinite where it is not known."""

    @abstractmethod
    def read_claim(self, outcome: Outcome) -> tuple[Claim | None, str | None]:
        """The engine's own count; where it has none that is complete and consistent, None and the reason."""

    def session(self, trial: Trial, argv: list[str], run: Runner) -> NicSession:
        """The context that prepares the NIC for ``trial`` and restores it afterwards."""
        return NicSession(trial.sending.interface, argv, run)

    def bypasses_kernel_counters(self, adapter: str | None) -> bool:
        """Whether the kernel's counters of the interface stand still while it sends."""
        return False

    def kernel_counters_are_partial(self, adapter: str | None) -> bool:
        """Whether the kernel's counters of the interface may miss a part of what it sends, with some drivers."""
        return False

    def refresh_seconds(self, adapter: str | None) -> float:
        """How old the counters of the sending interface may be while it sends."""
        return self.counter_delay_seconds if self.bypasses_kernel_counters(adapter) else 0.0

    def phase(self, messages: str) -> str:
        """The phase of a run, by what the program wrote to stderr so far."""
        return SENDING

    def core_limit(self, adapter: Adapter, paced: bool) -> str | None:
        """What a busy core means as the limit of a trial, where that is more than the core itself."""
        return None


def availability(engines: Mapping[str, Engine], host: SenderHost) -> dict[str, str | None]:
    """By engine, and by ``engine-adapter``, why it is not available on ``host``; None where it is."""
    reasons: dict[str, str | None] = {}
    for name, engine in engines.items():
        reasons[name] = engine.unavailable(host)
        for adapter in engine.adapters:
            reasons[f"{name}-{adapter}"] = engine.adapter_unavailable(adapter, host)
    return reasons
