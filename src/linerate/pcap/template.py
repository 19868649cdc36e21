"""The first frame of a pcap: built by Scapy, which is used nowhere else, and validated without it."""

from __future__ import annotations

import ipaddress
import struct
from importlib import import_module

from ..errors import HostError, InputError
from .checksum import internet_checksum
from .spec import IP_PROTOCOLS, L4_CHECKSUM_OFFSETS, L4_HEADERS, PcapSpec

ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
ETHERTYPE_VLAN = b"\x81\x00"
IPV4_WITHOUT_OPTIONS, IPV6_WITHOUT_FLOW_LABEL = b"\x45", b"\x60\x00\x00\x00"


def build_template(spec: PcapSpec) -> bytes:
    """The frame to ``spec.first_port``, without FCS, ``spec.frame_length`` bytes long.

    Fields outside the spec have Scapy's defaults (IP id 1, TCP SYN, sequence number 0, window 8192). Both MACs are
    always given, so that Scapy sends no ARP request. HostError if Scapy is not installed.
    """
    # Imported on the first call: scapy.all takes 0.9 s of CPU time and these layers 0.2 s, and neither writing from a
    # given template nor reading a manifest needs them.
    try:
        l2 = import_module("scapy.layers.l2")
        inet = import_module("scapy.layers.inet")
        inet6 = import_module("scapy.layers.inet6") if spec.ip_version == 6 else None
    except ModuleNotFoundError as error:
        raise HostError(
            "Python module", error.name, "is needed to build the first frame, and is not installed", "Install scapy."
        ) from error
    packet = l2.Ether(src=spec.src_mac, dst=spec.dst_mac)
    if spec.vlan is not None:
        packet /= l2.Dot1Q(vlan=spec.vlan)
    if inet6:
        packet /= inet6.IPv6(src=spec.src_ip, dst=spec.dst_ip, hlim=spec.ttl)
    else:
        packet /= inet.IP(src=spec.src_ip, dst=spec.dst_ip, ttl=spec.ttl)
    transport = {"tcp": inet.TCP, "udp": inet.UDP}[spec.protocol]
    packet /= transport(sport=spec.source_port, dport=spec.first_port)
    return bytes(packet / spec.payload_bytes())


def check_template(spec: PcapSpec, template: bytes) -> None:
    """InputError unless ``template`` is a frame of exactly these parameters, with correct checksums."""
    wrong = f"{spec.frame_length} bytes" if len(template) != spec.frame_length else _wrong_field(spec, template)
    if wrong:
        raise InputError(
            "template",
            f"{template[:64].hex()}...",
            f"does not have the {wrong} that the parameters require",
            "Omit it, or build it from the same parameters.",
        )


def l4_checksum(spec: PcapSpec, frame: bytes) -> int:
    """The TCP or UDP checksum of a frame, computed from its bytes (RFC 9293 section 3.1, RFC 768, RFC 8200 8.1)."""
    at = spec.l4_offset
    field = at + L4_CHECKSUM_OFFSETS[spec.protocol]
    # The two addresses end the IP header. The pseudo-header of IPv6 has the same sum, with longer fields.
    addresses = frame[at - 2 * len(ipaddress.ip_address(spec.dst_ip).packed) : at]
    pseudo_header = addresses + struct.pack(">HH", IP_PROTOCOLS[spec.protocol], len(frame) - at)
    return internet_checksum(pseudo_header + frame[at:field] + bytes(2) + frame[field + 2 :]) or spec.zero_checksum


def _wrong_field(spec: PcapSpec, template: bytes) -> str:
    """The name of the first field that differs from the spec; empty if none does."""
    ip = spec.l4_offset - spec.ip_header
    l4 = spec.l4_offset
    macs = bytes.fromhex((spec.dst_mac + spec.src_mac).replace(":", ""))
    tag = b"" if spec.vlan is None else ETHERTYPE_VLAN + struct.pack(">H", spec.vlan)
    checksum = struct.pack(">H", l4_checksum(spec, template))
    expected = (
        ("MAC addresses", 0, macs),
        ("VLAN tag", 12, tag),
        ("EtherType", 12 + len(tag), ETHERTYPES[spec.ip_version]),
        *_ip_fields(spec, ip),
        ("ports", l4, struct.pack(">HH", spec.source_port, spec.first_port)),
        ("payload", l4 + L4_HEADERS[spec.protocol], spec.payload_bytes()),
        (f"{spec.protocol.upper()} checksum", l4 + L4_CHECKSUM_OFFSETS[spec.protocol], checksum),
    )
    for name, offset, value in expected:
        if template[offset : offset + len(value)] != value:
            return name
    # The checksum of a valid header, with its checksum field, is 0 (RFC 1071 section 1).
    return "IP header checksum" if spec.ip_version == 4 and internet_checksum(template[ip:l4]) else ""


def _ip_fields(spec: PcapSpec, ip: int) -> tuple[tuple[str, int, bytes], ...]:
    """The fields of the IP header at offset ``ip``: names, offsets in the frame and values."""
    addresses = ipaddress.ip_address(spec.src_ip).packed + ipaddress.ip_address(spec.dst_ip).packed
    protocol = IP_PROTOCOLS[spec.protocol]
    if spec.ip_version == 6:
        return (
            ("IP version", ip, IPV6_WITHOUT_FLOW_LABEL),
            ("IP payload length", ip + 4, struct.pack(">H", spec.ip_length - spec.ip_header)),
            ("protocol and hop limit", ip + 6, bytes([protocol, spec.ttl])),
            ("IP addresses", ip + 8, addresses),
        )
    return (
        ("IP header length", ip, IPV4_WITHOUT_OPTIONS),
        ("IP total length", ip + 2, struct.pack(">H", spec.ip_length)),
        ("time to live and protocol", ip + 8, bytes([spec.ttl, protocol])),
        ("IP addresses", ip + 12, addresses),
    )
