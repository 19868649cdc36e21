"""Other MACs, IP addresses and VLANs in the frames of a capture, with their checksums corrected."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Union

from ..errors import InputError
from .checksum import WORD, fold, internet_checksum
from .headers import TYPE_OFFSET, VLAN_TAGS, Link, ip_destinations, link_of
from .spec import check_mac, check_range

UNTAGGED = "untagged"
_ARP_IPV4 = b"\x08\x06\x00\x01\x08\x00\x06\x04"
"""EtherType, and the beginning of an ARP packet for IPv4 over Ethernet."""
_ICMPV6 = 58
_CHECKSUMS = {6: 16, 17: 6, 33: 6, _ICMPV6: 2, 136: 6}
"""Offset of the checksum that covers the IP addresses: TCP, UDP, DCCP, ICMPv6, UDP-Lite."""
_COVERS_ALL = (6, 17, _ICMPV6)
_UDP = 17
_FRAGMENT, _AUTHENTICATION, _EXTENSIONS = 44, 51, (0, 43, 44, 51, 60)
_MORE_FRAGMENTS, _OFFSET = 0x2000, 0x1FFF
_MOST_CACHED = 100_000

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclass(frozen=True)
class Rewrite:
    """What to change in every frame; None and an empty ``ip`` change nothing.

    ``ip`` are pairs of networks of the same length: an address in the first becomes the one at the same place in the
    second, as source and as destination, also in ARP. ``vlan`` is the identifier of the outermost tag, which is added
    to a frame without one; or "untagged", which removes all tags.
    """

    dst_mac: str | None = None
    src_mac: str | None = None
    ip: tuple[tuple[Network, Network], ...] = ()
    vlan: int | str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Rewrite:
        """The changes as a user wrote them: dst_mac, src_mac, ip (a mapping of addresses or networks), vlan.

        InputError for an unknown or invalid one.
        """
        named = {key: value for key, value in (given or {}).items() if value not in (None, "")}
        for name, value in named.items():
            if name not in cls.__dataclass_fields__:
                known = ", ".join(cls.__dataclass_fields__)
                raise InputError("rewrite", name, f"must be one of {known}", f"Remove it, or correct it: {value!r}.")
        macs = {name: str(named[name]).strip().lower() for name in ("dst_mac", "src_mac") if name in named}
        for name, mac in macs.items():
            check_mac(name, mac)
        return cls(**macs, ip=_pairs(named.get("ip", {})), vlan=_vlan(named.get("vlan")))

    def parameters(self) -> dict[str, Any]:
        """The changes by name, as the manifest stores them."""
        ip = {str(old): str(new) for old, new in self.ip}
        return {"dst_mac": self.dst_mac, "src_mac": self.src_mac, "ip": ip, "vlan": self.vlan}


def _pairs(given: Any) -> tuple[tuple[Network, Network], ...]:
    if not isinstance(given, Mapping):
        raise InputError("rewrite ip", given, "must be a mapping of addresses", "Use {10.0.0.0/24: 198.18.0.0/24}.")
    pairs = []
    for old, new in given.items():
        try:
            one, other = ipaddress.ip_network(str(old)), ipaddress.ip_network(str(new))
        except ValueError as error:
            raise InputError("rewrite ip", f"{old}: {new}", f"is not valid ({error})", "Use networks.") from error
        if (one.version, one.prefixlen) != (other.version, other.prefixlen):
            rule = "must be two networks of the same size"
            raise InputError("rewrite ip", f"{old}: {new}", rule, "Use a form like 10.0.0.0/24: 198.18.0.0/24.")
        pairs.append((one, other))
    # The longest prefix decides, as in routing.
    return tuple(sorted(pairs, key=lambda pair: -pair[0].prefixlen))


def _vlan(value: Any) -> int | str | None:
    if value is None or value == UNTAGGED:
        return value  # type: ignore[no-any-return]
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,4}", str(value)):
        raise InputError("rewrite vlan", value, "must be 0 to 4094, or untagged", "Use a VLAN identifier.")
    check_range("rewrite vlan", int(value), 0, 4094)
    return int(value)


class Rewriter:
    """Applies a :class:`Rewrite` to one frame after the other; addresses that were mapped are cached."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._dst_mac, self._src_mac = _octets(rewrite.dst_mac), _octets(rewrite.src_mac)
        self._pairs, self._vlan = rewrite.ip, rewrite.vlan
        self._mapped: dict[bytes, bytes] = {}

    @property
    def macs(self) -> bytes | None:
        """The MACs of an Ethernet header, destination and source; None unless both are given."""
        return self._dst_mac + self._src_mac if self._dst_mac and self._src_mac else None

    def apply(self, frame: bytes) -> bytes:
        """The changed frame. ValueError, with the reason, for one whose addresses cannot be rewritten."""
        if self._dst_mac:
            frame = self._dst_mac + frame[6:]
        if self._src_mac:
            frame = frame[:6] + self._src_mac + frame[12:]
        if self._pairs:
            frame = self._with_addresses(frame)
        return frame if self._vlan is None else _tagged(frame, self._vlan)

    def _with_addresses(self, frame: bytes) -> bytes:
        link = link_of(frame)
        if link.unknown:
            raise ValueError(f"has a header ({link.unknown}) that may hide IP addresses, which are not rewritten")
        if not link.version:
            return self._with_arp(frame, link.at) if frame[link.at - 2 : link.at + 6] == _ARP_IPV4 else frame
        if len(ip_destinations(frame, link)) > 1:
            raise ValueError("has a source route, which is not rewritten")
        at, length = (link.at + 12, 8) if link.version == 4 else (link.at + 8, 32)
        old, half = frame[at : at + length], length // 2
        new = self._map(old[:half]) + self._map(old[half:])
        if new == old:
            return frame
        changed = bytearray(frame)
        changed[at : at + length] = new
        _correct_checksums(changed, link, old)
        return bytes(changed)

    def _with_arp(self, frame: bytes, at: int) -> bytes:
        changed = bytearray(frame)
        for offset in (at + 14, at + 24):
            changed[offset : offset + 4] = self._map(frame[offset : offset + 4])
        return bytes(changed)

    def _map(self, packed: bytes) -> bytes:
        found = self._mapped.get(packed)
        if found is None:
            found = self._found(packed)
            if len(self._mapped) < _MOST_CACHED:
                self._mapped[packed] = found
        return found

    def _found(self, packed: bytes) -> bytes:
        try:
            address = ipaddress.ip_address(packed)
        except ValueError:
            return packed
        for old, new in self._pairs:
            if address in old:
                value = int(new.network_address) + int(address) - int(old.network_address)
                return value.to_bytes(len(packed), "big")
        return packed


def _octets(mac: str | None) -> bytes | None:
    return bytes.fromhex(mac.replace(":", "")) if mac else None


def _tagged(frame: bytes, vlan: int | str) -> bytes:
    """``frame`` with the outermost tag of ``vlan``, or without tags."""
    if vlan == UNTAGGED:
        while frame[TYPE_OFFSET : TYPE_OFFSET + 2] in VLAN_TAGS:
            frame = frame[:TYPE_OFFSET] + frame[TYPE_OFFSET + 4 :]
        return frame
    if frame[TYPE_OFFSET : TYPE_OFFSET + 2] not in VLAN_TAGS:
        return frame[:TYPE_OFFSET] + VLAN_TAGS[0] + struct.pack(">H", vlan) + frame[TYPE_OFFSET:]
    at = TYPE_OFFSET + 2
    priority = int.from_bytes(frame[at : at + 2], "big") & 0xF000
    return frame[:at] + struct.pack(">H", priority | int(vlan)) + frame[at + 2 :]


class _Datagram(NamedTuple):
    """The transport header of an IP packet: its protocol and offset, where the packet ends, both addresses (packed).

    ``first``: the packet has this header, ``whole``: it is no fragment.
    """

    protocol: int
    at: int
    end: int
    addresses: bytes
    first: bool
    whole: bool


def _correct_checksums(frame: bytearray, link: Link, old: bytes) -> None:
    """Correct the checksums of ``frame``, whose addresses were ``old`` (both, packed).

    The checksum of a whole datagram is computed, since a capture at the sender has those before the NIC's offload;
    that of a fragment is updated by the difference (RFC 1624).
    """
    found = _ipv4_datagram(frame, link.at) if link.version == 4 else _ipv6_datagram(frame, link.at)
    offset = _CHECKSUMS.get(found.protocol)
    if offset is None or not found.first or (link.version == 4 and found.protocol == _ICMPV6):
        return
    field, end = found.at + offset, found.end
    if field + 2 > min(end, len(frame)):
        return
    (checksum,) = struct.unpack_from(">H", frame, field)
    if found.protocol == _UDP and not checksum:
        return
    if found.whole and end <= len(frame) and found.protocol in _COVERS_ALL:
        frame[field : field + 2] = bytes(2)
        pseudo_header = found.addresses + struct.pack(">II", end - found.at, found.protocol)
        checksum = internet_checksum(pseudo_header + bytes(frame[found.at : end]))
    else:
        difference = (~_sum(old) & WORD) + _sum(found.addresses)
        checksum = ~fold((~checksum & WORD) + difference) & WORD
    if found.protocol == _UDP:
        # 0 means no checksum (RFC 768).
        checksum = checksum or WORD
    struct.pack_into(">H", frame, field, checksum)


def _ipv4_datagram(frame: bytearray, at: int) -> _Datagram:
    """The transport header; the checksum of the IP header is corrected first."""
    l4 = at + 4 * (frame[at] & 0x0F)
    frame[at + 10 : at + 12] = bytes(2)
    struct.pack_into(">H", frame, at + 10, internet_checksum(bytes(frame[at:l4])))
    length, fragment = struct.unpack_from(">H2xH", frame, at + 2)
    first, whole = not fragment & _OFFSET, not fragment & (_MORE_FRAGMENTS | _OFFSET)
    return _Datagram(frame[at + 9], l4, at + length, bytes(frame[at + 12 : at + 20]), first, whole)


def _ipv6_datagram(frame: bytearray, at: int) -> _Datagram:
    """The transport header behind the extension headers."""
    end = at + 40 + int.from_bytes(frame[at + 4 : at + 6], "big")
    protocol, l4, first, whole = frame[at + 6], at + 40, True, True
    while protocol in _EXTENSIONS and l4 + 8 <= len(frame):
        length = 8 * (frame[l4 + 1] + 1)
        if protocol == _AUTHENTICATION:
            length = 4 * (frame[l4 + 1] + 2)
        elif protocol == _FRAGMENT:
            fragment = int.from_bytes(frame[l4 + 2 : l4 + 4], "big")
            first, whole = first and not fragment & 0xFFF8, whole and not fragment & 0xFFF9
            length = 8
        protocol, l4 = frame[l4], l4 + length
    return _Datagram(protocol, l4, end, bytes(frame[at + 8 : at + 40]), first, whole)


def _sum(data: bytes) -> int:
    return ~internet_checksum(data) & WORD
