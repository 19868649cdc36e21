"""What differs between the frames of a slot: addresses, ports, random payloads and checksums.

Each byte of them but the payloads is a column: its values in successive frames.
"""

from __future__ import annotations

import math
import random
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .checksum import WORD, checksums, lanes, repeated, sum_without
from .layout import Frame, Slot
from .spec import RANDOM
from .template import L4_CHECKSUM_OFFSETS

KEPT_BYTES = 16 << 20
"""Columns of all slots are kept where they repeat and need at most so much memory."""
IP_CHECKSUM_OFFSET = 10

Columns = list[tuple[int, bytes]]
"""Offsets in the frame, each with the byte of successive frames."""


class Patch(NamedTuple):
    """What to write over copies of the template. ``payloads`` is empty where all frames have that of the template."""

    columns: Columns
    payloads: Sequence[bytes] = ()


class SlotPatches:
    """The patches of one slot, whose frames are copies of ``template``, for ascending frame numbers."""

    def __init__(self, slot: Slot, frame: Frame, template: bytes, kept_bytes: int) -> None:
        """``kept_bytes`` is the memory for columns that repeat."""
        self._slot, self._spec, self._frame = slot, frame.stream, frame
        self._words = list(_varying(frame))
        self._l4_at = self._spec.l4_offset + L4_CHECKSUM_OFFSETS[self._spec.protocol]
        self._ip_at = self._spec.ip_offset + IP_CHECKSUM_OFFSET
        self._l4_rest = _rest(template, self._l4_at, [at for at, _ in self._words])
        self._ip_words = [at for at, _ in self._words if at < self._spec.l4_offset]
        self._ip_rest = _rest(template, self._ip_at, self._ip_words)
        self._random = None
        if self._spec.payload == RANDOM and frame.payload_length:
            # Equal seeds give equal files; nothing is secret.
            self._random = random.Random(f"{self._spec.seed} {slot.part} {slot.turn}")  # noqa: S311
        period = self._spec.flow_count // math.gcd(self._spec.flow_count, slot.turns)
        # A kept column has a second half of at most the same size, to cut from any start.
        keep = self._random is None and 2 * period * 2 * (len(self._words) + 2) <= kept_bytes
        self._period = period if keep else 0
        self._kept = self._computed(0, period).columns if keep else []
        self._tiled = 0

    def patch(self, first: int, count: int) -> Patch:
        """The patch of ``count`` frames from the slot's frame number ``first``."""
        if not self._period:
            return self._computed(first, count)
        self._tile(count)
        start = first % self._period
        return Patch([(offset, column[start : start + count]) for offset, column in self._kept])

    def _tile(self, count: int) -> None:
        """Repeat the kept columns so that ``count`` bytes can be cut from any start in the first period."""
        if count > self._tiled:
            repeats = 1 + -(-count // self._period)
            self._kept = [(offset, column[: self._period] * repeats) for offset, column in self._kept]
            self._tiled = count

    def _computed(self, first: int, count: int) -> Patch:
        turn, turns = self._slot.turn, self._slot.turns
        numbers = range(turn + turns * first, turn + turns * (first + count), turns)
        flows = self._spec.flow_count
        # A range is faster than a list, and it is enough where no flow repeats.
        indices = [number % flows for number in numbers] if numbers[-1] >= flows else numbers
        words = {at: array("H", values(indices)) for at, values in self._words}
        found = [column for at, word in words.items() for column in _bytes_of(at, word)]
        sums = {at: lanes(word) for at, word in words.items()}
        if self._ip_words and self._spec.ip_version == 4:
            total = repeated(self._ip_rest, count) + sum(sums[at] for at in self._ip_words)
            found += _bytes_of(self._ip_at, checksums(total, count, 0))
        payloads = self._payloads(count)
        if words or payloads:
            total = repeated(self._l4_rest, count) + sum(sums.values()) + _sums(payloads)
            found += _bytes_of(self._l4_at, checksums(total, count, self._spec.zero_checksum))
        return Patch(found, payloads)

    def _payloads(self, count: int) -> list[bytes]:
        """The next random payloads."""
        if self._random is None:
            return []
        length = self._frame.payload_length
        # Whole words of the generator, so that the payloads do not depend on how many are taken at once.
        stride = length + -length % 4
        data = self._random.randbytes(stride * count)
        return [data[at : at + length] for at in range(0, stride * count, stride)]


def _sums(payloads: Sequence[bytes]) -> int:
    """The one's complement sums of the payloads, in lanes."""
    # A number modulo 0xFFFF is that sum of its 16-bit words; an odd last byte is the high one of its word.
    odd = 8 * (len(payloads[0]) % 2) if payloads else 0
    return lanes(array("H", [(int.from_bytes(one, "big") << odd) % WORD for one in payloads]))


def _varying(frame: Frame) -> Iterator[tuple[int, Callable[[range | list[int]], Iterator[int] | range]]]:
    """The 16-bit words that differ between flows: offset, and the function from flow numbers to values."""
    spec = frame.stream
    ip_bytes = 4 if spec.ip_version == 4 else 16
    fields = (
        ("src_ip", spec.l4_offset - 2 * ip_bytes, ip_bytes),
        ("dst_ip", spec.l4_offset - ip_bytes, ip_bytes),
        ("source_port", spec.l4_offset, 2),
        ("port", spec.l4_offset + 2, 2),
    )
    for name, at, size in fields:
        used = spec.ranges[name].used(spec.flow_count)
        last = used.first + used.size - 1
        for offset in range(0, size, 2):
            shift = 8 * (size - 2 - offset)
            if used.first >> shift != last >> shift:
                yield at + offset, _values(used.first, used.size, shift)


def _values(first: int, size: int, shift: int) -> Callable[[range | list[int]], Iterator[int] | range]:
    def values(indices: range | list[int]) -> Iterator[int] | range:
        if not shift and isinstance(indices, range) and indices[-1] < size and first + size <= WORD + 1:
            return range(first + indices.start, first + indices.stop, indices.step)
        return ((first + index % size) >> shift & WORD for index in indices)

    return values


def _rest(template: bytes, checksum_at: int, words: list[int]) -> int:
    """The sum of all that the checksum of ``template`` covers but the words at these offsets."""
    checksum, *known = (int.from_bytes(template[at : at + 2], "big") for at in (checksum_at, *words))
    return sum_without(checksum, known)


def _bytes_of(at: int, words: array[int]) -> Columns:
    """The two columns of a word at offset ``at``."""
    big = words[:]
    if sys.byteorder == "little":
        big.byteswap()
    raw = big.tobytes()
    return [(at, raw[0::2]), (at + 1, raw[1::2])]
