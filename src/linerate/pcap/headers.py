"""The headers of a frame: VLAN tags and other shims, the IP packet behind them, and its destinations."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import NamedTuple, Union

IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
VLAN_TAGS = (b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x92\x00", b"\x93\x00")
"""EtherTypes of VLAN tags of four bytes: IEEE 802.1Q, 802.1ad, and its predecessors."""
TYPE_OFFSET = 12
LLC = "llc"
"""The name of a frame that has a length and an IEEE 802.2 header in place of an EtherType."""

_MPLS = (b"\x88\x47", b"\x88\x48")
_PPPOE = b"\x88\x64"
_PPP_VERSIONS = {0x0021: 4, 0x0057: 6}
_PPP_CONTROL = 0x8000
"""PPP protocols from here on negotiate the link and carry no packet (RFC 1661 section 2)."""
_SNAP, _SNAP_OUIS = b"\xaa\xaa\x03", (b"\x00\x00\x00", b"\x00\x00\xf8")
"""SNAP headers with these organisations end in an EtherType (RFC 1042, IEEE 802.1H)."""
_LLC_IP, _LLC_SPANNING_TREE = b"\x06\x06\x03", b"\x42\x42\x03"
_LONGEST_LLC = 0x05DC
_WITHOUT_IP = frozenset(
    struct.pack(">H", kind)
    for kind in (0x0806, 0x0842, 0x8808, 0x8809, 0x8863, 0x888E, 0x88B5, 0x88B6, 0x88CC, 0x88F7, 0x8902, 0x9000)
)
"""EtherTypes that no router forwards and that carry no IP packet.

ARP, Wake-on-LAN, pause frames, LACP, PPPoE discovery, 802.1X, the two of IEEE 802 for local experiments, LLDP, PTP,
CFM, loopback test.
"""

_SOURCE_ROUTES = (131, 137)
"""IPv4 options: loose and strict source route (RFC 791 section 3.1)."""
_END_OF_OPTIONS, _NO_OPERATION = 0, 1
_ROUTING, _FRAGMENT, _AUTHENTICATION, _EXTENSIONS = 43, 44, 51, (0, 43, 44, 51, 60, 135, 139, 140)
"""IP protocols that are headers before another protocol (RFC 7045 section 4)."""
_IN_IP = {4: IPV4, 41: IPV6, 137: b"\x88\x47"}
"""IP protocols that are packets of an EtherType: IPv4, IPv6, MPLS (RFC 2003, RFC 4213, RFC 4023)."""
_UDP, _GRE, _ETHERNET_IN_IP = 17, 47, 97
_GRE_OPTIONAL, _GRE_ROUTES = (0x80, 0x20, 0x10), 0x40
_BRIDGED = b"\x65\x58"
"""The EtherType of an Ethernet frame in a tunnel."""
TUNNEL_PORTS = _VXLAN, _GENEVE = 4789, 6081
_VXLAN_FLAGS = (0x08, 0x0C, 0x88)
"""VXLAN's first byte: a network identifier, also with another's protocol or a group policy."""
_OFFSET = 0x1FFF
"""The part of IPv4's fragment field that is not zero in later fragments."""
_HOME_ADDRESS, _SEGMENTS = 2, 4

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class Link(NamedTuple):
    """What the link-layer headers of a frame lead to.

    ``version`` is that of the IP packet at offset ``at``, 0 without one. ``tags`` are the offsets of the VLAN tags'
    EtherTypes. ``unknown`` names a header behind which there may be an IP packet that cannot be found: an EtherType
    such as 0x88e5, or llc; empty without one.
    """

    version: int
    at: int
    tags: tuple[int, ...] = ()
    unknown: str = ""


def links_of(frame: bytes) -> Iterator[Link]:
    """What the headers of ``frame`` lead to, then those of the packet or frame in it, if it is a tunnel's, and so on.

    Tunnels are IP in IP, MPLS and Ethernet in IP, GRE, VXLAN and Geneve. ValueError if one ends within its headers.
    """
    link: Link | None = link_of(frame)
    while link is not None:
        yield link
        link = _inner(frame, link)


def link_of(frame: bytes, at: int = TYPE_OFFSET) -> Link:
    """Read the link-layer headers of ``frame``, whose first EtherType is at ``at``; ValueError if it ends within."""
    tags: list[int] = []
    while True:
        kind = _part(frame, at, 2)
        if kind in VLAN_TAGS:
            tags.append(at)
            at += 4
        elif _is_snap(frame, at, kind):
            at += 8
        else:
            return _packet(frame, kind, at + 2)._replace(tags=tuple(tags))


def vlan_ids(frame: bytes, link: Link) -> tuple[int, ...]:
    """The VLAN identifiers of the tags, the outermost first."""
    return tuple(int.from_bytes(frame[at + 2 : at + 4], "big") & 0x0FFF for at in link.tags)


def ip_destinations(frame: bytes, link: Link) -> list[Address]:
    """Where the IP packet of ``link`` goes: its destination, and all stations of a source route.

    ValueError, with the reason, if the frame ends before them or has a route that cannot be read.
    """
    if link.version == 4:
        return _ipv4_destinations(frame, link.at)
    return _ipv6_destinations(frame, link.at) if link.version else []


def _part(frame: bytes, at: int, length: int) -> bytes:
    part = frame[at : at + length]
    if len(part) < length:
        raise ValueError("is too short to hold the destination of its IP packet")
    return part


def _is_snap(frame: bytes, at: int, kind: bytes) -> bool:
    if int.from_bytes(kind, "big") > _LONGEST_LLC:
        return False
    header = frame[at + 2 : at + 8]
    return header[:3] == _SNAP and header[3:] in _SNAP_OUIS


def _packet(frame: bytes, kind: bytes, at: int) -> Link:
    """The IP packet behind the last EtherType ``kind``, which ends at ``at``."""
    if kind in (IPV4, IPV6):
        return Link(4 if kind == IPV4 else 6, at)
    if kind in _MPLS:
        while not _part(frame, at, 4)[2] & 1:
            at += 4
        version = _part(frame, at + 4, 1)[0] >> 4
        return Link(version, at + 4) if version in (4, 6) else Link(0, at, unknown=_name(kind))
    if kind == _PPPOE:
        protocol, at = _ppp_protocol(frame, at + 6)
        known = protocol in _PPP_VERSIONS or protocol >= _PPP_CONTROL
        return Link(_PPP_VERSIONS.get(protocol, 0), at, unknown="" if known else _name(kind))
    if int.from_bytes(kind, "big") <= _LONGEST_LLC:
        header = frame[at : at + 3]
        known = header in (_LLC_IP, _LLC_SPANNING_TREE)
        return Link(4 if header == _LLC_IP else 0, at + 3, unknown="" if known else LLC)
    return Link(0, at, unknown="" if kind in _WITHOUT_IP else _name(kind))


def _name(kind: bytes) -> str:
    return f"0x{kind.hex()}"


def _ppp_protocol(frame: bytes, at: int) -> tuple[int, int]:
    """The PPP protocol and the offset behind it; an odd first byte is all of it (RFC 1661 section 6.5)."""
    first = _part(frame, at, 1)[0]
    return (first, at + 1) if first & 1 else (int.from_bytes(_part(frame, at, 2), "big"), at + 2)


def _ipv4_destinations(frame: bytes, at: int) -> list[Address]:
    found: list[Address] = [ipaddress.IPv4Address(_part(frame, at + 16, 4))]
    end = at + 4 * (frame[at] & 0x0F)
    at += 20
    while at < end:
        kind = _part(frame, at, 1)[0]
        if kind == _END_OF_OPTIONS:
            break
        length = 1 if kind == _NO_OPERATION else _part(frame, at, 2)[1]
        if length < 2 and kind != _NO_OPERATION:
            raise ValueError("has IP options that cannot be read")
        if kind in _SOURCE_ROUTES:
            route = _part(frame, at + 3, length - 3)
            found += [ipaddress.IPv4Address(route[one : one + 4]) for one in range(0, len(route) - 3, 4)]
        at += length
    return found


def _ipv6_destinations(frame: bytes, at: int) -> list[Address]:
    found: list[Address] = [ipaddress.IPv6Address(_part(frame, at + 24, 16))]
    for kind, start in _headers(frame, frame[at + 6], at + 40):
        if kind == _ROUTING:
            stations = range(_stations(_part(frame, start, 8)))
            found += [ipaddress.IPv6Address(_part(frame, start + 8 + 16 * one, 16)) for one in stations]
    return found


def _headers(frame: bytes, kind: int, at: int) -> Iterator[tuple[int, int]]:
    """The protocol ``kind`` and the offset of each header from ``at`` on; the last is none of _EXTENSIONS.

    Behind the header of a later fragment is a part of the packet, which has no further header.
    """
    yield kind, at
    while kind in _EXTENSIONS:
        header = _part(frame, at, 8)
        if kind == _FRAGMENT and int.from_bytes(header[2:4], "big") >> 3:
            return
        at += 8 if kind == _FRAGMENT else 4 * (header[1] + 2) if kind == _AUTHENTICATION else 8 * (header[1] + 1)
        kind = header[0]
        yield kind, at


def _inner(frame: bytes, link: Link) -> Link | None:
    """What the IP packet of ``link`` carries, if it is a packet or frame of a tunnel."""
    if not link.version:
        return None
    at = link.at
    if link.version == 6:
        first = frame[at + 6], at + 40
    elif int.from_bytes(frame[at + 6 : at + 8], "big") & _OFFSET:
        return None
    else:
        first = frame[at + 9], at + 4 * (frame[at] & 0x0F)
    *_, (protocol, at) = _headers(frame, *first)
    if protocol in _IN_IP:
        return _packet(frame, _IN_IP[protocol], at)
    if protocol == _ETHERNET_IN_IP:
        return link_of(frame, at + 2 + TYPE_OFFSET)
    if protocol == _GRE:
        return _in_gre(frame, at)
    return _in_udp(frame, at) if protocol == _UDP else None


def _in_gre(frame: bytes, at: int) -> Link:
    """What a GRE header leads to (RFC 2784, RFC 2890): each of checksum, key and number takes four bytes."""
    header = _part(frame, at, 4)
    if header[0] & _GRE_ROUTES:
        raise ValueError("has a GRE header with a source route, which cannot be read")
    optional = sum(bool(header[0] & flag) for flag in _GRE_OPTIONAL)
    return _of_type(frame, header[2:4], at + 4 + 4 * optional)


def _in_udp(frame: bytes, at: int) -> Link | None:
    """What VXLAN (RFC 7348) or Geneve (RFC 8926) leads to; other payload is not looked at."""
    port, header = int.from_bytes(frame[at + 2 : at + 4], "big"), frame[at + 8 : at + 16]
    # The bits that must be zero tell a header from other payload to that port, such as random bytes.
    if len(header) < 8 or header[7]:
        return None
    if port == _VXLAN and header[0] in _VXLAN_FLAGS and not header[1] & 0xB7:
        return link_of(frame, at + 16 + TYPE_OFFSET)
    if port == _GENEVE and header[0] < 0x40 and not header[1] & 0x3F and header[2:4] in (_BRIDGED, IPV4, IPV6):
        return _of_type(frame, header[2:4], at + 16 + 4 * header[0])
    return None


def _of_type(frame: bytes, kind: bytes, at: int) -> Link:
    return link_of(frame, at + TYPE_OFFSET) if kind == _BRIDGED else _packet(frame, kind, at)


def _stations(header: bytes) -> int:
    """How many addresses a routing header has (RFC 5095, RFC 6275 section 6.4, RFC 8754 section 2)."""
    kind = header[2]
    if kind in (0, _HOME_ADDRESS):
        return header[1] // 2
    if kind == _SEGMENTS:
        return header[4] + 1
    raise ValueError(f"has an IPv6 routing header of type {kind}, whose addresses cannot be read")
