"""Write a pcap from one template frame, streamed and atomically, by patching columns of bytes.

Packets differ only in the two bytes of the destination port, the two bytes of the checksum, and the time. A block of
records is filled with the template once. Each byte that differs is then a column of the block (a slice with the record
length as its step) that one call sets, so no packet is handled separately.

The time of packet i is i microseconds after 1970-01-01 00:00 UTC, so equal inputs give equal files.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from ..system.files import replaced
from .checksum import port_checksums
from .spec import L4_CHECKSUM_OFFSETS, PcapSpec
from .template import check_template

FILE_HEADER = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
"""Microseconds, little-endian, version 2.4; snap length and link type as in Scapy's wrpcap."""
RECORD_HEADER = struct.Struct("<IIII")
"""Seconds, microseconds, captured length, original length."""

BLOCK_BYTES = 1 << 19
"""Approximate bytes patched at once: small enough for a core's cache, large enough to keep calls few."""

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Written:
    """The size of a pcap: packets, frame bytes without FCS, bytes of the file; its SHA-256 in hex."""

    packets: int
    bytes: int
    file_bytes: int
    sha256: str

    @classmethod
    def of(cls, spec: PcapSpec, sha256: str) -> Written:
        """The size of a pcap of ``spec``, with the ``sha256`` that only its bytes tell."""
        return cls(
            packets=spec.count,
            bytes=spec.count * spec.frame_length,
            file_bytes=len(FILE_HEADER) + spec.count * (RECORD_HEADER.size + spec.frame_length),
            sha256=sha256,
        )


def write_pcap(path: str, spec: PcapSpec, template: bytes) -> Written:
    """Write the pcap of ``spec`` to ``path``; an existing file is replaced only by the complete new one.

    ``template`` is the frame to ``spec.first_port``. InputError for a template of other parameters, HostError if the
    file cannot be written.
    """
    with replaced(path) as descriptor:
        digest = hashlib.sha256()
        # Space is allocated first, so that a full disk is an error before the work, not after it.
        os.posix_fallocate(descriptor, 0, Written.of(spec, "").file_bytes)
        with open(descriptor, "wb", closefd=False) as stream:
            for part in parts(spec, template):
                stream.write(part)
                digest.update(part)
    return Written.of(spec, digest.hexdigest())


def predict_pcap(spec: PcapSpec, template: bytes) -> Written:
    """The result of ``write_pcap``, without writing."""
    digest = hashlib.sha256()
    for part in parts(spec, template):
        digest.update(part)
    return Written.of(spec, digest.hexdigest())


def parts(spec: PcapSpec, template: bytes) -> Iterator[bytes | memoryview]:
    """The bytes of the file in order, in parts of about ``BLOCK_BYTES``.

    A part is valid until the next one is requested: copy it to keep it.
    """
    check_template(spec, template)
    yield FILE_HEADER
    length = RECORD_HEADER.size + len(template)
    record = RECORD_HEADER.pack(0, 0, len(template), len(template)) + template
    count = max(1, min(spec.count, BLOCK_BYTES // length))
    block = bytearray(record * count)
    whole = memoryview(block)
    columns = _columns(spec, template, count)
    for start in range(0, spec.count, count):
        now = min(count, spec.count - start)
        end = now * length
        first = start % spec.ports
        for offset, column in columns:
            block[RECORD_HEADER.size + offset : end : length] = column[first : first + now]
        for offset, column in enumerate(_times(start, now)):
            block[offset:end:length] = column
        yield whole[:end]


def _columns(spec: PcapSpec, template: bytes, count: int) -> list[tuple[int, bytes]]:
    """The bytes of a frame that depend on the port: each offset, and its values in packet order.

    The values of one pass over the ports are repeated, so that ``count`` successive values can be cut out from any
    start in the first pass.
    """
    ports = range(spec.first_port, spec.last_port + 1)
    checksum_at = spec.l4_offset + L4_CHECKSUM_OFFSETS[spec.protocol]
    (checksum,) = struct.unpack_from(">H", template, checksum_at)
    words = (
        (spec.l4_offset + 2, array("H", ports)),
        (checksum_at, port_checksums(checksum, spec.first_port, ports, spec.zero_checksum)),
    )
    columns = []
    for offset, word in words:
        if sys.byteorder == "little":
            word.byteswap()
        raw = word.tobytes()
        repeats = 1 + -(-count // len(word))
        columns += [(offset, raw[0::2] * repeats), (offset + 1, raw[1::2] * repeats)]
    return columns


def _times(start: int, count: int) -> list[bytes]:
    """The eight bytes of the times of ``count`` packets from number ``start``, as columns."""
    seconds, microseconds = array("I"), array("I")
    while count:
        second, first = divmod(start, MICROSECONDS)
        now = min(count, MICROSECONDS - first)
        seconds.extend(array("I", [second]) * now)
        microseconds.extend(range(first, first + now))
        start, count = start + now, count - now
    if sys.byteorder == "big":
        seconds.byteswap()
        microseconds.byteswap()
    return [word.tobytes()[byte::4] for word in (seconds, microseconds) for byte in range(4)]
