"""Where packets were lost: what each counter along the path did and did not count, from the sender to the receiver.

A packet that the sender hands over passes the sending interface's counter, the path, the receiving interface's
counter, and the kernel, which shows it to the witness. The first counter that lacks it is at the place of the loss.
Interfaces also count other traffic, which can hide a few lost packets from their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..nic.counters import SenderNic
from ..record import Record
from .evidence import WitnessReport

SENDER, PATH, RECEIVER_NIC, RECEIVER_KERNEL = "sender egress", "path or device", "receiver NIC", "receiver kernel"
TO_DEVICE, FROM_DEVICE = "path to device", "device or path after it"
"""The two parts of the path, where a witness counts at the device's port to the sender."""
UNKNOWN = "unknown"
RECEIVER = "receiver"
BEYOND_SENDER = (PATH, TO_DEVICE, FROM_DEVICE, RECEIVER_NIC, RECEIVER_KERNEL, RECEIVER)
"""The limits of a trial whose packets left the sender and did not arrive; ``RECEIVER`` where no place is known."""

UNEXPLAINED = (
    "no counter explains the loss in the kernel: capture the frames (tcpdump -e), they may be changed on the path, or "
    "combined by the interface (gro, lro)"
)
"""Evidence where frames reached the receiving interface, and the witness did not count them."""

Counters = Mapping[str, Mapping[str, int]]
"""By how much counters increased, by source and name."""

_NIC_ERRORS = ("rx_crc_errors", "rx_fifo_errors", "rx_frame_errors", "rx_length_errors", "rx_over_errors")
_AGENT_DROPS = ("ifInDiscards", "ifInErrors")
_KERNEL_DROPS = (*_NIC_ERRORS, *_AGENT_DROPS, "rx_errors", "rx_dropped", "rx_missed_errors", "dropped")
# Not drops: ixgbe's fdir_miss, a frame that no filter took; alloc_rx_page and pp_alloc_*, which count how memory was
# allocated; Intel's rx_no_buffer_count, whose frames wait in the FIFO and are also rx_missed_errors where it is full.
_DRIVER_DROP = re.compile(r"drop|missed|discard|out_of_buf|no_dma|alloc\w*(fail|err)|fifo|crc")
_SENT = re.compile(r"(^|[^a-z])tx([^a-z]|$)")


@dataclass(frozen=True)
class Loss(Record):
    """Packets that the sender handed over and the witness did not count; negative where it counted more.

    ``where`` is the place of most of them, None where none is missing; ``by_place`` adds up to ``packets``.
    """

    packets: int
    percent: float
    where: str | None
    by_place: Mapping[str, int]
    evidence: tuple[str, ...]


def lost(claimed: int, counted: int) -> tuple[int, float]:
    """Packets lost of ``claimed``, which is more than 0, and their share in percent."""
    packets = claimed - counted
    return packets, 100 * packets / claimed


def locate(claimed: int, sender_nic: SenderNic, report: WitnessReport, device: WitnessReport | None = None) -> Loss:
    """The loss of a trial of ``claimed`` packets, more than 0, by the ``report`` of a witness that counted.

    ``device`` is the report of a witness of what reached a device on the path.
    """
    counted = report.counted or 0
    packets, percent = lost(claimed, counted)
    if packets <= 0:
        return Loss(packets, percent, None, {}, ())
    shares = _Shares(packets)
    sent = sender_nic.tx_packets
    if sent is not None:
        shares.take(SENDER, claimed - sent)
    path = _Path(claimed, sent, device.counted if device else None)
    nic_drops, kernel_drops = _nic_drops(report.counters), _kernel_drops(report.counters)
    received = report.nic.rx_packets if report.nic else None
    if received is None:
        shares.take(RECEIVER_NIC, nic_drops)
        shares.take(RECEIVER_KERNEL, kernel_drops)
        path.take(shares, shares.rest)
    else:
        uncounted = (claimed if sent is None else min(sent, claimed)) - received
        # Drop counters explain a part of what the receiving interface did not count; the rest was lost on the path.
        uncounted -= shares.take(RECEIVER_NIC, min(uncounted, nic_drops))
        uncounted -= shares.take(RECEIVER_KERNEL, min(uncounted, kernel_drops))
        path.take(shares, uncounted)
        # What it counted and the kernel did not show to the witness; a driver may also drop what it has counted.
        shares.take(RECEIVER_NIC, nic_drops - shares.of.get(RECEIVER_NIC, 0))
        shares.take(RECEIVER_KERNEL, shares.rest)
    where = max(shares.of, key=lambda place: shares.of[place])
    evidence = [*_evidence(claimed, sender_nic, report, device)]
    if shares.of.get(RECEIVER_KERNEL, 0) > kernel_drops:
        evidence.append(UNEXPLAINED)
    return Loss(packets, percent, where, shares.of, tuple(evidence))


class _Shares:
    """A loss divided among places; ``rest`` is the part that has no place yet."""

    def __init__(self, packets: int) -> None:
        self.rest = packets
        self.of: dict[str, int] = {}

    def take(self, place: str, packets: int) -> int:
        """Assign at most ``packets`` of the rest to ``place``; how many were assigned."""
        taken = max(0, min(packets, self.rest))
        if taken:
            self.of[place] = self.of.get(place, 0) + taken
            self.rest -= taken
        return taken


@dataclass(frozen=True)
class _Path:
    """The path from the sender on: how many packets were ``claimed``, ``sent``, and counted ``at_device``, if known."""

    claimed: int
    sent: int | None
    at_device: int | None

    def take(self, shares: _Shares, packets: int) -> None:
        """Assign at most ``packets`` of the rest to the path, or to its parts."""
        if self.at_device is None:
            shares.take(UNKNOWN if self.sent is None else PATH, packets)
            return
        before = (self.claimed if self.sent is None else min(self.sent, self.claimed)) - self.at_device
        packets -= shares.take(UNKNOWN if self.sent is None else TO_DEVICE, min(packets, before))
        shares.take(FROM_DEVICE, packets)


def _nic_drops(counters: Counters) -> int:
    """The drops of the receiving device, by the counter that counted most: drivers count the same drop repeatedly."""
    kernel, agent = counters.get("sysfs", {}), counters.get("IF-MIB", {})
    missed = kernel.get("rx_missed_errors", 0) + max(
        kernel.get("rx_errors", 0), sum(kernel.get(name, 0) for name in _NIC_ERRORS)
    )
    return max([missed, sum(agent.get(name, 0) for name in _AGENT_DROPS), *_driver_drops(counters).values()])


def _driver_drops(counters: Counters) -> dict[str, int]:
    """The drop counters of the driver; those of its queues are added up under one name."""
    found: dict[str, int] = {}
    for name, increase in counters.get("ethtool -S", {}).items():
        if _is_driver_drop(name):
            joined = re.sub(r"[0-9]+", "N", name)
            found[joined] = found.get(joined, 0) + increase
    return found


def _is_driver_drop(name: str) -> bool:
    return bool(_DRIVER_DROP.search(name)) and not _SENT.search(name)


def _kernel_drops(counters: Counters) -> int:
    return max(counters.get("sysfs", {}).get("rx_dropped", 0), counters.get("softnet_stat", {}).get("dropped", 0))


def _evidence(
    claimed: int, sender_nic: SenderNic, report: WitnessReport, device: WitnessReport | None
) -> Iterable[str]:
    """Every counter along the path, in its order."""
    yield f"the sender handed over {claimed:,} packets"
    if sender_nic.tx_packets is None:
        yield "the sending interface does not count them"
    else:
        yield f"the sending interface counted {sender_nic.tx_packets:,} ({sender_nic.tx_dropped:,} dropped)"
    if device is not None:
        yield f"the witness {device.name} at the device counted {device.counted or 0:,}"
    if report.nic is not None:
        name, received = "the receiving interface", report.nic.rx_packets
        yield f"{name}: {report.nic.source}" if received is None else f"{name} counted {received:,}"
    counts = f" ({report.witness.matches})" if report.witness else ""
    yield f"the witness {report.name} counted {report.counted or 0:,}{counts}"
    increased = [
        f"{source} {name} {value:,}"
        for source, group in report.counters.items()
        for name, value in group.items()
        if value and (_is_driver_drop(name) if source == "ethtool -S" else name in _KERNEL_DROPS)
    ]
    yield f"drop counters: {', '.join(increased)}" if increased else "no drop counter of the receiver increased"
