"""From a scenario to trials: what each will send, for how long, how fast at best, and when it must have ended."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import InputError
from ..tcpreplay.options import ReplayOptions
from ..units import line_rate_pps, pps_of_pcap_mbps
from ..validate import LEAST_RATE, MOST_SECONDS, check_rate, check_whole, number_text

ENGINES = ("kernel", "netmap")
ADAPTERS = ("native", "emulated")
MODES = ("pps", "mbps", "topspeed")

# tcpreplay's own work around the sending: start, preloading the pcap, printing.
START_SECONDS = 2.0
LONGEST_NAME = 80
"""So much of a case's name is in a trial's id."""
DEADLINE_FACTOR = 1.25
LEAST_PACKETS = 2
MOST_REPEATS = 1000
UNSAFE = {
    "unique_ip": "would send to other destinations than the pcap's, past those that are allowed and those counted"
}
"""Options of tcpreplay that are none of ours, and why. Each loop moves the addresses on (fast_edit_packet(), 4.4)."""


@dataclass(frozen=True)
class Case:
    """A pcap to send, as its manifest describes it. Lengths in bytes without FCS."""

    name: str
    pcap: str
    pcap_sha256: str
    pcap_packets: int
    mean_frame_length: float
    min_frame_length: int
    max_frame_length: int

    @classmethod
    def from_manifest(cls, name: str, manifest: Mapping[str, Any]) -> Case:
        """The case of a pcap by its manifest, which also says its ``path`` on the sender."""
        lengths = {f"{which}_frame_length": manifest[f"{which}_frame_length"] for which in ("mean", "min", "max")}
        return cls(
            name=name,
            pcap=manifest["path"],
            pcap_sha256=manifest["sha256"],
            pcap_packets=manifest["packets"],
            **lengths,
        )


@dataclass(frozen=True)
class Way:
    """How frames leave: the engine, and for netmap the kind of its adapter."""

    engine: str
    adapter: str | None = None

    @property
    def name(self) -> str:
        """``kernel``, ``netmap-native``, ``netmap-emulated``."""
        return f"{self.engine}-{self.adapter}" if self.adapter else self.engine


@dataclass(frozen=True)
class Offered:
    """The load asked for. ``value`` is in packets/s (pps) or 10^6 pcap bit/s (mbps), None at top speed.

    ``packets`` is None where only ``duration_seconds`` bounds the trial: at top speed, and where more is asked for
    than the line carries, which is top speed by another name. ``deadline_seconds`` is when tcpreplay is stopped from
    outside.
    """

    mode: str
    value: float | None
    pps: float | None
    packets: int | None
    duration_seconds: float
    deadline_seconds: float

    @property
    def paced_pps(self) -> float | None:
        """The rate that the sender must keep to; None where it sends as fast as it can."""
        return self.pps if self.packets is not None else None


@dataclass(frozen=True)
class Asked:
    """One trial of a scenario, before it is repeated."""

    case: Case
    way: Way
    mode: str
    value: float | None = None

    @property
    def load(self) -> tuple[Case, str, float | None]:
        """What it has in common with the trials it is compared with."""
        return self.case, self.mode, self.value


@dataclass(frozen=True)
class PlannedTrial:
    """One trial to come. ``predicted_pps`` is the offered rate, or line rate at top speed (an upper bound)."""

    sequence: int
    trial_id: str
    case: Case
    engine: str
    adapter: str | None
    repeat: int
    offered: Offered
    loop: int
    predicted_pps: float
    estimated_seconds: float

    def describe(self) -> dict[str, Any]:
        """The trial as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Sending:
    """How trials of a scenario are sent. ``duration_seconds`` is by mode; ``nm_delay`` in seconds.

    ``deadline_margin`` is how many seconds more than it should a trial may take, before it is stopped from outside.
    """

    duration_seconds: Mapping[str, float]
    link_bps: float
    nm_delay: int = 10
    deadline_margin: float = 15.0


def offer(case: Case, mode: str, value: float | None, sending: Sending, engine: str) -> tuple[Offered, int]:
    """The offered load for ``case`` and the loops it takes; InputError names a bad rate or duration."""
    if mode not in MODES:
        raise InputError("rate mode", mode, f"must be one of {', '.join(MODES)}", "Correct the scenario's rates.")
    line_pps = line_rate_pps(sending.link_bps, case.mean_frame_length)
    pps = _offered_pps(case, mode, value)
    paced = pps is not None and pps <= line_pps
    duration = _duration("paced" if paced else "topspeed", sending)
    packets = round(pps * duration) if pps and paced else None
    if packets is not None and packets < LEAST_PACKETS:
        rule = f"is less than {LEAST_PACKETS} packets in {duration:g} s, and one packet has no rate"
        raise InputError(mode, value, rule, f"Let paced trials last {math.ceil(LEAST_PACKETS / (pps or 1))} s.")
    # At top speed the duration is only looked at between passes: the loops at line rate are the outer bound.
    loop = math.ceil((packets or line_pps * duration) / case.pcap_packets)
    waiting = 2 * sending.nm_delay if engine == "netmap" else 0
    deadline = (
        DEADLINE_FACTOR * duration + check_rate("deadline margin", sending.deadline_margin, most=MOST_SECONDS) + waiting
    )
    return Offered(mode, value if pps else None, pps, packets, duration, round(deadline, 3)), loop


def _duration(bound: str, sending: Sending) -> float:
    duration = check_rate("duration", sending.duration_seconds.get(bound), most=MOST_SECONDS)
    if bound == "topspeed" and duration != int(duration):
        raise InputError(
            "duration", duration, "must be whole seconds at top speed, as tcpreplay counts it", "Round it up."
        )
    return duration


def _offered_pps(case: Case, mode: str, value: float | None) -> float | None:
    if mode == "topspeed":
        if value is not None:
            raise InputError("rate value", value, "has no meaning at top speed", "Leave the value out.")
        return None
    number = check_rate(mode, value, LEAST_RATE)
    return number if mode == "pps" else pps_of_pcap_mbps(number, case.mean_frame_length)


def replay_options(trial: PlannedTrial, interface: str, nm_delay: int, **settings: Any) -> ReplayOptions:
    """The tcpreplay options of a planned trial; ``settings`` are further fields of ReplayOptions."""
    offered = trial.offered
    timed = offered.packets is None
    planned: dict[str, Any] = {
        "interface": interface,
        "pcap": trial.case.pcap,
        "pps": offered.value if offered.mode == "pps" else None,
        "mbps": offered.value if offered.mode == "mbps" else None,
        "topspeed": offered.mode == "topspeed",
        "loop": trial.loop,
        "limit": offered.packets,
        "duration": int(offered.duration_seconds) if timed else None,
        "netmap": trial.engine == "netmap",
        "nm_delay": nm_delay,
    }
    free = [field.name for field in fields(ReplayOptions) if field.name not in planned]
    for name in settings:
        if name not in free:
            rule = UNSAFE.get(name) or f"must be among {', '.join(free)}"
            raise InputError("benchmark_replay_settings", name, rule, "Leave it out.")
    return ReplayOptions(**planned, **settings)


def product(cases: Sequence[Case], ways: Sequence[Way], rates: Sequence[Mapping[str, Any]]) -> list[Asked]:
    """Every case by every way at every rate ({mode, value})."""
    for what, given in (("cases", cases), ("ways to send", ways), ("rates", rates)):
        if not given:
            raise InputError(
                what, list(given), "is empty, so there is nothing to send", f"Name at least one of {what}."
            )
    return [
        Asked(case, way, str(rate.get("mode")), rate.get("value")) for case in cases for rate in rates for way in ways
    ]


def plan(asked: Sequence[Asked], repeats: int, sending: Sending) -> list[PlannedTrial]:
    """All trials, in the order that is fairest to what is compared.

    Repeats are outermost, so that a drift of the machine falls on every case alike. Within a repeat the ways to send
    the same load stand side by side, and every other repeat has them in reverse (A B, B A): what drifts steadily then
    favours neither.
    """
    check_whole("repeats", repeats, 1, MOST_REPEATS)
    loads: dict[tuple[Case, str, float | None], list[Asked]] = {}
    for one in asked:
        loads.setdefault(one.load, []).append(one)
    trials: list[PlannedTrial] = []
    for repeat in range(1, repeats + 1):
        for ways in loads.values():
            for one in ways if repeat % 2 else reversed(ways):
                trials.append(_trial(len(trials) + 1, one, repeat, sending))
    return trials


def _trial(sequence: int, asked: Asked, repeat: int, sending: Sending) -> PlannedTrial:
    case, way, mode, value = asked.case, asked.way, asked.mode, asked.value
    offered, loop = offer(case, mode, value, sending, way.engine)
    # Both are part of a file's name.
    label = mode if value is None else f"{number_text(float(value))}{mode}"
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", case.name)[:LONGEST_NAME]
    waiting = 2 * sending.nm_delay if way.engine == "netmap" else 0
    return PlannedTrial(
        sequence=sequence,
        trial_id=f"{sequence:03d}-{name}-{way.name}-{label}-r{repeat}",
        case=case,
        engine=way.engine,
        adapter=way.adapter,
        repeat=repeat,
        offered=offered,
        loop=loop,
        predicted_pps=offered.paced_pps or line_rate_pps(sending.link_bps, case.mean_frame_length),
        estimated_seconds=offered.duration_seconds + START_SECONDS + waiting,
    )
