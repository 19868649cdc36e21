"""The destinations to which frames may be sent: a replay is a flood, so each destination must be allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Union

from ..errors import InputError
from .headers import LLC, Address, Link, ip_destinations, links_of

BENCHMARK_NETWORKS = ("198.18.0.0/15", "2001:2::/48")
"""Reserved for benchmarks and not routed (RFC 2544 section C.2.2, RFC 5180 section 8, RFC 6890)."""
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_HEADER = re.compile(rf"0x[0-9a-f]{{4}}|{LLC}")

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class AllowedDestinations:
    """The MACs and IP networks to which frames may be sent, and the headers that may hide where they go.

    The destination MAC of a frame must be listed. If the frame carries IP, also behind VLAN tags, MPLS labels, PPPoE or
    LLC/SNAP, its destination address and the stations of a source route must be in listed networks, and so must those
    of a packet in a tunnel: IP, MPLS or Ethernet in IP, GRE, VXLAN or Geneve. A frame with another header that may hide
    an IP packet is allowed only if the header is listed: an EtherType such as 0x88e5, or llc.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        """InputError if an entry is none of these."""
        macs: list[bytes] = []
        networks: list[Network] = []
        headers: list[str] = []
        for entry in entries:
            text = str(entry).strip().lower()
            if _MAC.fullmatch(text):
                macs.append(bytes.fromhex(text.replace(":", "")))
            elif _HEADER.fullmatch(text):
                headers.append(text)
            else:
                networks.append(_network(entry, text))
        self._macs = frozenset(macs)
        self._networks = tuple(networks)
        self._headers = frozenset(headers)

    def holds(self, address: Address) -> bool:
        """Whether ``address`` is in a listed network."""
        return any(address in network for network in self._networks)

    def holds_all(self, addresses: Network) -> bool:
        """Whether all ``addresses`` are in one listed network."""
        ends = addresses[0], addresses[-1]
        return any(all(end in network for end in ends) for network in self._networks)

    def complaint(self, frame: bytes) -> str | None:
        """Why a frame, from its destination MAC on, must not be sent; None if it may."""
        if frame[:6] not in self._macs:
            listed = ", ".join(sorted(mac.hex(":") for mac in self._macs)) or "none"
            return f"goes to the MAC {frame[:6].hex(':')}, which is not an allowed MAC ({listed})"
        return self.packet_complaint(frame)

    def packet_complaint(self, frame: bytes) -> str | None:
        """Why a frame must not be sent, whatever its destination MAC; None if it may."""
        try:
            complaints = (self._complaint(frame, link) for link in links_of(frame))
            return next((complaint for complaint in complaints if complaint), None)
        except ValueError as error:
            return str(error)

    def _complaint(self, frame: bytes, link: Link) -> str | None:
        if link.unknown and link.unknown not in self._headers:
            kind = "an LLC header" if link.unknown == LLC else f"EtherType {link.unknown}"
            return f"has {kind}, which may hide an IP destination (allow it as {link.unknown})"
        for address in ip_destinations(frame, link):
            if not self.holds(address):
                listed = ", ".join(map(str, self._networks)) or "none"
                return f"goes to {address}, which is in none of the allowed networks ({listed})"
        return None


def _network(entry: object, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InputError(
            "linerate_allow_destinations",
            entry,
            f"is neither a MAC nor an IP address or network, nor a header ({error})",
            "Examples: 198.18.0.0/15, 2001:2::/48, 02:00:00:00:00:02, 0x88e5.",
        ) from error
