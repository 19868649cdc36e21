"""Write a pcap from template frames, streamed and atomically, by patching columns of bytes.

A block of records is filled with the templates once. Each byte that differs between the frames of a slot is then a
column of the block (a slice with the length of all slots as its step) that one call sets, so that no packet is handled
separately.

The time of packet i is i microseconds after 1970-01-01 00:00 UTC, so equal inputs give equal files.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..system.files import replaced
from .columns import KEPT_BYTES, SlotPatches
from .layout import Layout
from .spec import PcapSpec
from .template import check_templates

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
    def of(cls, layout: Layout, sha256: str) -> Written:
        """The size of a pcap, with the ``sha256`` that only its bytes tell."""
        packets = layout.spec.count
        return cls(
            packets=packets,
            bytes=layout.bytes,
            file_bytes=len(FILE_HEADER) + packets * RECORD_HEADER.size + layout.bytes,
            sha256=sha256,
        )


def write_pcap(path: str, spec: PcapSpec, templates: Sequence[bytes]) -> Written:
    """Write the pcap of ``spec`` to ``path``; an existing file is replaced only by the complete new one.

    ``templates`` are those of ``build_templates``. InputError for templates of other parameters, HostError if the file
    cannot be written.
    """
    with replaced(path) as descriptor:
        digest = hashlib.sha256()
        # Space is allocated first, so that a full disk is an error before the work, not after it.
        os.posix_fallocate(descriptor, 0, Written.of(Layout.of(spec), "").file_bytes)
        with open(descriptor, "wb", closefd=False) as stream:
            for part in parts(spec, templates):
                stream.write(part)
                digest.update(part)
    return Written.of(Layout.of(spec), digest.hexdigest())


def predict_pcap(spec: PcapSpec, templates: Sequence[bytes]) -> Written:
    """The result of ``write_pcap``, without writing."""
    digest = hashlib.sha256()
    for part in parts(spec, templates):
        digest.update(part)
    return Written.of(Layout.of(spec), digest.hexdigest())


def parts(spec: PcapSpec, templates: Sequence[bytes]) -> Iterator[bytes | memoryview]:
    """The bytes of the file in order, in parts of about ``BLOCK_BYTES``.

    A part is valid until the next one is requested: copy it to keep it.
    """
    layout = Layout.of(spec)
    check_templates(layout, templates)
    yield FILE_HEADER
    slots = layout.slots
    patches = [
        SlotPatches(slot, layout.frames[slot.frame], templates[slot.frame], KEPT_BYTES // len(slots)) for slot in slots
    ]
    records = [_record(templates[slot.frame]) for slot in slots]
    ends = list(accumulate(map(len, records), initial=0))
    length = ends[-1]
    rounds = max(1, min(-(-spec.count // len(slots)), BLOCK_BYTES // length))
    block = bytearray(b"".join(records) * rounds)
    whole = memoryview(block)
    for start in range(0, spec.count, rounds * len(slots)):
        now = min(rounds * len(slots), spec.count - start)
        complete, more = divmod(now, len(slots))
        end = complete * length + ends[more]
        times = _times(start, now)
        for at, slot in enumerate(patches[:now]):
            begin, first = ends[at], start // len(slots)
            for offset, column in enumerate(times):
                block[begin + offset : end : length] = column[at :: len(slots)]
            begin += RECORD_HEADER.size
            patch = slot.patch(first, complete + (at < more))
            for offset, column in patch.columns:
                block[begin + offset : end : length] = column
            begin += layout.frames[slots[at].frame].stream.headers
            for place, payload in enumerate(patch.payloads):
                block[begin + place * length : begin + place * length + len(payload)] = payload
        yield whole[:end]


def _record(template: bytes) -> bytes:
    return RECORD_HEADER.pack(0, 0, len(template), len(template)) + template


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
