"""The first frame of each stream and length: built by Scapy, which is used nowhere else, and validated without it."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from ..errors import HostError, InputError
from .checksum import internet_checksum
from .layout import Frame, Layout
from .spec import IP_HEADERS, L4_HEADERS, PcapSpec

L4_CHECKSUM_OFFSETS = {"tcp": 16, "udp": 6}
IP_PROTOCOLS = {"tcp": 6, "udp": 17}
ETHERTYPES = {4: 0x0800, 6: 0x86DD}
DOT1Q, DOT1AD = 0x8100, 0x88A8
"""EtherTypes of the tags of IEEE 802.1Q and 802.1ad."""
IPV4_WITHOUT_OPTIONS = b"\x45"
_LAYERS = ("l2", "inet", "inet6")


def build_templates(spec: PcapSpec) -> list[bytes]:
    """The first frame of each kind (Layout.frames), without FCS.

    Fields outside the spec have Scapy's defaults (IP id 1, TCP SYN, sequence number 0, window 8192). Both MACs are
    always given, so that Scapy sends no ARP request. HostError if Scapy is not installed.
    """
    # Imported on the first call: scapy.all takes 0.9 s of CPU time and these layers 0.2 s, and neither writing from
    # given templates nor reading a manifest needs them.
    try:
        l2, inet, inet6 = (import_module(f"scapy.layers.{name}") for name in _LAYERS)
    except ModuleNotFoundError as error:
        raise HostError(
            "Python module", error.name, "is needed to build the first frame, and is not installed", "Install scapy."
        ) from error
    return [_build(frame, l2, inet, inet6) for frame in Layout.of(spec).frames]


def _build(frame: Frame, l2: Any, inet: Any, inet6: Any) -> bytes:
    spec = frame.stream
    packet = l2.Ether(src=spec.src_mac, dst=spec.dst_mac)
    if spec.outer_vlan is not None:
        packet /= l2.Dot1AD(vlan=spec.outer_vlan)
    if spec.vlan is not None:
        packet /= l2.Dot1Q(vlan=spec.vlan)
    src, dst = (str(_address(spec, name)) for name in ("src_ip", "dst_ip"))
    if spec.ip_version == 4:
        packet /= inet.IP(src=src, dst=dst, ttl=spec.ttl)
    else:
        packet /= inet6.IPv6(src=src, dst=dst, hlim=spec.ttl)
    transport = {"tcp": inet.TCP, "udp": inet.UDP}[spec.protocol]
    packet /= transport(sport=spec.source_port, dport=spec.first_port)
    return bytes(packet / frame.payload_bytes())


def check_templates(layout: Layout, templates: Sequence[bytes]) -> None:
    """InputError unless ``templates`` are the frames of exactly these parameters, with correct checksums."""
    if len(templates) != len(layout.frames):
        rule = f"are not the {len(layout.frames)} frames that the parameters require"
        raise InputError("templates", len(templates), rule, "Omit them.")
    for frame, template in zip(layout.frames, templates):
        wrong = f"{frame.length} bytes" if len(template) != frame.length else _wrong_field(frame, template)
        if wrong:
            raise InputError(
                "template",
                f"{template[:64].hex()}...",
                f"does not have the {wrong} that the parameters require",
                "Omit it, or build it from the same parameters.",
            )


def l4_checksum(spec: PcapSpec, frame: bytes) -> int:
    """The TCP or UDP checksum of a frame, from its bytes (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1)."""
    at = spec.l4_offset
    field = at + L4_CHECKSUM_OFFSETS[spec.protocol]
    addresses = frame[at - 2 * len(_packed(spec, "src_ip")) : at]
    pseudo_header = addresses + struct.pack(">II", IP_PROTOCOLS[spec.protocol], len(frame) - at)
    return internet_checksum(pseudo_header + frame[at:field] + bytes(2) + frame[field + 2 :]) or spec.zero_checksum


def _address(spec: PcapSpec, name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    first = spec.ranges[name].first
    return ipaddress.IPv4Address(first) if spec.ip_version == 4 else ipaddress.IPv6Address(first)


def _packed(spec: PcapSpec, name: str) -> bytes:
    return _address(spec, name).packed


def _wrong_field(frame: Frame, template: bytes) -> str:
    """The name of the first field that differs from the spec; empty if none does."""
    spec, l4 = frame.stream, frame.stream.l4_offset
    macs = bytes.fromhex((spec.dst_mac + spec.src_mac).replace(":", ""))
    types = (DOT1AD, DOT1Q)[-len(spec.tags) :] if spec.tags else ()
    tags = b"".join(struct.pack(">HH", *pair) for pair in zip(types, spec.tags))
    ip = _ipv4_fields(frame) if spec.ip_version == 4 else _ipv6_fields(frame)
    expected = (
        ("MAC addresses", 0, macs),
        ("VLAN tag", 12, tags),
        ("EtherType", 12 + len(tags), struct.pack(">H", ETHERTYPES[spec.ip_version])),
        *((name, spec.ip_offset + offset, value) for name, offset, value in ip),
        ("IP addresses", l4 - 2 * len(_packed(spec, "src_ip")), _packed(spec, "src_ip") + _packed(spec, "dst_ip")),
        ("ports", l4, struct.pack(">HH", spec.source_port, spec.first_port)),
        ("payload", l4 + L4_HEADERS[spec.protocol], frame.payload_bytes()),
        (
            f"{spec.protocol.upper()} checksum",
            l4 + L4_CHECKSUM_OFFSETS[spec.protocol],
            struct.pack(">H", l4_checksum(spec, template)),
        ),
    )
    for name, offset, value in expected:
        if template[offset : offset + len(value)] != value:
            return name
    # The checksum of a valid header, with its checksum field, is 0 (RFC 1071 section 1).
    damaged = spec.ip_version == 4 and internet_checksum(template[spec.ip_offset : l4])
    return "IP header checksum" if damaged else ""


def _ipv4_fields(frame: Frame) -> Iterator[tuple[str, int, bytes]]:
    """Fields of the IP header: name, offset in bytes, value."""
    spec = frame.stream
    yield "IP header length", 0, IPV4_WITHOUT_OPTIONS
    yield "IP total length", 2, struct.pack(">H", frame.ip_length)
    yield "time to live and protocol", 8, bytes([spec.ttl, IP_PROTOCOLS[spec.protocol]])


def _ipv6_fields(frame: Frame) -> Iterator[tuple[str, int, bytes]]:
    spec = frame.stream
    yield "IP version", 0, b"\x60"
    yield "payload length", 4, struct.pack(">H", frame.ip_length - IP_HEADERS[6])
    yield "protocol and hop limit", 6, bytes([IP_PROTOCOLS[spec.protocol], spec.ttl])
