"""What the frames of a capture hold: lengths, flows, destinations, VLANs, duration. Memory is bounded."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Union

from .headers import IPV4, IPV6, VLAN_TAGS, Link, link_of, vlan_ids

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

MOST_FLOWS = 1_000_000
"""The most flows that are counted one by one."""
MOST_DESTINATIONS = 1000
"""Destinations that are listed; more are combined into networks."""
_COMMON_TAGS = VLAN_TAGS[:3]
_WITH_PORTS = (6, 17, 132)


class Contents:
    """Counts what the frames passed to ``add`` hold. Lengths in bytes without FCS."""

    def __init__(self) -> None:
        self.packets = self.bytes = self.max_length = self.vlan_tags = 0
        self.min_length = 1 << 30
        self.vlans: set[int] = set()
        self.untagged = False
        self._flows: set[int] = set()
        self._addresses: set[bytes] = set()
        self._networks: tuple[Network, ...] = ()

    def add(self, frame: bytes) -> None:
        """Count one frame. ValueError, with the reason, for one whose headers are incomplete."""
        length = len(frame)
        self.packets += 1
        self.bytes += length
        self.min_length, self.max_length = min(self.min_length, length), max(self.max_length, length)
        link = link_of(frame)
        if link.tags:
            self.vlans.add(vlan_ids(frame, link)[0])
            self.vlan_tags = max(self.vlan_tags, len(link.tags))
        else:
            self.untagged = True
        if len(self._flows) < MOST_FLOWS:
            self._flows.add(hash(flow_of(frame, link)))
        destination = _destination(frame, link)
        if destination not in self._addresses:
            self._addresses.add(destination)
            if len(self._addresses) > MOST_DESTINATIONS:
                self._combine()

    @property
    def flows(self) -> int:
        """Flows by addresses, protocol and ports, of one direction each; at most :data:`MOST_FLOWS`."""
        return len(self._flows)

    def destinations(self) -> tuple[str, ...]:
        """IP addresses, networks where there are too many, and the MACs of frames without IP behind VLAN tags."""
        self._combine()
        macs = sorted(address.hex(":") for address in self._addresses if len(address) == 6)
        return (*(_text(network) for network in self._networks), *macs)

    def vlan_id(self) -> int | None:
        """The VLAN of all frames, None if they have none or several."""
        return next(iter(self.vlans)) if len(self.vlans) == 1 and not self.untagged else None

    def _combine(self) -> None:
        """Move the IP addresses to networks, as few as are listed."""
        found = [ipaddress.ip_network(address) for address in self._addresses if len(address) != 6]
        self._addresses = {address for address in self._addresses if len(address) == 6}
        self._networks = (*_combined([*self._networks, *found], 4), *_combined([*self._networks, *found], 6))


def _combined(networks: Iterable[Network], version: int) -> list[Network]:
    found: list[Network] = sorted(
        {network for network in networks if network.version == version}, key=lambda one: one.network_address
    )
    while len(found) > MOST_DESTINATIONS:
        longest = max(network.prefixlen for network in found) - 1
        found = sorted(
            {one.supernet(new_prefix=longest) if one.prefixlen > longest else one for one in found},
            key=lambda one: one.network_address,
        )
    return found


def _text(network: Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _destination(frame: bytes, link: Link) -> bytes:
    """The destination that a packet filter sees: of IP behind common VLAN tags, otherwise the MAC."""
    plain = link.at == 14 + 4 * len(link.tags) and frame[link.at - 2 : link.at] in (IPV4, IPV6)
    if plain and all(frame[at : at + 2] in _COMMON_TAGS for at in link.tags):
        return frame[link.at + 16 : link.at + 20] if link.version == 4 else frame[link.at + 24 : link.at + 40]
    return frame[:6]


def flow_of(frame: bytes, link: Link) -> tuple[bytes, ...]:
    """What identifies the flow of a frame, of one direction: addresses, protocol and ports; without IP the MACs."""
    at = link.at
    if link.version == 6:
        protocol = frame[at + 6 : at + 7]
        return frame[at + 8 : at + 40], protocol, _ports(frame, at + 40, protocol)
    if link.version == 4:
        protocol = frame[at + 9 : at + 10]
        later = frame[at + 6] & 0x1F or frame[at + 7]
        ports = b"" if later else _ports(frame, at + 4 * (frame[at] & 0x0F), protocol)
        return frame[at + 12 : at + 20], protocol, ports
    return frame[:12], frame[at - 2 : at]


def _ports(frame: bytes, at: int, protocol: bytes) -> bytes:
    return frame[at : at + 4] if protocol and protocol[0] in _WITH_PORTS else b""
