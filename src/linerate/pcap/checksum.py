"""The Internet checksum of data, and those of many frames at once.

One Python integer holds a 16-bit word of each frame, in lanes of 32 bits, so that one addition adds a word of every
frame.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence

WORD = 0xFFFF
LANE = 4
"""Bytes of a lane: a sum of words needs more than their 16 bits."""


def fold(total: int) -> int:
    """The one's complement sum of 16-bit words from their plain sum: carries are added back in (RFC 1071)."""
    while total > WORD:
        total = (total >> 16) + (total & WORD)
    return total


def internet_checksum(data: bytes) -> int:
    """The checksum of ``data`` (RFC 1071 section 1), an odd last byte counting as the high one of its word."""
    padded = data + bytes(len(data) % 2)
    return ~fold(sum(struct.unpack(f">{len(padded) // 2}H", padded))) & WORD


def sum_without(checksum: int, words: Sequence[int]) -> int:
    """The one's complement sum of the data that has this checksum, without ``words`` (RFC 1624 equation 3); never 0."""
    # 0 and 0xFFFF are equivalent, and a sum of 0 would need data that is all zero.
    return fold(sum(~word & WORD for word in (checksum, *words))) or WORD


def repeated(word: int, count: int) -> int:
    """``count`` lanes of the same word."""
    return int.from_bytes(word.to_bytes(LANE, "little") * count, "little")


def lanes(words: array[int]) -> int:
    """The words, each in a lane."""
    wide = array("I", words)
    if sys.byteorder == "big":
        wide.byteswap()
    return int.from_bytes(wide.tobytes(), "little")


def checksums(total: int, count: int, zero: int) -> array[int]:
    """The checksums of ``count`` sums in lanes, each of at most 2**15 words and above 0.

    ``zero`` replaces a checksum of 0: 0xFFFF in UDP, where 0 means no checksum (RFC 768), and 0 in TCP and IP.
    """
    mask = repeated(WORD, count)
    for _ in range(2):
        total = (total & mask) + ((total >> 16) & mask)
    wide = array("I", (total ^ mask).to_bytes(LANE * count, "little"))
    if sys.byteorder == "big":
        wide.byteswap()
    column = array("H", wide)
    if zero:
        while 0 in column:
            column[column.index(0)] = zero
    return column
