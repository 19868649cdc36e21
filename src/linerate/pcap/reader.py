"""Walks a pcap to its exact end and says what it holds, or what is wrong with it."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import PcapError
from ..units import ETHERNET_HEADER, VLAN_TAG
from .destinations import IPV4, VLAN_TAGS, AllowedDestinations

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
"""libpcap's MAXIMUM_SNAPLEN: it takes a longer record for a damaged file."""
READ_BYTES = 1 << 20
TYPE_OFFSET = 12
HEAD, TAGGED_HEAD = struct.Struct("6s6x2s16x4s"), struct.Struct("6s6x2s2x2s16x4s")
"""Destination MAC, EtherType (behind that of one 802.1Q tag) and what is the destination in an IPv4 packet."""
LONGEST_HEAD = 256
"""What is looked at of a frame to see where it goes: room for some fifty VLAN tags."""
MOST_SEEN = 100_000
"""Different destinations that are remembered, so that memory stays bounded."""
REMAKE = "Make the pcap again."
NOT_ALLOWED = (
    "A replay is a flood: correct the pcap's addresses (pcaps_dst_ip, pcaps_dst_mac), or add this destination to "
    "linerate_allow_destinations if it is yours to flood."
)


@dataclass(frozen=True)
class PcapSummary:
    """What a whole, usable pcap holds; lengths in bytes without FCS, ``sha256`` in hex."""

    packets: int
    bytes: int
    file_bytes: int
    min_frame_length: int
    mean_frame_length: float
    max_frame_length: int
    longest_payload: int
    """The most that a frame carries behind its Ethernet header and one 802.1Q tag: what an MTU bounds."""
    nanosecond: bool
    sha256: str


def read_summary(path: str, allowed: AllowedDestinations | None = None) -> PcapSummary:
    """Walk all records of an Ethernet pcap, in bounded memory.

    Raises ``PcapError`` for whatever tcpreplay would send wrongly, cut short or not at all, mostly
    without saying so: another format or link type, a cut file, a record longer than any frame, a
    record that was cut when captured, no record; and for a frame to where ``allowed`` does not let it go.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PcapError("pcap", path, "is not a regular file", "Name a file.")
        with open(path, "rb", buffering=0) as stream:
            return _Walk(path, allowed).through(stream)
    except OSError as error:
        raise PcapError("pcap", path, f"cannot be read: {error.strerror}", "Name a file that exists.") from error


class _Walk:
    """One pass over a file, in big pieces; ``packets`` and the rest are of the records taken so far."""

    def __init__(self, path: str, allowed: AllowedDestinations | None) -> None:
        self._path, self._allowed = path, allowed
        self._seen: set[tuple[bytes, ...]] = set()
        self.packets = self.bytes = self.longest = self.payload = 0
        self.shortest = MAX_FRAME

    def through(self, stream: BinaryIO) -> PcapSummary:
        digest = hashlib.sha256()
        header = stream.read(FILE_HEADER_BYTES)
        digest.update(header)
        order, nanosecond = _file_header(self._path, header)
        lengths = struct.Struct(f"{order}8xII")
        position, rest = len(header), b""
        while piece := stream.read(READ_BYTES):
            digest.update(piece)
            data = rest + piece
            taken = self._records(data, lengths, position)
            position += taken
            rest = data[taken:]
        if rest:
            where = f"record {self.packets + 1} at byte {position}"
            raise PcapError("pcap", self._path, f"is cut within {where}", REMAKE)
        if not self.packets:
            raise PcapError("pcap", self._path, "holds no packet", REMAKE)
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
        """Take the records that are whole in ``data``; how many bytes that was."""
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
        """One 802.1Q tag may come on top of the MTU (net/packet/af_packet.c, packet_extra_vlan_len_allowed)."""
        carried = captured - ETHERNET_HEADER - (VLAN_TAG if ethertype == VLAN_TAGS[0] else 0)
        self.payload = max(self.payload, carried)

    def _admit(self, allowed: AllowedDestinations, frame: bytes) -> None:
        """Refuse a frame that must not be sent; an IPv4 frame like it passes without another look."""
        head = TAGGED_HEAD if frame[TYPE_OFFSET : TYPE_OFFSET + 2] == VLAN_TAGS[0] else HEAD
        key = head.unpack_from(frame) if len(frame) >= head.size else ()
        if key in self._seen:
            return
        complaint = allowed.complaint(frame)
        if complaint:
            raise PcapError("pcap", self._path, f"packet {self.packets:,} {complaint}", NOT_ALLOWED)
        if key and key[-2] == IPV4 and len(self._seen) < MOST_SEEN:
            self._seen.add(key)


def _file_header(path: str, header: bytes) -> tuple[str, bool]:
    """Byte order for ``struct``, and whether times are in nanoseconds."""
    magic = header[:4]
    if magic == PCAPNG_MAGIC:
        raise PcapError("pcap", path, "is a pcapng file", "Convert it: editcap -F pcap IN OUT.")
    if magic not in MAGICS:
        raise PcapError("pcap", path, f"is no pcap file, it starts with {magic.hex() or 'nothing'}", REMAKE)
    if len(header) < FILE_HEADER_BYTES:
        raise PcapError("pcap", path, f"is cut within its header of {FILE_HEADER_BYTES} bytes", REMAKE)
    order, nanosecond = MAGICS[magic]
    major, minor, linktype = struct.unpack_from(f"{order}4xHH12xI", header)
    if (major, minor) != VERSION:
        raise PcapError("pcap", path, f"is of format version {major}.{minor}, not 2.4", REMAKE)
    if linktype != LINKTYPE_ETHERNET:
        raise PcapError(
            "pcap", path, f"has link type {linktype}, not Ethernet (1) without FCS", "Capture on an Ethernet interface."
        )
    return order, nanosecond


def _bad_record(path: str, packets: int, position: int, captured: int, original: int) -> PcapError:
    where = f"record {packets + 1} at byte {position}"
    if not MIN_FRAME <= captured <= MAX_FRAME:
        return PcapError(
            "pcap", path, f"has a frame of {captured} bytes in {where}, not {MIN_FRAME} to {MAX_FRAME}", REMAKE
        )
    return PcapError(
        "pcap",
        path,
        f"holds {captured} of {original} bytes of the frame in {where}",
        "Capture whole frames (tcpdump --snapshot-length=0).",
    )
