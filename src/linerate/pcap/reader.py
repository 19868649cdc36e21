"""Walks a pcap to its exact end and says what it holds, or what is wrong with it."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import PcapError

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
REMAKE = "Make the pcap again."


@dataclass(frozen=True)
class PcapSummary:
    """What a whole, usable pcap holds; lengths in bytes without FCS, ``sha256`` in hex."""

    packets: int
    bytes: int
    file_bytes: int
    min_frame_length: int
    mean_frame_length: float
    max_frame_length: int
    nanosecond: bool
    sha256: str


def read_summary(path: str) -> PcapSummary:
    """Walk all records of an Ethernet pcap, in bounded memory.

    Raises ``PcapError`` for whatever tcpreplay would send wrongly, cut short or not at all, mostly
    without saying so: another format or link type, a cut file, a record longer than any frame, a
    record that was cut when captured, no record.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PcapError("pcap", path, "is not a regular file", "Name a file.")
        with open(path, "rb", buffering=0) as stream:
            return _walk(path, stream)
    except OSError as error:
        raise PcapError("pcap", path, f"cannot be read: {error.strerror}", "Name a file that exists.") from error


def _walk(path: str, stream: BinaryIO) -> PcapSummary:
    """Read big pieces, and take the records that are whole in what is there so far."""
    digest = hashlib.sha256()
    header = stream.read(FILE_HEADER_BYTES)
    digest.update(header)
    order, nanosecond = _file_header(path, header)
    lengths = struct.Struct(f"{order}8xII")
    packets = total = longest = 0
    shortest = MAX_FRAME
    position = len(header)
    rest = b""
    while piece := stream.read(READ_BYTES):
        digest.update(piece)
        data = rest + piece
        at, size = 0, len(data)
        while at + RECORD_HEADER_BYTES <= size:
            captured, original = lengths.unpack_from(data, at)
            if captured != original or not MIN_FRAME <= captured <= MAX_FRAME:
                raise _bad_record(path, packets, position + at, captured, original)
            end = at + RECORD_HEADER_BYTES + captured
            if end > size:
                break
            packets += 1
            total += captured
            if captured < shortest:
                shortest = captured
            if captured > longest:
                longest = captured
            at = end
        position += at
        rest = data[at:]
    if rest:
        raise PcapError("pcap", path, f"is cut within record {packets + 1} at byte {position}", REMAKE)
    if not packets:
        raise PcapError("pcap", path, "holds no packet", REMAKE)
    return PcapSummary(packets, total, position, shortest, total / packets, longest, nanosecond, digest.hexdigest())


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
