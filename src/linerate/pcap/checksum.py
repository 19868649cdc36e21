"""The Internet checksum: from the start, and for a run of destination ports at once."""

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
    """The checksum for each of ``ports``, which ascend by one, when ``checksum`` is the one for ``old_port``.

    RFC 1624 equation 3, HC' = ~(~HC + ~m + m'), in which only m' differs between the ports. As m'
    grows by one, so does the one's complement sum, which goes round from 0xFFFF to 1: it is never
    0 because no port is, so HC' is never 0xFFFF. ``zero`` is what is written for a checksum of 0:
    0xFFFF in UDP, where 0 says that there is none (RFC 768), 0 in TCP. As an old checksum, 0 and
    0xFFFF are the same number.
    """
    constant = fold((~checksum & WORD) + (~old_port & WORD))
    # Below `turn`, constant + port needs no end-around carry, and HC' is 0xFFFF - (constant + port).
    turn = min(max(WORD + 1 - constant, ports.start), ports.stop)
    before = WORD - constant
    after = before + WORD
    column = array("H", range(before - ports.start, before - turn, -1))
    column.extend(range(after - turn, after - ports.stop, -1))
    # The sums of at most 65,535 neighbouring ports all differ, so there is one 0 at most.
    if zero and 0 in column:
        column[column.index(0)] = zero
    return column
