"""The trial: what is to be sent, how, over which bench, and who counts it. One type from the plan to the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from ..record import Record
from ..tcpreplay.options import NM_DELAY
from .loads import PERCENT

TCPREPLAY = "tcpreplay"
"""The program that sends where none is named: the one on the search path."""
STALL_SECONDS, MOST_STALL = 3.0, 3600.0
"""How long nothing may leave the interface that should: by default, and at most."""
SAMPLE_INTERVAL, MOST_SAMPLES = 0.1, 10_000
"""Seconds between two samples by default; a longer trial has longer intervals, so that it has at most so many."""
AT_RECEIVER, AT_DEVICE = "receiver", "device"
"""Where a witness counts: at the end of the path, or at a device on it."""
RATE_TOLERANCE_PERCENT = 1.0
"""How far a paced trial may be from the offered rate and still be valid."""


@dataclass(frozen=True)
class Case(Record):
    """A pcap to send, as its manifest describes it. Lengths in bytes without FCS.

    ``destinations`` are the IP addresses of its frames, and the MACs of those without IP. ``vlan_id`` is that of all
    frames, ``vlan_tags`` how many tags a frame has at most. ``pcap_seconds`` are from the first packet to the last one,
    by the times in the pcap.
    """

    name: str
    pcap: str
    pcap_sha256: str
    pcap_packets: int
    mean_frame_length: float
    min_frame_length: int
    max_frame_length: int
    destinations: tuple[str, ...]
    vlan_id: int | None = None
    vlan_tags: int = 0
    pcap_seconds: float | None = None

    @classmethod
    def of_manifest(cls, name: str, manifest: Mapping[str, Any]) -> Case:
        """The case of a pcap by its manifest, which also states its ``path`` on the sender."""
        return cls(
            name=name,
            pcap=manifest["path"],
            pcap_sha256=manifest["sha256"],
            pcap_packets=manifest["packets"],
            mean_frame_length=manifest["mean_frame_length"],
            min_frame_length=manifest["min_frame_length"],
            max_frame_length=manifest["max_frame_length"],
            destinations=tuple(manifest["destinations"]),
            vlan_id=manifest["vlan_id"],
            vlan_tags=manifest["vlan_tags"],
            pcap_seconds=manifest["duration_seconds"],
        )


@dataclass(frozen=True)
class SendMethod(Record):
    """How frames leave: the engine, for engines that have several the kind of adapter, and how many processes send."""

    engine: str
    adapter: str | None = None
    processes: int = 1

    @property
    def name(self) -> str:
        """A plain name: ``kernel``, ``netmap-native``, ``netmap-emulated``."""
        name = "-".join(part for part in (self.engine, self.adapter) if part)
        return name if self.processes == 1 else f"{name}-x{self.processes}"


@dataclass(frozen=True)
class Offered(Record):
    """The offered load. ``value`` is in packets/s (pps), 10^6 pcap bit/s (mbps) or percent of line rate (percent), or
    how many times as fast as the pcap's own timing (multiplier); None at top speed.

    ``packets`` is None where only ``duration_seconds`` bounds the trial: at top speed, and at a load above what the
    line carries, which is judged as top speed. At ``deadline_seconds`` the sender is stopped from outside.
    """

    mode: str
    value: float | None
    pps: float | None
    packets: int | None
    duration_seconds: float
    deadline_seconds: float

    @property
    def pacing(self) -> tuple[str, float | None]:
        """The mode and value for the program that sends, which does not know the line rate."""
        return ("pps", self.pps) if self.mode == PERCENT else (self.mode, self.value)

    @property
    def paced_pps(self) -> float | None:
        """The rate that the sender must keep to; None where it sends as fast as it can."""
        return self.pps if self.packets is not None else None


@dataclass(frozen=True)
class Sending(Record):
    """How the program that sends is run. ``nm_delay``, ``stall_seconds`` and ``sample_interval`` are in seconds.

    ``loop`` is how often the pcap is sent (0: without end), ``limit`` the packets in all, ``duration`` the whole
    seconds after which the program ends by itself. ``settings`` are further options of the program. ``cpu`` is the one
    CPU that it runs on; None where the scheduler chooses.
    """

    interface: str
    executable: str = TCPREPLAY
    loop: int = 1
    limit: int | None = None
    duration: int | None = None
    nm_delay: int = NM_DELAY
    stall_seconds: float = STALL_SECONDS
    sample_interval: float = SAMPLE_INTERVAL
    settings: Mapping[str, Any] = field(default_factory=dict)
    cpu: int | None = None


@dataclass(frozen=True)
class Port(Record):
    """An interface of a host."""

    host: str
    interface: str


VIRTUAL = "virtual"


@dataclass(frozen=True)
class LineRate(Record):
    """The line rate in bit/s, and its ``source``: interface, given, assumed, virtual.

    The driver of a virtual link states a speed, and the link carries more or less than that.
    """

    bps: float
    source: str

    @property
    def limit_bps(self) -> float | None:
        """The most that the link carries; None where it is unknown."""
        return None if self.source == VIRTUAL or not self.bps else self.bps


@dataclass(frozen=True)
class Witness(Record):
    """What counts at the receiver: a host (``kind`` linux) or an SNMP agent (snmp). It holds no secret.

    At the ``position`` device it counts what reaches a device on the path, which may not forward all of it.
    ``refresh_seconds`` is how old an agent's counters may be; 0 where that is still to be measured, None for a host.
    """

    name: str
    kind: str
    host: str
    interface: str
    port: int | None = None
    version: str | None = None
    refresh_seconds: float | None = None
    refresh_source: str | None = None
    agent: Mapping[str, Any] | None = None
    position: str = AT_RECEIVER


@dataclass(frozen=True)
class Bench(Record):
    """What all trials of a run share. ``receiver`` is None where no receiving port is known.

    Frames may go to ``allow_destinations`` alone: IP networks, and MAC addresses, the receiver's among them.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {
        "sender": Port,
        "receiver": Port,
        "line_rate": LineRate,
        "witnesses": Witness,
    }

    run_id: str
    sender: Port
    receiver: Port | None
    receiver_mtu: int | None
    allow_destinations: tuple[str, ...]
    witnesses: tuple[Witness, ...]
    line_rate: LineRate
    versions: Mapping[str, str]
    fingerprint: str


@dataclass(frozen=True)
class PlannedTrial(Record):
    """A trial as the plan in run.json states it, without what the run states once.

    ``predicted_pps`` is the offered rate, or line rate at top speed (an upper bound).
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"case": Case, "method": SendMethod, "offered": Offered}

    sequence: int
    trial_id: str
    repeat: int
    case: Case
    method: SendMethod
    offered: Offered
    predicted_pps: float
    estimated_seconds: float


@dataclass(frozen=True)
class Trial(PlannedTrial):
    """One trial, with all that is needed to send and to judge it.

    ``owner`` names the process on the controller that stores the result while it lives (controller.owner).
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {**PlannedTrial.PARTS, "sending": Sending, "bench": Bench}

    sending: Sending
    bench: Bench
    owner: Mapping[str, Any] | None = None

    @property
    def line_rate_bps(self) -> float:
        return self.bench.line_rate.bps

    def planned(self) -> dict[str, Any]:
        """The JSON object of the trial as a PlannedTrial."""
        whole = self.to_json()
        return {planned.name: whole[planned.name] for planned in fields(PlannedTrial)}
