"""The frames of a pcap in memory that an XDP socket sends from, and their descriptors."""

from __future__ import annotations

import mmap
import os
import struct
import sys
from array import array
from dataclasses import dataclass

from ..errors import PcapError
from ..pcap.reader import FILE_HEADER_BYTES, MAGICS, RECORD_HEADER_BYTES, PcapSummary, read_summary
from ..system.memory import room
from .xsk import CHUNK_BYTES, DESCRIPTOR_BYTES, Region

LONGEST_FRAME = CHUNK_BYTES - 1
"""A descriptor's frame is in one chunk; kernels before 5.17 reject one that ends where its chunk ends."""
FREE_SHARE = 0.5
"""How much of the free memory a pcap may take, unless another limit is given."""
_LENGTH_SHIFT = 0 if sys.byteorder == "little" else 32
"""A descriptor's second 8 bytes are the length and the options, 32 bits each."""


@dataclass(frozen=True)
class Frames:
    """The frames of one pcap. ``descriptors`` are 16 B each: address in the region, length, options (0).

    ``times`` are nanoseconds since the first packet's, as captured and never less than the one before; None where they
    are not wanted.
    """

    region: Region
    descriptors: array[int]
    summary: PcapSummary
    times: array[int] | None = None

    @property
    def count(self) -> int:
        return self.summary.packets

    @property
    def memory_bytes(self) -> int:
        """The memory that the frames and their descriptors take."""
        times = self.times or ()
        return len(self.region.memory) + 8 * (len(self.descriptors) + len(times))

    def lengths(self, begin: int, end: int) -> array[int]:
        """The lengths in bytes of the frames ``begin`` to ``end``."""
        found = self.descriptors[2 * begin + 1 : 2 * end : 2]
        return array("Q", (number >> _LENGTH_SHIFT for number in found)) if _LENGTH_SHIFT else found

    def bytes_of(self, packets: int) -> int:
        """Bytes of the first ``packets`` frames of the pcap, which is repeated."""
        whole, rest = divmod(packets, self.count)
        return whole * self.summary.bytes + sum(self.lengths(0, rest))


def load(path: str, unaligned: bool, limit_bytes: int | None = None, timed: bool = False) -> Frames:
    """Read a pcap into memory: as it is in the file where ``unaligned``, else with no frame across two pages.

    PcapError where it is damaged, has frames that are too long, or needs more than ``limit_bytes``; by default half of
    the memory that is free.
    """
    summary = read_summary(path)
    if summary.max_frame_length > LONGEST_FRAME:
        rule = f"has a frame of {summary.max_frame_length:,} bytes; an XDP socket sends at most {LONGEST_FRAME:,}"
        raise PcapError("pcap", path, rule, "Use another engine, or shorter frames.")
    _refuse_large(path, summary, limit_bytes)
    content = _read(path, summary.file_bytes)
    descriptors = array("Q", bytes(DESCRIPTOR_BYTES * summary.packets))
    times = array("Q", bytes(8 * summary.packets)) if timed else None
    _walk(path, content, descriptors, times)
    region = Region(content, True) if unaligned else _paged(content, descriptors)
    return Frames(region, descriptors, summary, times)


def memory_limit() -> int | None:
    """The bytes that a pcap may take, unless another limit is given; None where the free memory is not known."""
    free = room()
    return None if free is None else int(FREE_SHARE * free.available)


def _refuse_large(path: str, summary: PcapSummary, limit_bytes: int | None) -> None:
    needed = summary.file_bytes + DESCRIPTOR_BYTES * summary.packets
    limit = memory_limit() if limit_bytes is None else limit_bytes
    if limit is not None and needed > limit:
        rule = f"takes {needed:,} B of memory, and the limit is {limit:,} B"
        raise PcapError("pcap", path, rule, "Send a smaller pcap in a loop, or use another engine.")


def _read(path: str, size: int) -> mmap.mmap:
    """The whole file in anonymous memory of its own, whose size is in whole chunks."""
    memory = mmap.mmap(-1, -(-size // CHUNK_BYTES) * CHUNK_BYTES)
    with open(path, "rb", buffering=0) as file, memoryview(memory) as view:
        at = 0
        while at < size and (got := file.readinto(view[at:size])):
            at += got
        if at < size or os.fstat(file.fileno()).st_size != size:
            raise _changed(path)
    return memory


def _walk(path: str, content: mmap.mmap, descriptors: array[int], times: array[int] | None) -> None:
    """Fill in the descriptors, and the times where they are wanted, of a file that was validated before."""
    order, nanosecond = MAGICS[content[:4]]
    record, unit = struct.Struct(f"{order}III").unpack_from, 1 if nanosecond else 1000
    at, first, latest = FILE_HEADER_BYTES, None, 0
    try:
        for place in range(0, len(descriptors), 2):
            seconds, fraction, length = record(content, at)
            descriptors[place] = at + RECORD_HEADER_BYTES
            descriptors[place + 1] = length << _LENGTH_SHIFT
            at += RECORD_HEADER_BYTES + length
            if times is not None:
                now = 1_000_000_000 * seconds + unit * fraction
                first = now if first is None else first
                latest = times[place // 2] = max(latest, now - first)
    except struct.error as error:
        raise _changed(path) from error
    if not 0 <= len(content) - at < CHUNK_BYTES:
        raise _changed(path)


def _changed(path: str) -> PcapError:
    return PcapError("pcap", path, "changed while it was read", "Do not write to it while it is sent.")


def _paged(content: mmap.mmap, descriptors: array[int]) -> Region:
    """The frames in memory in which each is within one page, as drivers and older kernels need it."""
    places, end = array("Q"), 0
    for length in descriptors[1::2]:
        size = length >> _LENGTH_SHIFT
        if end % CHUNK_BYTES + size >= CHUNK_BYTES:
            end += -end % CHUNK_BYTES
        places.append(end)
        end += size
    memory = mmap.mmap(-1, end + -end % CHUNK_BYTES)
    for number, place in enumerate(places):
        start, size = descriptors[2 * number], descriptors[2 * number + 1] >> _LENGTH_SHIFT
        memory[place : place + size] = content[start : start + size]
        descriptors[2 * number] = place
    content.close()
    return Region(memory, False)
