"""The validated parameters of a port-scan pcap."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Union

from .. import units as frames
from ..errors import InputError

IP_HEADERS = {4: 20, 6: 40}
L4_HEADERS = {"tcp": 20, "udp": 8}
"""Lengths in bytes of the headers without options (RFC 791, RFC 8200, RFC 9293 section 3.1, RFC 768)."""
L4_CHECKSUM_OFFSETS = {"tcp": 16, "udp": 6}
IP_PROTOCOLS = {"tcp": 6, "udp": 17}

MAX_IP_LENGTH = 65_535
MAX_PORT = 65_535
MAX_PACKETS = 2**32 * 1_000_000
"""Packet times are one microsecond apart and a pcap holds 32 bits of seconds."""

_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_ZERO_MAC = "00:00:00:00:00:00"

Parameter = Union[str, int, None]


@dataclass(frozen=True)
class PcapSpec:
    """A pcap of one packet per destination port; the packets differ in the port only.

    Ports ascend from ``first_port`` to ``last_port``, and repeat if there are more ``packets`` than ports. Text is
    normalised (MACs and hex in lower case). InputError for values that no Ethernet sender can use. MACs have no
    default: resolving them by ARP would make the file depend on the network.
    """

    protocol: str
    """``tcp`` (one SYN each) or ``udp``."""
    src_mac: str
    dst_mac: str
    ip_length: int = 64
    """Length of the whole IP packet in bytes; the frame in the pcap is 14 bytes longer, 18 with a VLAN tag."""
    first_port: int = 1024
    last_port: int = 65_534
    packets: int | None = None
    """Default: one for each port of the range."""
    src_ip: str = "198.18.0.1"
    dst_ip: str = "198.19.0.1"
    """Addresses are from 198.18.0.0/15, reserved for benchmarks (RFC 2544 section C.2.2, RFC 6890); or both IPv6."""
    source_port: int = 49_152
    """The first dynamic port (RFC 6335 section 6), which belongs to no known service."""
    vlan: int | None = None
    """VLAN identifier of an IEEE 802.1Q tag; default: no tag."""
    payload: str = "00"
    """Hex digits of a pattern that is repeated to fill the packet, and cut at its end."""
    ttl: int = 64

    def __post_init__(self) -> None:
        """Normalise and validate; a frozen dataclass is set through ``object``."""
        for name in ("protocol", "src_mac", "dst_mac", "payload"):
            object.__setattr__(self, name, str(getattr(self, name)).strip().lower())
        if self.packets is None:
            object.__setattr__(self, "packets", self.last_port - self.first_port + 1)
        if self.protocol not in L4_HEADERS:
            raise InputError("protocol", self.protocol, "must be tcp or udp", "Use one of the two.")
        for name in ("src_mac", "dst_mac"):
            check_mac(name, getattr(self, name))
        for name in ("src_ip", "dst_ip"):
            object.__setattr__(self, name, _checked_ip(name, getattr(self, name)))
        if ipaddress.ip_address(self.dst_ip).version != self.ip_version:
            rule = f"must be an IPv{self.ip_version} address, as src_ip {self.src_ip} is"
            raise InputError("dst_ip", self.dst_ip, rule, "Use two addresses of one IP version.")
        self._check_lengths()
        self._check_ports()
        if self.vlan is not None:
            check_range("vlan", self.vlan, 0, 4094)
        check_range("ttl", self.ttl, 1, 255)
        if not _HEX.fullmatch(self.payload):
            raise InputError(
                "payload",
                self.payload,
                "must be hex digits, two for each byte, at least one byte",
                "Use the form '00' or 'deadbeef', in quotes if YAML would read a number.",
            )

    def _check_lengths(self) -> None:
        headers = self.ip_header + L4_HEADERS[self.protocol]
        if not headers <= self.ip_length <= MAX_IP_LENGTH:
            raise InputError(
                "ip_length",
                self.ip_length,
                f"must be {headers} to {MAX_IP_LENGTH} bytes for {self.protocol}, the IP header included",
                "Use the IP total length, such as 64 or 1500.",
            )

    def _check_ports(self) -> None:
        for name in ("first_port", "last_port", "source_port"):
            check_range(name, getattr(self, name), 1, MAX_PORT)
        if self.last_port < self.first_port:
            raise InputError(
                "last_port", self.last_port, f"must not be below first_port {self.first_port}", "Swap the two."
            )
        check_range("packets", self.count, 1, MAX_PACKETS)

    @property
    def count(self) -> int:
        """The number of packets."""
        return self.ports if self.packets is None else self.packets

    @property
    def ports(self) -> int:
        """The number of destination ports in the range."""
        return self.last_port - self.first_port + 1

    @property
    def flows(self) -> int:
        """The number of flows: packets differ in the destination port only."""
        return min(self.count, self.ports)

    @property
    def ip_version(self) -> int:
        """4 or 6, that of both addresses."""
        return ipaddress.ip_address(self.src_ip).version

    @property
    def ip_header(self) -> int:
        """Length of the IP header in bytes."""
        return IP_HEADERS[self.ip_version]

    @property
    def l4_offset(self) -> int:
        """The offset of the TCP or UDP header in the frame, in bytes."""
        return frames.frame_length(self.ip_header, vlan=self.vlan is not None)

    @property
    def frame_length(self) -> int:
        """Length of each frame in bytes, without FCS."""
        return frames.frame_length(self.ip_length, vlan=self.vlan is not None)

    @property
    def zero_checksum(self) -> int:
        """The replacement for a TCP or UDP checksum of 0, which in UDP means no checksum (RFC 768)."""
        return 0xFFFF if self.protocol == "udp" else 0

    def payload_bytes(self) -> bytes:
        """The bytes after the TCP or UDP header: the pattern, repeated and cut to fit."""
        room = self.ip_length - self.ip_header - L4_HEADERS[self.protocol]
        pattern = bytes.fromhex(self.payload)
        return (pattern * (room // len(pattern) + 1))[:room]

    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name, as the manifest stores them."""
        return asdict(self)

    @classmethod
    def of(cls, given: Mapping[str, object]) -> PcapSpec:
        """The spec of parameters as a user wrote them; numbers may be text, None means not given.

        InputError for a missing, unknown or invalid parameter.
        """
        named = {key: value for key, value in given.items() if value is not None}
        known = {field.name for field in fields(cls)}
        for name, value in named.items():
            if name not in known:
                raise InputError(name, value, "is not a parameter of a pcap", f"Known are: {', '.join(sorted(known))}.")
        for name in ("protocol", "src_mac", "dst_mac"):
            if name not in named:
                raise InputError(name, None, "must be given", f"Set {name}.")
        converted: dict[str, Any] = {
            name: _integer(name, value) if name in NUMBERS else str(value) for name, value in named.items()
        }
        return cls(**converted)


NUMBERS = frozenset({"ip_length", "first_port", "last_port", "packets", "source_port", "vlan", "ttl"})
"""The parameters that are whole numbers."""

PARAMETERS = tuple(field.name for field in fields(PcapSpec))
"""The names of all parameters, in the order of the dataclass."""


def _integer(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if not re.fullmatch(r"-?[0-9]+", text):
        raise InputError(name, value, "must be a whole number", "Use decimal digits.")
    return int(text)


def check_range(name: str, value: int, lowest: int, highest: int) -> None:
    """InputError unless ``value`` is in the range."""
    if not lowest <= value <= highest:
        raise InputError(name, value, f"must be {lowest} to {highest}", "Use a number in this range.")


def check_mac(name: str, value: str) -> None:
    """InputError unless ``value`` is the MAC of one host, in lower case."""
    if not _MAC.fullmatch(value):
        raise InputError(
            name, value, "must be six bytes in hex, separated by colons", "Use the form 02:00:00:00:00:01."
        )
    if value == _ZERO_MAC:
        raise InputError(
            name, value, "is not the address of a host", "Use the MAC of the interface, or 02:00:00:00:00:02."
        )
    if int(value[:2], 16) & 1:
        raise InputError(
            name,
            value,
            "must not be a multicast or broadcast address",
            "Use the MAC of one interface (first byte even).",
        )


def _checked_ip(name: str, value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise InputError(name, value, "must be an IP address", "Use the form 198.18.0.1 or 2001:2::1.") from None
    if address.is_multicast or address.is_unspecified or address == ipaddress.IPv4Address("255.255.255.255"):
        hint = "Use one of 198.18.0.0/15 (RFC 2544) or 2001:2::/48 (RFC 5180)."
        raise InputError(name, value, "must be the address of one host", hint)
    return str(address)
