"""Count arriving frames with a packet socket, independently of the interface's counters.

The kernel passes every frame that reaches the interface to packet sockets before any protocol (packet(7)).
PACKET_STATISTICS counts all frames that pass the socket's filter, even when its buffer is full, so no frame needs to be
read and none is missed. It needs CAP_NET_RAW only, and does not depend on a veth peer's mirror of the sent frames.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
from dataclasses import dataclass
from types import TracebackType

from ..errors import HostError, InputError
from ..record import Record
from ..units import VLAN_TAG

# include/uapi/linux/if_packet.h, include/uapi/linux/if_ether.h, include/uapi/asm-generic/socket.h
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26

# include/uapi/linux/bpf_common.h: class | size or operation | mode or source
_LOAD_WORD, _LOAD_HALF, _LOAD_LENGTH = 0x20, 0x28, 0x80
_AND, _RETURN = 0x54, 0x06
_JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_GREATER = 0x15, 0x35, 0x25
_ETHERTYPE_OFFSET, _IPV4_DESTINATION_OFFSET = 12, 30

METHOD = "packet_socket"


@dataclass(frozen=True)
class Count(Record):
    """The ``packets`` that were counted by ``method`` (packet_socket, if_mib), and the frames that match it."""

    method: str
    packets: int
    matches: str


class PacketCounter:
    """Counts the IPv4 frames that arrive at an interface for ``destination`` (an address or a network).

    Only frames of ``shortest`` to ``longest`` bytes count, as in the pcap (without FCS). The kernel removes a VLAN tag
    first, which ``vlan`` takes into account.
    """

    def __init__(self, interface: str, destination: str, shortest: int, longest: int, vlan: bool = False) -> None:
        try:
            network = ipaddress.IPv4Network(destination, strict=False)
        except ValueError as error:
            raise InputError(
                "destination",
                destination,
                f"is not an IPv4 address or network ({error})",
                "Use one such as 198.19.0.1.",
            ) from error
        self.matches = f"IPv4 to {network}, {shortest} to {longest} B"
        tag = VLAN_TAG if vlan else 0
        self._socket = _open(interface, _filter(network, shortest - tag, longest - tag))
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


def _open(interface: str, program: bytes) -> socket.socket:
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


def _filter(network: ipaddress.IPv4Network, shortest: int, longest: int) -> bytes:
    """A classic BPF program that keeps one byte of each matching frame and drops all other frames."""
    checks = [
        (_LOAD_HALF, 0, 0, _ETHERTYPE_OFFSET),
        (_JUMP_EQUAL, 0, 7, ETH_P_IP),
        (_LOAD_WORD, 0, 0, _IPV4_DESTINATION_OFFSET),
        (_AND, 0, 0, int(network.netmask)),
        (_JUMP_EQUAL, 0, 4, int(network.network_address)),
        (_LOAD_LENGTH, 0, 0, 0),
        (_JUMP_GREATER_EQUAL, 0, 2, shortest),
        (_JUMP_GREATER, 1, 0, longest),
        (_RETURN, 0, 0, 1),
        (_RETURN, 0, 0, 0),
    ]
    return b"".join(struct.pack("=HBBI", *check) for check in checks)
