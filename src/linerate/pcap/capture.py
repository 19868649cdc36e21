"""Read the packets of any capture file: pcap in every form, or pcapng, also compressed. Memory is bounded."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader
from typing import Callable, NamedTuple

from ..errors import PcapError

SUBJECT = "capture"
CAPTURE_AGAIN = "Capture it again with tcpdump -w or dumpcap."
SALVAGE = "Keep the packets before it: tcprewrite --infile=IN --outfile=OUT, then use OUT."

NANOSECONDS = 1_000_000_000
MAX_RECORD = 262_144
"""MAXIMUM_SNAPLEN of libpcap, which treats a longer record as a damaged file."""
_MAX_BLOCK = 1 << 24
"""The longest block that libpcap accepts."""

_COMPRESSED: dict[bytes, Callable[[BufferedReader], BufferedIOBase]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZ": bz2.BZ2File,
    b"\xfd7": lzma.LZMAFile,
}
"""How a stream is decompressed, by its first two bytes."""
_ZSTANDARD = b"\x28\xb5\x2f\xfd"

_PCAP = {0xA1B2C3D4: (1000, 0), 0xA1B23C4D: (1, 0), 0xA1B2CD34: (1000, 8)}
"""Nanoseconds in a unit of time, and further bytes of a record header, by magic (libpcap, sf-pcap.c)."""
_FCS_PRESENT, _FCS_SHIFT = 0x04000000, 28
"""The bits of the link type with the FCS length, in words of 16 bits (draft-ietf-opsawg-pcap section 4)."""

_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_OPTION_RESOLUTION, _OPTION_FCS, _OPTION_OFFSET = 9, 13, 14
_BINARY_RESOLUTION = 0x80


class Packet(NamedTuple):
    """One packet of a capture: ``nanoseconds`` since 1970, the ``original`` length on the wire, the captured data.

    ``fcs`` are the bytes of FCS at the end of a complete packet.
    """

    number: int
    nanoseconds: int
    original: int
    linktype: int
    fcs: int
    data: bytes


def packets(path: str) -> Iterator[Packet]:
    """The packets of the capture ``path`` in the order of the file.

    PcapError for a file that is no capture, or is damaged; the packets before the damage have been returned by then.
    """
    try:
        with _opened(path) as stream:
            magic = stream.read(4)
            if magic == struct.pack(">I", _SECTION):
                yield from _Pcapng(path, stream).packets()
            else:
                yield from _pcap(path, stream, magic)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise PcapError(SUBJECT, path, f"is compressed and damaged ({error})", "Copy or compress it again.") from error
    except OSError as error:
        rule = f"cannot be read: {error.strerror or error}"
        raise PcapError(SUBJECT, path, rule, "Use the path of an existing file.") from error


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BufferedIOBase]:
    if os.path.exists(path) and not os.path.isfile(path):
        raise PcapError(SUBJECT, path, "is not a regular file", "Use the path of a file.")
    with open(path, "rb") as stream:
        magic = stream.read(4)
        stream.seek(0)
        if magic == _ZSTANDARD:
            raise PcapError(SUBJECT, path, "is compressed with Zstandard", "Decompress it: zstd -d FILE.")
        decompress = _COMPRESSED.get(magic[:2])
        yield decompress(stream) if decompress else stream


def _cut(path: str, number: int) -> PcapError:
    return PcapError(SUBJECT, path, f"ends within packet {number:,}", SALVAGE)


def _pcap(path: str, stream: BufferedIOBase, magic: bytes) -> Iterator[Packet]:
    for order in "<>":
        if len(magic) == 4 and struct.unpack(f"{order}I", magic)[0] in _PCAP:
            break
    else:
        start = repr(magic.decode()) if magic.isalnum() else magic.hex() or "nothing"
        raise PcapError(SUBJECT, path, f"is not a pcap or pcapng file, it starts with {start}", CAPTURE_AGAIN)
    unit, further = _PCAP[struct.unpack(f"{order}I", magic)[0]]
    header = stream.read(20)
    if len(header) < 20:
        raise PcapError(SUBJECT, path, "ends within its header", CAPTURE_AGAIN)
    major, minor, linktype = struct.unpack(f"{order}HH12xI", header)
    if (major, minor) != (2, 4):
        rule = f"is of format version {major}.{minor}, not 2.4"
        raise PcapError(SUBJECT, path, rule, "Convert it: tcprewrite --infile=IN --outfile=OUT.")
    fcs = 2 * (linktype >> _FCS_SHIFT) if linktype & _FCS_PRESENT else 0
    head = struct.Struct(f"{order}IIII{further}x")
    number = 0
    while record := stream.read(head.size):
        number += 1
        if len(record) < head.size:
            raise _cut(path, number)
        seconds, fraction, captured, original = head.unpack(record)
        if captured > MAX_RECORD:
            raise _damaged(path, number, captured)
        data = stream.read(captured)
        if len(data) < captured:
            raise _cut(path, number)
        yield Packet(number, seconds * NANOSECONDS + fraction * unit, original, linktype & 0xFFFF, fcs, data)


def _damaged(path: str, number: int, length: int) -> PcapError:
    return PcapError(SUBJECT, path, f"is damaged: packet {number:,} has a length of {length:,} bytes", SALVAGE)


class _Interface(NamedTuple):
    """An interface of a pcapng section; ``units`` of time are in one second."""

    linktype: int
    snap_length: int
    units: int
    offset_seconds: int
    fcs: int


class _Pcapng:
    """The blocks of a pcapng file (draft-ietf-opsawg-pcapng); ``number`` is that of the latest packet."""

    def __init__(self, path: str, stream: BufferedIOBase) -> None:
        self._path, self._stream = path, stream
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._number = 0
        self._nanoseconds = 0

    def packets(self) -> Iterator[Packet]:
        """All packets; the first four bytes of the file have been read."""
        kind = struct.pack(">I", _SECTION)
        while kind:
            block = self._block(kind)
            if block is not None:
                yield block
            kind = self._stream.read(4)

    def _block(self, kind: bytes) -> Packet | None:
        length = self._read(4)
        section = kind == struct.pack(">I", _SECTION)
        if section:
            magic = self._read(4)
            orders = [order for order in "<>" if struct.unpack(f"{order}I", magic)[0] == _BYTE_ORDER_MAGIC]
            if not orders:
                raise PcapError(SUBJECT, self._path, "is damaged: a section has no byte order", SALVAGE)
            self._order, self._interfaces = orders[0], []
        (total,) = struct.unpack(f"{self._order}I", length)
        if total % 4 or not 12 <= total <= _MAX_BLOCK:
            raise _damaged(self._path, self._number + 1, total)
        body = self._read(total - 12 - (4 if section else 0))
        self._read(4)
        if section:
            return None
        return self._content(struct.unpack(f"{self._order}I", kind)[0], body)

    def _content(self, kind: int, body: bytes) -> Packet | None:
        try:
            if kind == _INTERFACE:
                self._interfaces.append(self._interface(body))
            elif kind == _ENHANCED:
                return self._enhanced(body)
            elif kind == _SIMPLE:
                return self._simple(body)
        except (struct.error, IndexError) as error:
            raise PcapError(
                SUBJECT, self._path, f"is damaged after packet {self._number:,} ({error})", SALVAGE
            ) from error
        return None

    def _read(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) < length:
            raise _cut(self._path, self._number + 1)
        return data

    def _interface(self, body: bytes) -> _Interface:
        linktype, snap_length = struct.unpack_from(f"{self._order}HxxI", body)
        units, offset, fcs, at = 1_000_000, 0, 0, 8
        while at + 4 <= len(body):
            code, length = struct.unpack_from(f"{self._order}HH", body, at)
            if code == _OPTION_RESOLUTION:
                exponent = body[at + 4]
                units = 2 ** (exponent & 0x7F) if exponent & _BINARY_RESOLUTION else 10**exponent
            elif code == _OPTION_OFFSET:
                (offset,) = struct.unpack_from(f"{self._order}q", body, at + 4)
            elif code == _OPTION_FCS:
                fcs = body[at + 4]
            at += 4 + length + -length % 4
        return _Interface(linktype, snap_length, units, offset, fcs)

    def _enhanced(self, body: bytes) -> Packet:
        which, high, low, captured, original = struct.unpack_from(f"{self._order}IIIII", body)
        interface = self._interfaces[which]
        time = (high << 32 | low) * NANOSECONDS // interface.units + interface.offset_seconds * NANOSECONDS
        self._nanoseconds = time
        return self._packet(interface, original, body[20 : 20 + captured], captured)

    def _simple(self, body: bytes) -> Packet:
        """A packet without a time: that of the packet before it."""
        (original,) = struct.unpack_from(f"{self._order}I", body)
        interface = self._interfaces[0]
        captured = min(original, interface.snap_length or original)
        return self._packet(interface, original, body[4 : 4 + captured], captured)

    def _packet(self, interface: _Interface, original: int, data: bytes, captured: int) -> Packet:
        self._number += 1
        if len(data) < captured:
            raise _damaged(self._path, self._number, captured)
        return Packet(self._number, self._nanoseconds, original, interface.linktype, interface.fcs, data)
