"""The Internet checksum of data, and its update for a range of destination ports at once."""

from __future__ import annotations

import struct
from array import array

WORD = 0xFFFF


def fold(total: int) -> int:
    """The one's complement sum of 16-bit words from their plain sum: carries are added back in (RFC 1071)."""
    while total > WORD:
        total = (total >> 16) + (total & WORD)
    return total


def internet_checksum(data: bytes) -> int:
    """The checksum of ``data`` (RFC 1071 section 1), an odd last byte counting as the high one of its word."""
    padded = data + bytes(len(data) % 2)
    return ~fold(sum(struct.unpack(f">{len(padded) // 2}H", padded))) & WORD


def port_checksums(checksum: int, old_port: int, ports: range, zero: int) -> array[int]:
    """The checksum for each of ``ports``, which ascend by one, given the ``checksum`` for ``old_port``.

    RFC 1624 equation 3 is HC' = ~(~HC + ~m + m'), where only m' depends on the port. As m' grows by one, so does the
    one's complement sum, which wraps from 0xFFFF to 1. It is never 0 because no port is 0, so HC' is never 0xFFFF.
    ``zero`` replaces a checksum of 0: 0xFFFF in UDP, where 0 means no checksum (RFC 768), and 0 in TCP. As an old
    checksum, 0 and 0xFFFF are equivalent.
    """
    constant = fold((~checksum & WORD) + (~old_port & WORD))
    # Below `turn`, constant + port needs no end-around carry, and HC' is 0xFFFF - (constant + port).
    turn = min(max(WORD + 1 - constant, ports.start), ports.stop)
    before = WORD - constant
    after = before + WORD
    column = array("H", range(before - ports.start, before - turn, -1))
    column.extend(range(after - turn, after - ports.stop, -1))
    # The sums of at most 65,535 successive ports all differ, so at most one checksum is 0.
    if zero and 0 in column:
        column[column.index(0)] = zero
    return column
