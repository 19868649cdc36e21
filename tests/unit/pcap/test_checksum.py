"""The checksums of a range of ports against the plain sum (RFC 1071), for every port."""

from __future__ import annotations

import struct
from array import array

import pytest

from linerate.pcap.checksum import checksums, internet_checksum, lanes, repeated, sum_without

# The sum of all words except the port. It is never 0, since the pseudo header is not all zero.
OTHER_WORDS = [1, 2, 0x7FFF, 0x8000, 0xFBFF, 0xFFFD, 0xFFFE, 0xFFFF]


def plain_checksum(other, port, zero):
    total = other + port
    return (~((total >> 16) + (total & 0xFFFF)) & 0xFFFF) or zero


def port_checksums(checksum, old_port, ports, zero):
    """The checksums of frames that differ from one of ``checksum`` and ``old_port`` in their port only."""
    rest = sum_without(checksum, [old_port])
    return checksums(repeated(rest, len(ports)) + lanes(array("H", ports)), len(ports), zero)


@pytest.mark.parametrize("zero", [0, 0xFFFF])
@pytest.mark.parametrize("old_port", [1, 1024, 0x7FFF, 0xFFFF])
@pytest.mark.parametrize("other", OTHER_WORDS)
def test_every_port(other, old_port, zero):
    ports = range(1, 65_536)
    patched = port_checksums(plain_checksum(other, old_port, zero), old_port, ports, zero)
    assert list(patched) == [plain_checksum(other, port, zero) for port in ports]


@pytest.mark.parametrize("ports", [range(1, 2), range(65_535, 65_536), range(0x8000, 0x8002), range(0x7FFE, 0x7FFF)])
@pytest.mark.parametrize("other", OTHER_WORDS)
def test_short_ranges(other, ports):
    patched = port_checksums(plain_checksum(other, 4000, 0), 4000, ports, 0)
    assert list(patched) == [plain_checksum(other, port, 0) for port in ports]


def test_rfc_1624_example():
    """Section 4: checksum DD2F and word 5555 -> 3285 must give 0, where RFC 1141 gave FFFF."""
    assert list(port_checksums(0xDD2F, 0x5555, range(0x3285, 0x3286), 0)) == [0]


def test_rfc_1071_example():
    """Section 3: the bytes 00 01 F2 03 F4 F5 F6 F7 sum up to DDF2."""
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF


def test_odd_length_is_padded_at_the_end():
    assert internet_checksum(b"\x12\x34\x56") == internet_checksum(struct.pack(">HH", 0x1234, 0x5600))
