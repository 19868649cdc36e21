"""Split a pcap by flow into parts, one for each of several processes, and prove that the parts are the whole.

The packets of a flow are in one part, in their order. The parts of a pcap are kept on the host for the next trial.
"""

from __future__ import annotations

import json
import mmap
import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..errors import HostError, InputError, PcapError
from ..record import Record
from ..system.files import make_folder
from ..system.lock import exclusive
from .contents import MOST_FLOWS, flow_of
from .headers import link_of
from .manifest import file_sha256
from .reader import FILE_HEADER_BYTES, MAGICS, RECORD_HEADER_BYTES, PcapSummary, read_summary

FOLDER = "/var/lib/linerate/parts"
MOST_PARTS = 64
MOST_KEPT = 8
"""Pcaps whose parts are kept."""
INDEX, ORDER = "parts.json", "order"
_MORE_FRAGMENTS_OR_OFFSET = 0x3F


@dataclass(frozen=True)
class Part(Record):
    """One part: the path of its pcap, its packets, their bytes without FCS, and the SHA-256 of the file in hex."""

    path: str
    packets: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Split(Record):
    """The parts of the pcap with this ``sha256``. ``order`` has one byte per packet: the number of its part."""

    PARTS: ClassVar[dict[str, type[Any]]] = {"parts": Part}

    sha256: str
    parts: tuple[Part, ...]
    order: bytes = b""

    def packets_of(self, number: int, packets: int) -> int:
        """How many of the first ``packets`` packets of the repeated pcap are in the part ``number``."""
        whole, rest = divmod(packets, len(self.order))
        return whole * self.parts[number].packets + self.order.count(number, 0, rest)


def split(path: str, count: int, folder: str = FOLDER) -> Split:
    """The ``count`` parts of the pcap ``path``, which are written to ``folder`` unless they are there.

    PcapError for a damaged pcap, InputError where it has fewer flows than ``count``, HostError where ``folder`` cannot
    be written to.
    """
    if not 1 <= count <= MOST_PARTS:
        raise InputError("processes", count, f"must be 1 to {MOST_PARTS}", "Use fewer processes.")
    summary = read_summary(path)
    kept = Path(folder, f"{summary.sha256[:16]}-{count}")
    try:
        make_folder(folder)
        with exclusive(folder):
            found = _kept(kept, summary)
            if found is None:
                _make_room(kept)
                found = _write(path, count, summary, kept)
    except OSError as error:
        hint = f"Make {folder} a writable folder with enough room, or use one process."
        raise HostError("folder", folder, f"cannot hold the parts of {path}: {error.strerror}", hint) from error
    return found


def check_union(path: str, parts: Sequence[str], order: bytes) -> None:
    """Raise PcapError unless each packet of ``path`` is in its part by ``order``, in order, and nothing else is."""
    with ExitStack() as stack:
        readers = [iter(records(stack.enter_context(_mapped(part)))) for part in parts]
        place = 0
        for place, record in enumerate(records(stack.enter_context(_mapped(path))), start=1):
            if place > len(order) or next(readers[order[place - 1]], None) != record:
                raise _wrong(path, f"packet {place:,} is not in its part")
        if place != len(order) or any(next(reader, None) is not None for reader in readers):
            raise _wrong(path, "a part has a packet more")


def records(content: mmap.mmap) -> Iterator[bytes]:
    """The records of a valid pcap, headers and frames."""
    lengths = struct.Struct(f"{MAGICS[content[:4]][0]}8xI").unpack_from
    at, size = FILE_HEADER_BYTES, len(content)
    while at < size:
        end = at + RECORD_HEADER_BYTES + lengths(content, at)[0]
        yield content[at:end]
        at = end


class _Divider:
    """The part of each packet: a new flow goes to the part with the fewest packets so far."""

    def __init__(self, count: int) -> None:
        self._packets = [0] * count
        self._part_of: dict[tuple[bytes, ...], int] = {}

    def place(self, frame: bytes) -> int:
        key = _key(frame)
        part = self._part_of.get(key)
        if part is None:
            part = self._packets.index(min(self._packets))
            if len(self._part_of) < MOST_FLOWS:
                self._part_of[key] = part
            else:
                # Memory is bounded: the flows beyond are divided without being remembered.
                part = hash(key) % len(self._packets)
        self._packets[part] += 1
        return part

    @property
    def flows(self) -> int:
        return len(self._part_of)


def _key(frame: bytes) -> tuple[bytes, ...]:
    try:
        link = link_of(frame)
        if link.version == 4 and (frame[link.at + 6] & _MORE_FRAGMENTS_OR_OFFSET or frame[link.at + 7]):
            # Only the first fragment has ports.
            return flow_of(frame, link)[:2]
        return flow_of(frame, link)
    except (ValueError, IndexError):
        return (frame[:12],)


def _write(path: str, count: int, summary: PcapSummary, kept: Path) -> Split:
    temporary = Path(tempfile.mkdtemp(prefix=f".{kept.name}.", dir=kept.parent))
    try:
        names = [f"{number}.pcap" for number in range(count)]
        order, divider = _divide(path, [temporary / name for name in names], summary.packets)
        if divider.flows < count:
            rule = f"is more than the flows of {path}: {divider.flows}"
            raise InputError("processes", count, rule, "Use fewer processes, or a pcap with more flows.")
        check_union(path, [str(temporary / name) for name in names], order)
        parts = []
        for name in names:
            one = read_summary(str(temporary / name))
            parts.append(Part(str(kept / name), one.packets, one.bytes, one.sha256))
        found = Split(summary.sha256, tuple(parts), order)
        (temporary / ORDER).write_bytes(order)
        index = {"sha256": found.sha256, "parts": [part.to_json() for part in parts]}
        (temporary / INDEX).write_text(json.dumps(index), encoding="ascii")
        shutil.rmtree(kept, ignore_errors=True)
        temporary.rename(kept)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return found


def _divide(path: str, parts: Sequence[Path], packets: int) -> tuple[bytes, _Divider]:
    divider, order = _Divider(len(parts)), bytearray()
    with ExitStack() as stack:
        content = stack.enter_context(_mapped(path))
        files = [stack.enter_context(part.open("wb")) for part in parts]
        for file in files:
            file.write(content[:FILE_HEADER_BYTES])
        for record in records(content):
            part = divider.place(record[RECORD_HEADER_BYTES:])
            order.append(part)
            files[part].write(record)
    if len(order) != packets:
        raise PcapError("pcap", path, "changed while it was read", "Do not write to it while it is sent.")
    return bytes(order), divider


def _kept(folder: Path, summary: PcapSummary) -> Split | None:
    """The parts that are in ``folder``; None where they are not, or are damaged."""
    try:
        found = Split.from_json({**json.loads((folder / INDEX).read_text(encoding="ascii")), "order": b""})
        order = (folder / ORDER).read_bytes()
    except (OSError, ValueError, TypeError, KeyError, InputError):
        return None
    whole = found.sha256 == summary.sha256 and len(order) == summary.packets
    if not whole or any(
        file_sha256(part.path) != part.sha256 or order.count(number) != part.packets
        for number, part in enumerate(found.parts)
    ):
        return None
    folder.touch()
    return Split(found.sha256, found.parts, order)


def _make_room(kept: Path) -> None:
    """Remove what interrupted runs left, and the parts that were not used for longest."""
    found = sorted(kept.parent.iterdir(), key=lambda one: one.stat().st_mtime)
    for position, one in enumerate(found):
        if one.name.startswith(".") or position <= len(found) - MOST_KEPT:
            shutil.rmtree(one, ignore_errors=True)


def _mapped(path: str) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _wrong(path: str, what: str) -> PcapError:
    return PcapError("pcap", path, f"was not split correctly: {what}", "Report this, and use one process.")
