"""Ethernet frames from the packets of a capture, also of one that was made without Ethernet headers."""

from __future__ import annotations

import struct
from typing import Callable, NamedTuple

from ..errors import PcapError
from .capture import CAPTURE_AGAIN, SALVAGE, SUBJECT, Packet
from .headers import IPV4, IPV6

ETHERNET = 1
MIN_FRAME = 14
_COOKED, _COOKED_2 = 113, 276
_RAW, _RAW_IPV4, _RAW_IPV6 = (101, 12, 14), 228, 229
_NULL, _LOOP = 0, 108
"""Link types are those of https://www.tcpdump.org/linktypes.html; 12 and 14 are raw IP by their DLT numbers."""
_LOCAL_IPV6 = (10, 24, 28, 30)
"""AF_INET6 of Linux, NetBSD, FreeBSD and macOS."""
_NO_ADDRESSES = (
    "Set both MACs, which make the missing headers: rewrite: {src_mac: ..., dst_mac: ...}, or linerate pcap --from IN "
    "--src-mac MAC --dst-mac MAC OUT; or capture on one Ethernet interface instead of any."
)
_PAD = "Pad the packets: tcprewrite --fixlen=pad --infile=IN --outfile=OUT, then use OUT; or capture with -s 0."


class Headless(NamedTuple):
    """A kind of packet without Ethernet header: its name, and how its EtherType and payload are found."""

    name: str
    split: Callable[[bytes], tuple[bytes, bytes]]


def _by_version(data: bytes) -> tuple[bytes, bytes]:
    return (IPV6 if data[0] >> 4 == 6 else IPV4), data


def _cooked(data: bytes) -> tuple[bytes, bytes]:
    return data[14:16], data[16:]


def _cooked_2(data: bytes) -> tuple[bytes, bytes]:
    return data[:2], data[20:]


def _null(data: bytes) -> tuple[bytes, bytes]:
    """The address family is in the byte order of the host that captured, so one of its ends is zero."""
    family = data[0] or data[3]
    return (IPV6 if family in _LOCAL_IPV6 else IPV4), data[4:]


HEADLESS = {
    _COOKED: Headless("Linux cooked", _cooked),
    _COOKED_2: Headless("Linux cooked, version 2", _cooked_2),
    _RAW_IPV4: Headless("raw IPv4", _by_version),
    _RAW_IPV6: Headless("raw IPv6", _by_version),
    _NULL: Headless("loopback of BSD", _null),
    _LOOP: Headless("loopback of OpenBSD", _null),
    **{number: Headless("raw IP", _by_version) for number in _RAW},
}


def ethernet_frame(path: str, packet: Packet, macs: bytes | None) -> bytes:
    """The Ethernet frame of ``packet`` without FCS. ``macs``, destination and source, make a header that is missing.

    PcapError for a packet of which the capture has only a part, and for link types that are not Ethernet.
    """
    where = f"packet {packet.number:,}"
    data = packet.data
    if len(data) < packet.original:
        rule = f"holds {len(data):,} of {packet.original:,} bytes of {where}"
        raise PcapError(SUBJECT, path, rule, _PAD)
    # More than the original was added by what captured, such as its own trailer.
    data = data[: packet.original - packet.fcs]
    if packet.linktype != ETHERNET:
        data = _with_header(path, packet, data, macs)
    if len(data) < MIN_FRAME:
        rule = f"has {len(data)} bytes in {where}, less than an Ethernet header"
        raise PcapError(SUBJECT, path, rule, "Leave it out of the capture." if data else SALVAGE)
    return data


def _with_header(path: str, packet: Packet, data: bytes, macs: bytes | None) -> bytes:
    known = HEADLESS.get(packet.linktype)
    if known is None:
        rule = f"has link type {packet.linktype} in packet {packet.number:,}, which is not Ethernet (1)"
        raise PcapError(SUBJECT, path, rule, "Capture on an Ethernet interface.")
    if macs is None:
        rule = f"has link type {packet.linktype} ({known.name}), packets without Ethernet addresses"
        raise PcapError(SUBJECT, path, rule, _NO_ADDRESSES)
    try:
        kind, payload = known.split(data)
        value = struct.unpack(">H", kind)[0]
    except (IndexError, struct.error):
        rule = f"has {len(data)} bytes in packet {packet.number:,}, less than its header"
        raise PcapError(SUBJECT, path, rule, CAPTURE_AGAIN) from None
    # The numbers below 1536 are those of Linux for frames with a length and an LLC header (ETH_P_802_2).
    return macs + (kind if value >= 0x600 else struct.pack(">H", len(payload))) + payload
