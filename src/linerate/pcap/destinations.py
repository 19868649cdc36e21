"""Where the frames of a pcap may go: a replay is a flood, and what it hits must have been agreed to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Union

from ..errors import InputError

BENCHMARK_NETWORKS = ("198.18.0.0/15", "2001:2::/48")
"""Set apart for benchmarks and routed nowhere (RFC 2544 section C.2.2, RFC 5180 section 8, RFC 6890)."""
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
VLAN_TAGS = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
"""EtherTypes that a tag of four bytes begins with: IEEE 802.1Q, 802.1ad, and what came before it."""

_TYPE_OFFSET = 12
_IPV4_DESTINATION, _IPV6_DESTINATION = slice(16, 20), slice(24, 40)
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class AllowedDestinations:
    """MACs and IP networks that frames may be sent to.

    The rule: the MAC that a frame goes to must be listed; where the frame carries IP (VLAN tags are looked
    through), its destination must be in a listed network, too. A listed MAC is enough for a frame without IP.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        """InputError for an entry that is neither a MAC nor an IP address or network."""
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
        """Which rule a frame (from its destination MAC on) breaks; None where it may be sent."""
        if frame[:6] not in self._macs:
            listed = ", ".join(sorted(_mac(mac) for mac in self._macs)) or "none"
            return f"goes to the MAC {_mac(frame[:6])}, which is not among those allowed ({listed})"
        try:
            address = _ip_destination(frame)
        except ValueError:
            return "is too short to say where its IP packet goes"
        if address is None or self.holds(address):
            return None
        listed = ", ".join(map(str, self._networks)) or "none"
        return f"goes to {address}, which is in none of the networks allowed ({listed})"


def _network(entry: object, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InputError(
            "linerate_allow_destinations",
            entry,
            f"is neither a MAC nor an IP address or network ({error})",
            "Write it like 198.18.0.0/15, 2001:2::/48 or 02:00:00:00:00:02.",
        ) from error


def _mac(octets: bytes) -> str:
    return octets.hex(":")


def _ip_destination(frame: bytes) -> Address | None:
    """Where the IP packet in ``frame`` goes; None where there is none. ValueError where ``frame`` ends before."""
    at = _TYPE_OFFSET
    while frame[at : at + 2] in VLAN_TAGS:
        at += 4
    kind, packet = frame[at : at + 2], frame[at + 2 :]
    if len(kind) < len(IPV4):
        raise ValueError("nothing but tags")
    # Bytes of another number than an address has are a ValueError.
    if kind == IPV4:
        return ipaddress.IPv4Address(packet[_IPV4_DESTINATION])
    if kind == IPV6:
        return ipaddress.IPv6Address(packet[_IPV6_DESTINATION])
    return None
