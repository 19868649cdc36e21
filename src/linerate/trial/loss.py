"""Where packets were lost: what each counter on the way did and did not count, from tcpreplay to the receiver.

A packet that tcpreplay handed over passes the sending interface's counter, then the path, then the receiving
interface's counter, then the kernel, which shows it to the witness. The first counter that lacks it tells the place.
Interfaces count other traffic, too, and may so hide a few lost packets from their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SENDER, PATH, RECEIVER_NIC, RECEIVER_KERNEL = "sender egress", "path or device", "receiver NIC", "receiver kernel"
UNKNOWN = "unknown"
RECEIVER = "receiver"
BEYOND_SENDER = (PATH, RECEIVER_NIC, RECEIVER_KERNEL, RECEIVER)
"""What limits a trial whose packets the sender sent and the receiver lacks; ``RECEIVER`` where no place is known."""

_NIC_ERRORS = ("rx_crc_errors", "rx_fifo_errors", "rx_frame_errors", "rx_length_errors", "rx_over_errors")
_AGENT_DROPS = ("ifInDiscards", "ifInErrors")
# No drops: ixgbe's fdir_miss, a frame that no filter took; alloc_rx_page and pp_alloc_*, which tell how memory was come
# by; Intel's rx_no_buffer_count, whose frames wait in the FIFO, and are rx_missed_errors where that is full, too.
_DRIVER_DROP = re.compile(r"drop|missed|discard|out_of_buf|no_dma|alloc\w*(fail|err)|fifo|crc")
_SENT = re.compile(r"(^|[^a-z])tx([^a-z]|$)")


@dataclass(frozen=True)
class Loss:
    """Packets that tcpreplay handed over and the witness did not count; negative where it counted more.

    ``where`` is the place of most of them, None where none is missing; ``by_place`` adds up to ``packets``.
    """

    packets: int
    percent: float
    where: str | None
    by_place: Mapping[str, int]
    evidence: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """The loss as plain data."""
        return {**asdict(self), "by_place": dict(self.by_place), "evidence": list(self.evidence)}


def locate(claimed: int, sender_nic: Mapping[str, Any], report: Mapping[str, Any]) -> Loss:
    """The loss of a trial of ``claimed`` packets, more than 0, by the ``report`` of its witness (trial.witnesses)."""
    lost = claimed - report["witness"]["packets"]
    percent = 100 * lost / claimed
    if lost <= 0:
        return Loss(lost, percent, None, {}, ())
    shares = _Shares(lost)
    sent: int | None = sender_nic["tx_packets"]
    if sent is not None:
        shares.take(SENDER, claimed - sent)
    beyond = PATH if sent is not None else UNKNOWN
    counters = report["counters"]
    nic_drops, kernel_drops = _nic_drops(counters), _kernel_drops(counters)
    if report["nic"] is None:
        shares.take(RECEIVER_NIC, nic_drops)
        shares.take(beyond, shares.left)
    else:
        uncounted = (claimed if sent is None else min(sent, claimed)) - report["nic"]["rx_packets"]
        # Of what the receiving interface did not count, its drop counters explain a part; the path has the rest.
        uncounted -= shares.take(RECEIVER_NIC, min(uncounted, nic_drops))
        uncounted -= shares.take(RECEIVER_KERNEL, min(uncounted, kernel_drops))
        shares.take(beyond, uncounted)
        # What it counted and the kernel did not show to the witness; a driver may drop what it has counted, too.
        shares.take(RECEIVER_NIC, nic_drops - shares.of.get(RECEIVER_NIC, 0))
        shares.take(RECEIVER_KERNEL, shares.left)
    where = max(shares.of, key=lambda place: shares.of[place])
    return Loss(lost, percent, where, shares.of, _evidence(claimed, sender_nic, report))


class _Shares:
    """What is left of a loss, and what each place has of it."""

    def __init__(self, lost: int) -> None:
        self.left = lost
        self.of: dict[str, int] = {}

    def take(self, place: str, packets: int) -> int:
        """Give ``place`` at most ``packets`` of what is left; how many that were."""
        taken = max(0, min(packets, self.left))
        if taken:
            self.of[place] = self.of.get(place, 0) + taken
            self.left -= taken
        return taken


def _nic_drops(counters: Mapping[str, Mapping[str, int]]) -> int:
    """What the receiving device says it dropped, by the counter that says most: drivers repeat themselves."""
    kernel, agent = counters.get("sysfs", {}), counters.get("IF-MIB", {})
    missed = kernel.get("rx_missed_errors", 0) + max(
        kernel.get("rx_errors", 0), sum(kernel.get(name, 0) for name in _NIC_ERRORS)
    )
    return max([missed, sum(agent.get(name, 0) for name in _AGENT_DROPS), *_driver_drops(counters).values()])


def _driver_drops(counters: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The drop counters of the driver; those of its queues added up under one name."""
    found: dict[str, int] = {}
    for name, moved in counters.get("ethtool -S", {}).items():
        if _DRIVER_DROP.search(name) and not _SENT.search(name):
            joined = re.sub(r"[0-9]+", "N", name)
            found[joined] = found.get(joined, 0) + moved
    return found


def _kernel_drops(counters: Mapping[str, Mapping[str, int]]) -> int:
    return max(counters.get("sysfs", {}).get("rx_dropped", 0), counters.get("softnet_stat", {}).get("dropped", 0))


def _evidence(claimed: int, sender_nic: Mapping[str, Any], report: Mapping[str, Any]) -> tuple[str, ...]:
    sent = sender_nic["tx_packets"]
    lines = [f"tcpreplay handed over {claimed:,} packets"]
    if sent is None:
        lines.append("the sending interface counts nothing")
    else:
        lines.append(f"the sending interface counted {sent:,} ({sender_nic['tx_dropped']:,} dropped)")
    if report["nic"] is not None:
        lines.append(f"the receiving interface counted {report['nic']['rx_packets']:,}")
    lines.append(f"the witness {report['name']} counted {report['witness']['packets']:,}")
    moved = [
        f"{source} {name} {value:,}"
        for source, group in report["counters"].items()
        for name, value in group.items()
        if value and _says_dropped(source, name)
    ]
    lines.append(f"moved: {', '.join(moved)}" if moved else "no drop counter of the receiver moved")
    return tuple(lines)


def _says_dropped(source: str, name: str) -> bool:
    if source == "ethtool -S":
        return bool(_DRIVER_DROP.search(name)) and not _SENT.search(name)
    return name in (*_NIC_ERRORS, *_AGENT_DROPS, "rx_errors", "rx_dropped", "rx_missed_errors", "dropped")
