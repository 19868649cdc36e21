"""The counters of an interface: the kernel's in sysfs and the driver's (Documentation/networking/statistics.rst)."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ..errors import HostError
from ..record import Record
from ..units import ETHERNET_HEADER

SENDING = ("tx_packets", "tx_bytes", "tx_dropped", "tx_errors")
RECEIVING = ("rx_packets", "rx_bytes", "rx_dropped", "rx_errors")

NOT_COUNTED = "not counted by the driver"
"""The source of a sender without a counter for what it sends."""

HARDWARE_COUNTERS = (("tx_pkts_nic", "tx_bytes_nic"), ("tx_packets", "tx_bytes"))
"""The NIC's own packets and bytes in `ethtool -S`: ixgbe's names first, since its tx_packets are the kernel's."""

FRAME_BYTES = (ETHERNET_HEADER, ETHERNET_HEADER + (1 << 16))
"""The shortest and the longest frame that a Linux interface may count, without FCS."""
WRAPPED = " (it has 32 bits, and wrapped)"
LONG_FRAME = 9018
BETWEEN_READINGS = 2
"""Packets that may arrive between the readings of two counters."""

# include/uapi/linux/sockios.h, include/uapi/linux/ethtool.h
_SIOCETHTOOL = 0x8946
_ETHTOOL_GSTRINGS, _ETHTOOL_GSTATS, _ETHTOOL_GSSET_INFO = 0x1B, 0x1D, 0x37
_ETH_SS_STATS = 1
_NAME_BYTES = 32


def contradiction(
    packets: int, octets: int, frame_bytes: tuple[int, int] = FRAME_BYTES, others: float = BETWEEN_READINGS
) -> str | None:
    """Why counters that gained ``packets`` and ``octets`` cannot both be right; None where they can.

    Frames have the shortest to the longest of ``frame_bytes``, apart from ``others`` of up to :data:`LONG_FRAME` bytes.
    """
    shortest, longest = frame_bytes
    if (packets - others) * shortest <= octets <= packets * longest + others * LONG_FRAME:
        return None
    if not packets:
        return f"the packet counters stood still while {octets:,} octets were counted"
    if not octets:
        return f"the octet counter stood still while {packets:,} packets were counted"
    mean = octets / packets
    return f"{octets:,} octets in {packets:,} packets are {mean:,.1f} per packet, not {shortest:,} to {longest:,}"


@dataclass(frozen=True)
class SenderNic(Record):
    """What a sending interface counted, and the ``source`` of the counters.

    None if nothing counts what it sends, or if the counters contradict each other, which ``source`` then says.
    """

    source: str
    tx_packets: int | None
    tx_bytes: int | None
    tx_dropped: int | None
    tx_errors: int | None

    def checked(self) -> SenderNic:
        """The same, without numbers where they contradict each other."""
        reason = contradiction(self.tx_packets or 0, self.tx_bytes or 0)
        return SenderNic(_not_usable(self.source, reason), None, None, None, None) if reason else self


@dataclass(frozen=True)
class ReceiverNic(Record):
    """What a receiving interface counted, and the ``source`` of the counters.

    None if the counters contradict each other, which ``source`` then says.
    """

    source: str
    rx_packets: int | None
    rx_bytes: int | None
    rx_dropped: int | None
    rx_errors: int | None

    @classmethod
    def between(cls, before: Mapping[str, int], after: Mapping[str, int], source: str, seen: int = 0) -> ReceiverNic:
        """What the counters of :data:`RECEIVING` gained, where they agree with each other.

        They include the ``seen`` packets, which the kernel received from the interface. Some drivers bring the counters
        up to date only every second or two.
        """
        moved = difference(before, after)
        packets = moved["rx_packets"]
        reason = decrease(before, after) or contradiction(packets, moved["rx_bytes"])
        if not reason and packets + BETWEEN_READINGS < seen:
            reason = f"{packets:,} packets are fewer than the {seen:,} that the kernel received from it"
        return cls(_not_usable(source, reason), None, None, None, None) if reason else cls(source, **moved)


def _not_usable(source: str, reason: str) -> str:
    return f"{source} is not usable: {reason}"


class InterfaceCounters:
    """Reads the named counters of one interface; reading three takes 0.1 ms of CPU."""

    source = "sysfs"

    def __init__(self, interface: str, names: tuple[str, ...], root: str = "/") -> None:
        self._files = {name: Path(root, "sys/class/net", interface, "statistics", name) for name in names}
        self._interface = interface

    def read(self) -> dict[str, int]:
        """The counters since the interface was created. HostError if it is gone."""
        try:
            return {name: int(path.read_text()) for name, path in self._files.items()}
        except (OSError, ValueError) as error:
            raise HostError(
                "interface", self._interface, f"has no counters ({error})", "Check it with `ip link`."
            ) from error


def difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """The increase of each counter between two readings."""
    return {name: after[name] - before[name] for name in before}


def decrease(before: Mapping[str, int], after: Mapping[str, int]) -> str | None:
    """Which counter decreased between two readings; None where none did."""
    for name in before:
        if after[name] < before[name]:
            wrapped = WRAPPED if wraps_at_32_bits(before[name]) else ""
            return f"{name} decreased from {before[name]:,} to {after[name]:,}{wrapped}"
    return None


def wraps_at_32_bits(before: int) -> bool:
    """Whether a counter that decreased from ``before`` may have 32 bits; how often it wrapped is not known then."""
    return 1 << 31 <= before < 1 << 32


def driver_statistics(interface: str) -> dict[str, int]:
    """The counters of `ethtool -S`, empty if the driver has none; read in 0.1 ms, while ethtool takes 5 ms to start."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def query(request: bytes) -> bytes:
            buffer = array.array("B", request)
            fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP", interface.encode(), buffer.buffer_info()[0]))
            return buffer.tobytes()

        try:
            _, found, count = struct.unpack("=IxxxxQI", query(struct.pack("=IxxxxQI", _ETHTOOL_GSSET_INFO, 2, 0)))
            if not found:
                return {}
            strings = query(struct.pack("=III", _ETHTOOL_GSTRINGS, _ETH_SS_STATS, count) + bytes(_NAME_BYTES * count))
            numbers = query(struct.pack("=II", _ETHTOOL_GSTATS, count) + bytes(8 * count))
        except OSError:
            return {}
    names = (strings[start : start + _NAME_BYTES] for start in range(12, len(strings), _NAME_BYTES))
    return dict(zip((name.split(b"\0")[0].decode() for name in names), struct.unpack_from(f"={count}Q", numbers, 8)))


class SentCounters:
    """Counts what an interface sends from now on, by the source whose counters move.

    With a native netmap adapter frames bypass the kernel's counters, and only the NIC's own counters move. ``partly``:
    the kernel's may miss a part of the frames, so the NIC's own are used as soon as they are ahead.
    """

    def __init__(
        self,
        interface: str,
        root: str = "/",
        statistics: Callable[[str], Mapping[str, int]] = driver_statistics,
        partly: bool = False,
    ) -> None:
        self._interface = interface
        self._kernel = InterfaceCounters(interface, SENDING, root)
        self._statistics = statistics
        self._ahead = 1 if partly else 2
        self._hardware = self._names()
        self._before = self._kernel.read()
        self._hardware_before = self._read_hardware()

    @property
    def has_hardware(self) -> bool:
        """Whether the driver shows the NIC's own counters."""
        return self._hardware is not None

    def read(self) -> SenderNic:
        """The counts so far. HostError if the interface is gone."""
        moved = difference(self._before, self._kernel.read())
        if self._hardware is None:
            return SenderNic(self._kernel.source, **moved)
        packets, octets = (now - then for now, then in zip(self._read_hardware(), self._hardware_before))
        # The two sources differ slightly at all times, since the kernel and the NIC each send frames of their own. The
        # kernel's counters are bypassed only if they are far behind.
        if self._ahead * moved["tx_packets"] >= packets:
            return SenderNic(self._kernel.source, **moved)
        counts = {**moved, "tx_packets": packets, "tx_bytes": octets}
        return SenderNic(f"ethtool -S {self._hardware[0]}", **counts)

    def _names(self) -> tuple[str, str] | None:
        found = self._statistics(self._interface)
        return next((pair for pair in HARDWARE_COUNTERS if all(name in found for name in pair)), None)

    def _read_hardware(self) -> tuple[int, int]:
        if self._hardware is None:
            return 0, 0
        found = self._statistics(self._interface)
        return found.get(self._hardware[0], 0), found.get(self._hardware[1], 0)
