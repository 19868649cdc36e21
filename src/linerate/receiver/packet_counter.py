"""Count arriving frames with a packet socket, independently of the interface's counters.

The kernel passes every frame that reaches the interface to packet sockets before any protocol (packet(7)).
PACKET_STATISTICS counts all frames that pass the socket's filter, even when its buffer is full, so no frame needs to be
read and none is missed. It needs CAP_NET_RAW only, and does not depend on a veth peer's mirror of the sent frames.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from ..errors import HostError
from ..record import Record
from .lengths import accepted_lengths
from .packet_filter import Destinations, compiled, describe

# include/uapi/linux/if_packet.h, include/uapi/linux/if_ether.h, include/uapi/asm-generic/socket.h
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 1, 1
PACKET_STATISTICS = 6
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 0x0003
SO_ATTACH_FILTER = 26

METHOD = "packet_socket"


@dataclass(frozen=True)
class Count(Record):
    """The ``packets`` that were counted by ``method`` (packet_socket, if_mib), and the frames that match it."""

    method: str
    packets: int
    matches: str


class PacketCounter:
    """Counts the frames of a trial that arrive at an interface.

    Frames to one of ``destinations`` count: IP addresses and networks, and MACs for frames without IP. They have
    ``shortest`` to ``longest`` bytes and at most ``vlan_tags`` VLAN tags as in the pcap (without FCS); lengths that the
    path makes of these count, too (:func:`accepted_lengths`). A ``promiscuous`` counter also receives frames to MACs of
    others, as the other direction of a capture has them.
    """

    def __init__(
        self,
        interface: str,
        destinations: Sequence[str],
        shortest: int,
        longest: int,
        vlan_tags: int = 0,
        promiscuous: bool = False,
    ) -> None:
        to, lengths = Destinations.of(destinations), accepted_lengths(shortest, longest, vlan_tags)
        self.matches = describe(to, lengths)
        self._socket = _open(interface, compiled(to, lengths), promiscuous)
        self._packets = 0

    def count(self) -> Count:
        """The count of the matching frames since this object was created."""
        return Count(METHOD, self.packets(), self.matches)

    def packets(self) -> int:
        """The matching frames since this object was created."""
        # Reading resets the kernel's counter. The second word counts the frames that found the buffer full.
        counted, _ = struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._packets += counted
        return self._packets

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> PacketCounter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(interface: str, program: bytes, promiscuous: bool) -> socket.socket:
    try:
        # Protocol 0 receives nothing until bind(), so no frame is counted before the filter is attached.
        counter = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise HostError(
            "packet socket", interface, "needs CAP_NET_RAW, which this process lacks", "Run as root, or grant it."
        ) from error
    try:
        counter.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        counter.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        code = ctypes.create_string_buffer(program, len(program))
        counter.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
        )
        if promiscuous:
            # The kernel ends it with the socket.
            member = struct.pack("@iHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b"")
            counter.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
        counter.bind((interface, ETH_P_ALL))
    except OSError as error:
        counter.close()
        raise HostError(
            "packet socket",
            interface,
            f"cannot be opened ({error.strerror})",
            "Use an interface that `ip link` shows.",
        ) from error
    return counter
