"""The destinations to which frames may be sent: a replay is a flood, so each destination must be allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Union

from ..errors import InputError

BENCHMARK_NETWORKS = ("198.18.0.0/15", "2001:2::/48")
"""Reserved for benchmarks and not routed (RFC 2544 section C.2.2, RFC 5180 section 8, RFC 6890)."""
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
VLAN_TAGS = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
"""EtherTypes of VLAN tags of four bytes: IEEE 802.1Q, 802.1ad, and its predecessor."""

_TYPE_OFFSET = 12
_IPV4_DESTINATION, _IPV6_DESTINATION = slice(16, 20), slice(24, 40)
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class AllowedDestinations:
    """The MACs and IP networks to which frames may be sent.

    The destination MAC of a frame must be listed. If the frame carries IP, with or without VLAN tags, its destination
    address must also be in a listed network.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        """InputError if an entry is neither a MAC nor an IP address or network."""
        macs: list[bytes] = []
        networks: list[Network] = []
        for entry in entries:
            text = str(entry).strip().lower()
            if _MAC.fullmatch(text):
                macs.append(bytes.fromhex(text.replace(":", "")))
            else:
                networks.append(_network(entry, text))
        self._macs = frozenset(macs)
        self._networks = tuple(networks)

    def holds(self, address: Address) -> bool:
        """Whether ``address`` is in a listed network."""
        return any(address in network for network in self._networks)

    def complaint(self, frame: bytes) -> str | None:
        """Why a frame, from its destination MAC on, must not be sent; None if it may."""
        if frame[:6] not in self._macs:
            listed = ", ".join(sorted(_mac(mac) for mac in self._macs)) or "none"
            return f"goes to the MAC {_mac(frame[:6])}, which is not an allowed MAC ({listed})"
        try:
            address = _ip_destination(frame)
        except ValueError:
            return "is too short to hold the destination of its IP packet"
        if address is None or self.holds(address):
            return None
        listed = ", ".join(map(str, self._networks)) or "none"
        return f"goes to {address}, which is in none of the allowed networks ({listed})"


def _network(entry: object, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InputError(
            "linerate_allow_destinations",
            entry,
            f"is neither a MAC nor an IP address or network ({error})",
            "Examples: 198.18.0.0/15, 2001:2::/48, 02:00:00:00:00:02.",
        ) from error


def _mac(octets: bytes) -> str:
    return octets.hex(":")


def _ip_destination(frame: bytes) -> Address | None:
    """The destination of the IP packet in ``frame``, None without one; ValueError if ``frame`` ends before it."""
    at = _TYPE_OFFSET
    while frame[at : at + 2] in VLAN_TAGS:
        at += 4
    kind, packet = frame[at : at + 2], frame[at + 2 :]
    if len(kind) < len(IPV4):
        raise ValueError("only VLAN tags")
    # A slice that is too short for an address is a ValueError.
    if kind == IPV4:
        return ipaddress.IPv4Address(packet[_IPV4_DESTINATION])
    if kind == IPV6:
        return ipaddress.IPv6Address(packet[_IPV6_DESTINATION])
    return None
