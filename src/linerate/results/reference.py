"""The reference experiment's own numbers, as data, and a run's held against them.

Measured by the author of the write-up (February 2025): Rocky Linux 9 guest, Intel X520 passed through, tcpreplay 4.4.2,
received by a FortiGate 800C. Mbit/s are tcpreplay's, of pcap bytes (no FCS); the link is 10 Gbit/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..units import GBIT, Rates, frame_length, rates
from .compare import Member, member
from .model import Run
from .groups import Group
from ..report.text import clean, offered
from .statistics import Estimate

LINK_BPS = 10 * GBIT


@dataclass(frozen=True)
class ReferenceCase:
    """One row of the write-up's table. ``case`` is the pcap's name there and here, ``mbps`` what was asked for."""

    case: str
    ip_length: int
    engine: str
    mbps: float
    packets: int
    seconds: float
    rated_mbps: float
    pps: float
    eagain_retries: int

    @property
    def frame_length(self) -> int:
        """Bytes of a frame without FCS."""
        return frame_length(self.ip_length)

    @property
    def offered(self) -> str:
        """The load asked for, as the report writes it."""
        return offered("mbps", self.mbps)

    @property
    def rates(self) -> Rates:
        """The packet rate in every unit, on its 10 Gbit/s link."""
        return rates(self.pps, self.frame_length, LINK_BPS)


CASES = (
    ReferenceCase("tcp_port_scan_64", 64, "netmap", 1000, 322_555_000, 201.27, 1000.00, 1_602_566, 357_180),
    ReferenceCase("udp_port_scan_64", 64, "netmap", 1000, 322_555_000, 201.27, 1000.00, 1_602_566, 254_035),
    ReferenceCase("tcp_port_scan_1500", 1500, "netmap", 10_000, 266_741_810, 332.84, 9706.60, 801_404, 33_074_858),
    ReferenceCase("udp_port_scan_1500", 1500, "netmap", 10_000, 261_650_806, 324.19, 9775.30, 807_075, 44_570_026),
    ReferenceCase("tcp_port_scan_1500", 1500, "kernel", 10_000, 139_794_081, 301.04, 5624.45, 464_370, 0),
    ReferenceCase("udp_port_scan_1500", 1500, "kernel", 10_000, 159_914_469, 308.45, 6279.32, 518_438, 0),
)


@dataclass(frozen=True)
class Ours:
    """What a run here made of a reference case; ``ratio`` is ours over the write-up's, None without a valid repeat.

    Its interval is of our repeats alone: the write-up's number was measured once.
    """

    member: Member
    ratio: Estimate | None


@dataclass(frozen=True)
class ReferenceRow:
    """A reference case and each way in which it was sent here: by several adapters, or none, and then ``why_not``."""

    case: ReferenceCase
    ours: tuple[Ours, ...]
    why_not: str


def against_reference(run: Run, groups: Sequence[Group]) -> tuple[ReferenceRow, ...]:
    """Every case of the write-up with what this run has of it; nothing where the run has none of them."""
    rows = tuple(_row(run, case, groups) for case in CASES)
    return rows if any(row.ours for row in rows) else ()


def _row(run: Run, case: ReferenceCase, groups: Sequence[Group]) -> ReferenceRow:
    ours = tuple(_ours(case, group) for group in groups if matches(case, group))
    wanting = [item for item in run.info["plan"]["unavailable"] if item["engine"] == case.engine]
    reasons = (": ".join(part for part in (item.get("adapter"), clean(item["reason"])) if part) for item in wanting)
    return ReferenceRow(case, ours, "" if ours else "; ".join(reasons) or "no trial of this run")


def matches(case: ReferenceCase, group: Group) -> bool:
    """Whether ``group`` sent this case: the same pcap, engine and offered load."""
    engine = group.engine.partition(" ")[0]
    return (group.case, engine, group.mode, group.value) == (case.case, case.engine, "mbps", case.mbps)


def _ours(case: ReferenceCase, group: Group) -> Ours:
    found = member(group)
    if found.pps is None:
        return Ours(found, None)
    value, low, high = found.pps.value, found.pps.low, found.pps.high
    scaled = Estimate(
        value / case.pps,
        None if low is None else low / case.pps,
        None if high is None else high / case.pps,
        found.pps.repeats,
    )
    return Ours(found, scaled)
