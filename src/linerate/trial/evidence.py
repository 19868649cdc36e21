"""What the sender and the receivers saw of a trial, as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ..nic.counters import ReceiverNic, SenderNic
from ..receiver.packet_counter import Count
from ..receiver.sampler import Sample
from ..record import Record
from .model import AT_RECEIVER


@dataclass(frozen=True)
class Process(Record):
    """How the sending program ended. A negative ``exit_status`` is the signal that ended it, None is not known.

    ``stopped_because`` is why it was stopped from outside; None where it ended by itself. ``stderr`` is cut.
    """

    exit_status: int | None
    signals_sent: tuple[str, ...]
    deadline_exceeded: bool
    stopped_because: str | None
    elapsed_seconds: float
    stderr: str
    stderr_bytes: int
    cpus_allowed: str | None


@dataclass(frozen=True)
class Claim(Record):
    """The sender's own count, from complete and consistent statistics. ``mbps`` is 10^6 bit/s of pcap bytes."""

    packets: int
    bytes: int
    seconds: float
    bytes_per_second: float
    mbps: float
    pps: float
    successful: int
    failed: int = 0
    truncated: int = 0
    retried_enobufs: int = 0
    retried_eagain: int = 0
    interrupted: bool = False


@dataclass(frozen=True)
class Adapter(Record):
    """The kind of adapter that was requested and the one that was ``found``, with the ``evidence``.

    Both kinds are None for an engine without adapters; ``found`` is None where there is no sign of any.
    """

    kind: str | None
    found: str | None = None
    driver: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recovery(Record):
    """How the sending interface was restored: the ``steps``, the ``seconds`` until it had its ``carrier`` again."""

    seconds: float
    carrier: bool
    steps: tuple[str, ...]
    error: str | None = None


@dataclass(frozen=True)
class PartSent(Record):
    """What one of several processes sent: its command, the packets of its part of the pcap, its CPU, its own count.

    ``started_seconds`` is how long after the common instant it started: an engine of linerate's own with its first
    packet, tcpreplay with its execution. None where it did not start. ``stderr`` is cut.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"claim": Claim}

    argv: tuple[str, ...]
    pcap_packets: int
    cpus_allowed: str | None
    cpu_percent: float | None
    exit_status: int | None
    started_seconds: float | None
    claim: Claim | None
    claim_error: str | None
    stderr: str


@dataclass(frozen=True)
class Sent(Record):
    """The sender's half of a trial. Times are UTC (ISO 8601); CPU shares in percent of one core.

    ``parts`` are those of several processes, whose sums the other fields hold; empty where one process sent all.

    ``wall_clock_step`` is by how many seconds the wall clock moved against the monotonic clock; None: not known.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {
        "process": Process,
        "claim": Claim,
        "nic": SenderNic,
        "samples": Sample,
        "adapter": Adapter,
        "recovery": Recovery,
        "parts": PartSent,
    }

    argv: tuple[str, ...]
    started_at: str
    ended_at: str
    process: Process
    claim: Claim | None
    claim_error: str | None
    nic: SenderNic
    samples: tuple[Sample, ...]
    cpu_percent: float | None
    core_busy_percent: float | None
    adapter: Adapter
    recovery: Recovery | None
    wall_clock_step: float | None = None
    parts: tuple[PartSent, ...] = ()

    @classmethod
    def of_result(cls, result: Mapping[str, Any]) -> Sent:
        """What linerate_replay returned, without the keys that Ansible adds. InputError where it is not complete."""
        return cls.from_json({field.name: result[field.name] for field in fields(cls) if field.name in result})


@dataclass(frozen=True)
class WitnessState(Record):
    """A witness in a trial. Where it is not ``usable`` it has a ``reason`` and no count.

    ``refresh_seconds`` is how old its counters may be, None where they are always current. ``settled`` is whether they
    stood still when they were read. ``counters`` are the increases of all its counters, by source and name.
    """

    name: str
    kind: str
    host: str
    interface: str
    usable: bool
    reason: str | None
    refresh_seconds: float | None
    settled: bool
    counters: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class WitnessReport(WitnessState):
    """What one witness says of a trial: its count, what its interface counted, and the samples."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"witness": Count, "nic": ReceiverNic, "samples": Sample}

    witness: Count | None
    nic: ReceiverNic | None
    samples: tuple[Sample, ...]
    position: str = AT_RECEIVER

    @property
    def counted(self) -> int | None:
        """The packets that it counted; None where it could not count."""
        return self.witness.packets if self.usable and self.witness else None
