"""Read a pcap to its end: a summary of its frames, or the error in it."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from ..errors import PcapError
from ..units import ETHERNET_HEADER, VLAN_TAG
from .destinations import AllowedDestinations
from .headers import IPV4, TUNNEL_PORTS, TYPE_OFFSET, VLAN_TAGS

FILE_HEADER_BYTES = 24
RECORD_HEADER_BYTES = 16
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", False),
    b"\xa1\xb2\xc3\xd4": (">", False),
    b"\x4d\x3c\xb2\xa1": ("<", True),
    b"\xa1\xb2\x3c\x4d": (">", True),
}
"""Byte order and nanosecond times by the first four bytes of a file (draft-ietf-opsawg-pcap section 4)."""
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
VERSION = (2, 4)
LINKTYPE_ETHERNET = 1
MIN_FRAME = 14
MAX_FRAME = 262_144
"""MAXIMUM_SNAPLEN of libpcap, which treats a longer record as a damaged file."""
READ_BYTES = 1 << 20
HEAD, TAGGED_HEAD = struct.Struct(">6s6x3s8xB6x4s2xH"), struct.Struct(">6s6x2s2x3s8xB6x4s2xH")
"""Of an IPv4 packet: destination MAC, EtherType (after one 802.1Q tag), first byte, protocol, destination, port."""
PLAIN_IPV4, PORTS = IPV4 + b"\x45", (6, 17)
"""EtherType and first byte of an IPv4 packet without options, which may be a source route; protocols with ports."""
LONGEST_HEAD = 256
"""Bytes of a frame that are read to find its destination: room for about fifty VLAN tags."""
MOST_SEEN = 100_000
"""Destinations, each with a port, that are cached; the limit bounds the memory."""
RECREATE = "Create the pcap again."
CONVERT = "Convert it: linerate pcap --from IN OUT, or let pcaps_set do it: {name: ..., src: IN}."
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"\x28\xb5": "Zstandard"}
"""Compressed files by their first two bytes."""
NOT_ALLOWED = (
    "A replay is a flood: correct the pcap's addresses (pcaps_dst_ip, pcaps_dst_mac; of a capture: rewrite), or add "
    "this destination to linerate_allow_destinations if you may flood it."
)


@dataclass(frozen=True)
class PcapSummary:
    """The contents of a valid pcap. Lengths in bytes without FCS, ``sha256`` in hex."""

    packets: int
    bytes: int
    file_bytes: int
    min_frame_length: int
    mean_frame_length: float
    max_frame_length: int
    longest_payload: int
    """The longest payload after the Ethernet header and one 802.1Q tag, which the MTU limits."""
    nanosecond: bool
    sha256: str


def read_summary(path: str, allowed: AllowedDestinations | None = None) -> PcapSummary:
    """Read all records of an Ethernet pcap, in bounded memory.

    PcapError for a pcap that tcpreplay would send wrongly, in part or not at all, mostly without an error: another
    format or link type, a truncated file, a record longer than any frame, a record truncated by the capture, no record.
    PcapError also for a frame whose destination is not ``allowed``.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PcapError("pcap", path, "is not a regular file", "Use the path of a file.")
        with open(path, "rb", buffering=0) as stream:
            return _Walk(path, allowed).through(stream)
    except OSError as error:
        raise PcapError(
            "pcap", path, f"cannot be read: {error.strerror}", "Use the path of an existing file."
        ) from error


class _Walk:
    """One pass over a file, in large chunks; ``packets`` and the other counts are of the records so far."""

    def __init__(self, path: str, allowed: AllowedDestinations | None) -> None:
        self._path, self._allowed = path, allowed
        self._seen: set[tuple[Any, ...]] = set()
        self.packets = self.bytes = self.longest = self.payload = 0
        self.shortest = MAX_FRAME

    def through(self, stream: BinaryIO) -> PcapSummary:
        digest = hashlib.sha256()
        header = stream.read(FILE_HEADER_BYTES)
        digest.update(header)
        order, nanosecond = _file_header(self._path, header)
        lengths = struct.Struct(f"{order}8xII")
        position, rest = len(header), b""
        while chunk := stream.read(READ_BYTES):
            digest.update(chunk)
            data = rest + chunk
            taken = self._records(data, lengths, position)
            position += taken
            rest = data[taken:]
        if rest:
            where = f"record {self.packets + 1} at byte {position}"
            raise PcapError("pcap", self._path, f"is truncated in {where}", RECREATE)
        if not self.packets:
            raise PcapError("pcap", self._path, "holds no packet", RECREATE)
        return PcapSummary(
            packets=self.packets,
            bytes=self.bytes,
            file_bytes=position,
            min_frame_length=self.shortest,
            mean_frame_length=self.bytes / self.packets,
            max_frame_length=self.longest,
            longest_payload=self.payload,
            nanosecond=nanosecond,
            sha256=digest.hexdigest(),
        )

    def _records(self, data: bytes, lengths: struct.Struct, position: int) -> int:
        """Process the complete records in ``data``; their size in bytes."""
        at, size = 0, len(data)
        unpack, head, allowed, seen, last = lengths.unpack_from, HEAD.unpack_from, self._allowed, self._seen, 0
        while at + RECORD_HEADER_BYTES <= size:
            captured, original = unpack(data, at)
            if captured != original or not MIN_FRAME <= captured <= MAX_FRAME:
                raise _bad_record(self._path, self.packets, position + at, captured, original)
            start = at + RECORD_HEADER_BYTES
            end = start + captured
            if end > size:
                break
            self.packets += 1
            self.bytes += captured
            if captured != last:
                last = captured
                self.shortest, self.longest = min(self.shortest, captured), max(self.longest, captured)
            if captured - ETHERNET_HEADER > self.payload:
                self._note_payload(captured, data[start + TYPE_OFFSET : start + TYPE_OFFSET + 2])
            if allowed and (captured < HEAD.size or head(data, start) not in seen):
                self._admit(allowed, data[start : min(end, start + LONGEST_HEAD)])
            at = end
        return at

    def _note_payload(self, captured: int, ethertype: bytes) -> None:
        """The MTU excludes one 802.1Q tag (net/packet/af_packet.c, packet_extra_vlan_len_allowed)."""
        carried = captured - ETHERNET_HEADER - (VLAN_TAG if ethertype == VLAN_TAGS[0] else 0)
        self.payload = max(self.payload, carried)

    def _admit(self, allowed: AllowedDestinations, frame: bytes) -> None:
        """Refuse a frame that must not be sent; later IPv4 frames with the same header skip the test."""
        head = TAGGED_HEAD if frame[TYPE_OFFSET : TYPE_OFFSET + 2] == VLAN_TAGS[0] else HEAD
        key = head.unpack_from(frame) if len(frame) >= head.size else ()
        if key in self._seen:
            return
        complaint = allowed.complaint(frame)
        if complaint:
            raise PcapError("pcap", self._path, f"packet {self.packets:,} {complaint}", NOT_ALLOWED)
        plain = key and key[-4] == PLAIN_IPV4 and key[-3] in PORTS and key[-1] not in TUNNEL_PORTS
        if plain and len(self._seen) < MOST_SEEN:
            self._seen.add(key)


def _file_header(path: str, header: bytes) -> tuple[str, bool]:
    """The byte order for ``struct``, and whether times are in nanoseconds."""
    magic = header[:4]
    if magic == PCAPNG_MAGIC:
        raise PcapError("pcap", path, "is a pcapng file", CONVERT)
    if magic[:2] in COMPRESSED:
        raise PcapError("pcap", path, f"is not a pcap file, it is compressed ({COMPRESSED[magic[:2]]})", CONVERT)
    if magic not in MAGICS:
        raise PcapError("pcap", path, f"is not a pcap file, it starts with {magic.hex() or 'nothing'}", RECREATE)
    if len(header) < FILE_HEADER_BYTES:
        raise PcapError("pcap", path, f"is truncated in its header of {FILE_HEADER_BYTES} bytes", RECREATE)
    order, nanosecond = MAGICS[magic]
    major, minor, linktype = struct.unpack_from(f"{order}4xHH12xI", header)
    if (major, minor) != VERSION:
        raise PcapError("pcap", path, f"is of format version {major}.{minor}, not 2.4", RECREATE)
    if linktype != LINKTYPE_ETHERNET:
        raise PcapError("pcap", path, f"has link type {linktype}, not Ethernet (1) without FCS", CONVERT)
    return order, nanosecond


def _bad_record(path: str, packets: int, position: int, captured: int, original: int) -> PcapError:
    where = f"record {packets + 1} at byte {position}"
    if not MIN_FRAME <= captured <= MAX_FRAME:
        return PcapError(
            "pcap", path, f"has a frame of {captured} bytes in {where}, not {MIN_FRAME} to {MAX_FRAME}", RECREATE
        )
    hint = "Capture complete frames (tcpdump --snapshot-length=0)."
    if captured > original:
        hint = f"What captured it has added bytes of its own. {CONVERT}"
    return PcapError("pcap", path, f"holds {captured} of {original} bytes of the frame in {where}", hint)
