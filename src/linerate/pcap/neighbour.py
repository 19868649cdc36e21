"""The MAC address of a neighbour: an ARP request (RFC 826) or neighbour solicitation (RFC 4861), sent as a frame.

The interface needs no address for it, and the kernel's neighbour table stays as it is.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ..errors import HostError, InputError
from .checksum import internet_checksum

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
ARP, IPV6, VLAN = 0x0806, 0x86DD, 0x8100
ARP_REQUEST, ARP_REPLY = 1, 2
ICMPV6, SOLICITATION, ADVERTISEMENT = 58, 135, 136
BROADCAST = b"\xff" * 6
SHORTEST_FRAME = 60
TRIES, WAIT_SECONDS = 3, 1.0

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


@dataclass(frozen=True)
class Question:
    """Who has ``target``? Asked from ``source`` of the same IP version, by an interface with the MAC address ``mac``.

    ``vlan`` is the VLAN that the neighbour is in, None without a tag.
    """

    target: Address
    source: Address
    mac: bytes
    vlan: int | None = None

    @classmethod
    def of(cls, target: str, source: str, mac: bytes, vlan: int | None = None) -> Question:
        """InputError for addresses that are none, or of two versions."""
        addresses = []
        for name, value in (("next hop", target), ("source address", source)):
            try:
                addresses.append(ipaddress.ip_address(value))
            except ValueError:
                raise InputError(name, value, "is not an IP address", "Use the form 198.18.0.254.") from None
        if addresses[0].version != addresses[1].version:
            rule = f"is IPv{addresses[0].version}, the source address {source} of the frames is not"
            raise InputError("next hop", target, rule, "Use addresses of one IP version.")
        return cls(addresses[0], addresses[1], mac, vlan)

    @property
    def frame(self) -> bytes:
        """The request, padded to the shortest Ethernet frame."""
        if self.target.version == 4:
            to, kind = BROADCAST, ARP
            packet = struct.pack(">HHBBH", 1, 0x0800, 6, 4, ARP_REQUEST) + self.mac + self.source.packed
            packet += bytes(6) + self.target.packed
        else:
            to, kind = b"\x33\x33\xff" + self.target.packed[13:], IPV6
            packet = self._solicitation()
        tag = b"" if self.vlan is None else struct.pack(">HH", VLAN, self.vlan)
        return (to + self.mac + tag + struct.pack(">H", kind) + packet).ljust(SHORTEST_FRAME, b"\0")

    def answer(self, frame: bytes) -> bytes | None:
        """The neighbour's MAC address, if ``frame`` is its answer; a VLAN tag has been removed by the kernel."""
        (kind,), packet = struct.unpack(">H", frame[12:14]), frame[14:]
        if kind == ARP and self.target.version == 4:
            replied = packet[6:8] == struct.pack(">H", ARP_REPLY) and packet[14:18] == self.target.packed
            return packet[8:14] if replied and len(packet) >= 28 else None
        if kind == IPV6 and self.target.version == 6 and len(packet) >= 64 and packet[6] == ICMPV6:
            advertised = packet[40] == ADVERTISEMENT and packet[48:64] == self.target.packed
            option = packet[64:72]
            # Without the option, the sender of the frame is the neighbour.
            return (option[2:8] if option[:2] == b"\x02\x01" else frame[6:12]) if advertised else None
        return None

    def _solicitation(self) -> bytes:
        to = ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + self.target.packed[13:]
        message = bytes([SOLICITATION, 0, 0, 0]) + bytes(4) + self.target.packed + b"\x01\x01" + self.mac
        pseudo_header = self.source.packed + to + struct.pack(">II", len(message), ICMPV6)
        checksum = struct.pack(">H", internet_checksum(pseudo_header + message))
        header = struct.pack(">IHBB", 6 << 28, len(message), ICMPV6, 255) + self.source.packed + to
        return header + message[:2] + checksum + message[4:]


def find_neighbour(interface: str, target: str, source: str, vlan: int | None = None) -> str:
    """The MAC address of ``target``, in the form 02:00:00:00:00:01, as it answers on ``interface``.

    HostError without an answer within a few seconds, or this process may not send frames.
    """
    question = Question.of(target, source, _mac(interface), vlan)
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        rule = "needs CAP_NET_RAW, which this process lacks"
        raise HostError("packet socket", interface, rule, "Run as root, or grant it.") from error
    with opened:
        try:
            opened.bind((interface, ETH_P_ALL))
            mac = _ask(opened, question)
        except OSError as error:
            rule = f"cannot be used to query the next hop ({error.strerror})"
            raise HostError("interface", interface, rule, "Set it up: ip link set up.") from error
    if mac is None:
        raise HostError(
            "next hop",
            target,
            f"does not answer on {interface} within {TRIES * WAIT_SECONDS:g} s",
            "Check the cable and the address of the device's port; or set pcaps_dst_mac to the port's MAC address.",
        )
    return mac.hex(":")


def _mac(interface: str) -> bytes:
    try:
        return bytes.fromhex(Path("/sys/class/net", interface, "address").read_text(encoding="ascii").replace(":", ""))
    except OSError:
        rule = "does not exist on this host"
        raise HostError("interface", interface, rule, "Use one that `ip link` shows.") from None


def _ask(opened: socket.socket, question: Question) -> bytes | None:
    for _ in range(TRIES):
        opened.send(question.frame)
        end = time.monotonic() + WAIT_SECONDS
        while (remaining := end - time.monotonic()) > 0:
            opened.settimeout(remaining)
            try:
                frame, place = opened.recvfrom(2048)
            except socket.timeout:
                break
            mac = question.answer(frame) if place[2] != PACKET_OUTGOING else None
            if mac:
                return mac
    return None
