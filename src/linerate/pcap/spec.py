"""The validated parameters of a generated pcap."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from ..errors import InputError
from ..units import ETHERNET_HEADER, FCS, VLAN_TAG
from .ranges import Range, hosts, ip_version, most_flows, parse_network, spread

IP_HEADERS = {4: 20, 6: 40}
L4_HEADERS = {"tcp": 20, "udp": 8}
"""Lengths in bytes of the headers without options (RFC 791, RFC 8200, RFC 9293 section 3.1, RFC 768)."""

IP_LENGTH = 64
"""The IP total length in bytes where no length is given."""
RANDOM = "random"
MIN_FRAME, MAX_IP_LENGTH = 64, 65_535
MAX_PORT = 65_535
MAX_PACKETS = 2**32 * 1_000_000
"""Packet times are one microsecond apart and a pcap holds 32 bits of seconds."""
MOST_DEFAULT_FLOWS = 1_000_000
"""A network of addresses makes at most so many flows where their number is not given."""
MOST_SLOTS = 1000
"""Frames after which the order of streams and frame lengths repeats, at most."""

_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_ZERO_MAC = "00:00:00:00:00:00"
LENGTHS = ("frame_length", "ip_length", "imix")
"""How the lengths of the frames may be given, one of these."""
_OF_ALL = ("packets", "streams")


@dataclass(frozen=True)
class PcapSpec:
    """A pcap of TCP or UDP packets in flows: packet i is of flow i modulo the number of flows.

    Each range (addresses of a network, source and destination ports) advances by one from flow to flow, and starts
    again after its end. Text is normalised (MACs and hex in lower case). InputError for values that no Ethernet sender
    can use. MACs have no default: resolving them by ARP would make the file depend on the network.
    """

    protocol: str
    """``tcp`` (one SYN each) or ``udp``."""
    src_mac: str
    dst_mac: str
    ip_length: int | None = None
    """IP total length in bytes. One of this, ``frame_length`` and ``imix``; default: IP_LENGTH."""
    frame_length: int | None = None
    """Length of the frame in bytes with FCS and VLAN tags (RFC 2544 section 9)."""
    imix: Mapping[str, int] | None = None
    """Frame lengths (bytes with FCS), each with its weight; they alternate (RFC 6985)."""
    src_ip: str = "198.18.0.1"
    dst_ip: str = "198.19.0.1"
    """Each an address, or a network, whose hosts are a range. Both are of the same IP version.

    The defaults are from 198.18.0.0/15, reserved for benchmarks (RFC 2544 section C.2.2, RFC 6890).
    """
    first_port: int = 1024
    last_port: int = 65_534
    """Range of destination ports."""
    source_port: int = 49_152
    """The first dynamic port (RFC 6335 section 6), which belongs to no known service."""
    last_source_port: int | None = None
    """End of the range of source ports; default: ``source_port`` alone."""
    flows: int | None = None
    """Default: as many as the largest range has, at most MOST_DEFAULT_FLOWS."""
    packets: int | None = None
    """Default: one per flow of each stream, and whole cycles of frame lengths."""
    vlan: int | None = None
    """VLAN identifier of an IEEE 802.1Q tag; default: no tag."""
    outer_vlan: int | None = None
    """VLAN identifier of an IEEE 802.1ad tag before that of ``vlan`` (QinQ); default: no such tag."""
    payload: str = "00"
    """Hex digits of a pattern that is repeated to fill the packet and cut at its end; or RANDOM."""
    seed: int | None = None
    """Of a random payload, which differs from packet to packet; default: 1."""
    ttl: int = 64
    """Time to live, in IPv6 the hop limit."""
    streams: Sequence[Mapping[str, Any]] = ()
    """Parameters that differ from those above, for each of several streams, whose packets alternate."""

    def __post_init__(self) -> None:
        """Normalise and validate; a frozen dataclass is set through ``object``."""
        for name in ("protocol", "src_mac", "dst_mac", "payload"):
            self._set(name, str(getattr(self, name)).strip().lower())
        if self.protocol not in L4_HEADERS:
            raise InputError("protocol", self.protocol, "must be tcp or udp", "Use one of the two.")
        for name in ("src_mac", "dst_mac"):
            check_mac(name, getattr(self, name))
        for name in ("src_ip", "dst_ip"):
            self._set(name, str(parse_network(name, getattr(self, name))))
        if ip_version(self.dst_ip) != self.ip_version:
            rule = f"must be an IPv{self.ip_version} address, as src_ip {self.src_ip} is"
            raise InputError("dst_ip", self.dst_ip, rule, "Set src_ip and dst_ip to the same version.")
        self._check_tags()
        self._check_lengths()
        self._check_ports()
        self._check_payload()
        check_range("ttl", self.ttl, 1, 255)
        most = most_flows(tuple(self.ranges.values()))
        if self.flows is not None and not 1 <= self.flows <= most:
            rule = f"must be 1 to {most}, as many as the addresses and ports make"
            raise InputError("flows", self.flows, rule, "Use fewer, or a network of addresses or more ports.")
        self._set("streams", tuple(_converted(stream, f"streams[{at}].") for at, stream in enumerate(self.streams)))
        self._check_slots()
        if self.packets is None:
            self._set("packets", len(self.parts) * max(part.own_packets for part in self.parts))
        check_range("packets", self.count, 1, MAX_PACKETS)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_tags(self) -> None:
        for name in ("vlan", "outer_vlan"):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), 0, 4094)
        if self.outer_vlan is not None and self.vlan is None:
            raise InputError(
                "outer_vlan", self.outer_vlan, "is the tag before that of vlan, which is missing", "Set vlan."
            )

    def _check_lengths(self) -> None:
        given = [name for name in LENGTHS if getattr(self, name) is not None]
        if len(given) > 1:
            rule = f"has no meaning with {given[0]}"
            raise InputError(given[1], getattr(self, given[1]), rule, f"Set one of {', '.join(LENGTHS)}.")
        if not given:
            self._set("ip_length", IP_LENGTH)
        if self.imix is not None:
            self._set("imix", _weights(self.imix))
        least = self.headers - self.ip_offset
        rule = f"for {self.protocol}{' over IPv6' if self.ip_version == 6 else ''}"
        if self.ip_length is not None and not least <= self.ip_length <= MAX_IP_LENGTH:
            rule = f"must be {least} to {MAX_IP_LENGTH} bytes {rule}, the IP header included"
            raise InputError("ip_length", self.ip_length, rule, "Use the IP total length, such as 64 or 1500.")
        lowest, highest = max(MIN_FRAME, self.headers + FCS), self.ip_offset + MAX_IP_LENGTH + FCS
        for length in self.imix or ([] if self.frame_length is None else [self.frame_length]):
            if not lowest <= int(length) <= highest:
                tags = f" with {len(self.tags)} VLAN tag{'s' * (len(self.tags) > 1)}" if self.tags else ""
                rule = f"must be {lowest} to {highest} bytes {rule}{tags}, the FCS included"
                raise InputError(given[0], int(length), rule, "Use a length such as 128 or 1518.")

    def _check_ports(self) -> None:
        for first, last in (("first_port", "last_port"), ("source_port", "last_source_port")):
            check_range(first, getattr(self, first), 1, MAX_PORT)
            value = getattr(self, last)
            if value is not None:
                check_range(last, value, 1, MAX_PORT)
                if value < getattr(self, first):
                    rule = f"must not be below {first} {getattr(self, first)}"
                    raise InputError(last, value, rule, "Swap the two.")

    def _check_payload(self) -> None:
        if self.payload != RANDOM and not _HEX.fullmatch(self.payload):
            raise InputError(
                "payload",
                self.payload,
                "must be hex digits, two for each byte, at least one byte, or random",
                "Use the form '00' or 'deadbeef', in quotes if YAML would read a number.",
            )
        if self.payload == RANDOM:
            self._set("seed", 1 if self.seed is None else self.seed)
        elif self.seed is not None:
            raise InputError("seed", self.seed, "is of a random payload", "Set payload random, or remove seed.")

    def _check_slots(self) -> None:
        for at, stream in enumerate(self.streams):
            for name in _OF_ALL:
                if name in stream:
                    rule = "is of the pcap, not of one stream"
                    raise InputError(f"streams[{at}].{name}", stream[name], rule, "Set it outside of streams.")
        slots = len(self.parts) * self.rounds
        if slots > MOST_SLOTS:
            name = "streams" if self.streams else "imix"
            rule = f"make an order that repeats after {slots} frames, more than {MOST_SLOTS}"
            raise InputError(name, None, rule, "Use fewer streams, or weights with a smaller sum.")

    @cached_property
    def parts(self) -> tuple[PcapSpec, ...]:
        """The streams, each with all its parameters; this spec itself where there is one."""
        return tuple(self._stream(at) for at in range(len(self.streams))) or (self,)

    def _stream(self, at: int) -> PcapSpec:
        own = self.streams[at]
        base = {key: value for key, value in self.parameters().items() if key not in _OF_ALL}
        if own.keys() & set(LENGTHS):
            base = {key: value for key, value in base.items() if key not in LENGTHS}
        if own.get("payload", RANDOM) != RANDOM:
            base.pop("seed", None)
        try:
            return PcapSpec(**{**base, **own})
        except InputError as error:
            raise InputError(f"streams[{at}].{error.subject}", error.value, error.rule, error.hint) from None

    @property
    def count(self) -> int:
        """The number of packets."""
        return self.packets or 0

    @property
    def ports(self) -> int:
        """The number of destination ports in the range."""
        return self.last_port - self.first_port + 1

    @property
    def ip_version(self) -> int:
        """4 or 6, that of both addresses."""
        return ip_version(self.src_ip)

    @property
    def ranges(self) -> dict[str, Range]:
        """What may differ between flows, by name: src_ip, dst_ip, source_port, port."""
        last = self.source_port if self.last_source_port is None else self.last_source_port
        return {
            "src_ip": hosts(self.src_ip),
            "dst_ip": hosts(self.dst_ip),
            "source_port": Range(self.source_port, last - self.source_port + 1),
            "port": Range(self.first_port, self.ports),
        }

    @property
    def flow_count(self) -> int:
        """The number of flows of the one stream."""
        largest = max(one.size for one in self.ranges.values())
        return min(largest, MOST_DEFAULT_FLOWS) if self.flows is None else self.flows

    @property
    def own_packets(self) -> int:
        """Packets of the one stream by default: each flow and whole cycles of frame lengths."""
        return -(-self.flow_count // len(self.cycle)) * len(self.cycle)

    @property
    def rounds(self) -> int:
        """Packets of each stream after which the frame lengths of all streams repeat."""
        return math.lcm(*(len(part.cycle) for part in self.parts))

    @property
    def tags(self) -> tuple[int, ...]:
        """The VLAN identifiers, the outermost first."""
        return tuple(one for one in (self.outer_vlan, self.vlan) if one is not None)

    @property
    def ip_offset(self) -> int:
        """The offset of the IP header in the frame, in bytes."""
        return ETHERNET_HEADER + VLAN_TAG * len(self.tags)

    @property
    def l4_offset(self) -> int:
        """The offset of the TCP or UDP header in the frame, in bytes."""
        return self.ip_offset + IP_HEADERS[self.ip_version]

    @property
    def headers(self) -> int:
        """The bytes of the frame before the payload."""
        return self.l4_offset + L4_HEADERS[self.protocol]

    @cached_property
    def cycle(self) -> tuple[int, ...]:
        """The lengths of successive frames in bytes without FCS, which repeat."""
        if self.imix is not None:
            return tuple(length - FCS for length in spread({int(key): weight for key, weight in self.imix.items()}))
        if self.frame_length is not None:
            return (self.frame_length - FCS,)
        return (self.ip_offset + (self.ip_length or 0),)

    @property
    def zero_checksum(self) -> int:
        """The replacement for a TCP or UDP checksum of 0, which in UDP means no checksum (RFC 768)."""
        return 0xFFFF if self.protocol == "udp" else 0

    def payload_bytes(self, frame_length: int) -> bytes:
        """The payload of a frame (its length without FCS): the pattern, repeated and cut, or zeros if it is random."""
        room = frame_length - self.headers
        pattern = bytes(1) if self.payload == RANDOM else bytes.fromhex(self.payload)
        return (pattern * (room // len(pattern) + 1))[:room]

    def parameters(self) -> dict[str, Any]:
        """The parameters by name, as the manifest stores them; without those that are not used."""
        given = {**asdict(self), "streams": [dict(stream) for stream in self.streams]}
        return {name: value for name, value in given.items() if value is not None and value != []}

    @classmethod
    def of(cls, given: Mapping[str, object]) -> PcapSpec:
        """The spec of parameters as a user wrote them; numbers may be text, None means not given.

        InputError for a missing, unknown or invalid parameter.
        """
        converted = _converted(given)
        for name in ("protocol", "src_mac", "dst_mac"):
            if name not in converted:
                raise InputError(name, None, "must be given", f"Set {name}.")
        return cls(**converted)


NUMBERS = frozenset(
    {"ip_length", "frame_length", "first_port", "last_port", "source_port", "last_source_port"}
    | {"flows", "packets", "vlan", "outer_vlan", "seed", "ttl"}
)
"""The parameters that are whole numbers."""

PARAMETERS = tuple(field.name for field in fields(PcapSpec))
"""The names of all parameters, in the order of the dataclass."""


def _converted(given: Mapping[str, object], prefix: str = "") -> dict[str, Any]:
    """The parameters that are given, in their types; ``prefix`` is before the name in an error."""
    if not isinstance(given, Mapping):
        raise InputError(prefix.rstrip("."), given, "must be a dictionary of parameters", "Write {dst_ip: 198.19.0.2}.")
    converted: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in PARAMETERS:
            known = ", ".join(sorted(PARAMETERS))
            raise InputError(f"{prefix}{name}", value, "is not a parameter of a pcap", f"Known are: {known}.")
        if name in NUMBERS:
            converted[name] = _integer(f"{prefix}{name}", value)
        else:
            converted[name] = value if name in ("imix", "streams") else str(value)
    return converted


def _weights(given: object) -> dict[str, int]:
    """The weights of an IMIX by frame length, in ascending order."""
    pairs = [one.partition(":")[::2] for one in given.split(",")] if isinstance(given, str) else given
    try:
        found = {_integer("imix", length): _integer("imix", weight) for length, weight in dict(pairs).items()}  # type: ignore[call-overload]
    except (TypeError, ValueError, InputError):
        found = {}
    if not found or min(found.values()) < 1:
        rule = "must be frame lengths with FCS, each with a weight of 1 or more"
        raise InputError("imix", given, rule, "Use the form {64: 7, 594: 4, 1518: 1}.")
    if sum(found.values()) // math.gcd(*found.values()) > MOST_SLOTS:
        rule = f"has weights whose sum is above {MOST_SLOTS}, in lowest terms"
        raise InputError("imix", given, rule, "Use smaller weights.")
    return {str(length): found[length] for length in sorted(found)}


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
