"""Convert a capture to a pcap that tcpreplay sends as it is: classic, Ethernet, microseconds, from second 1 on."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..errors import HostError, InputError, PcapError
from ..system.files import regular_file, replaced
from .capture import SUBJECT, Packet, packets
from .contents import Contents
from .link_types import ethernet_frame
from .manifest import SCHEMA, Ensured, Manifest, at_line_rate, file_sha256, found, mean_rate, write_manifest
from .reader import READ_BYTES
from .rewrite import Rewrite, Rewriter
from .writer import FILE_HEADER, RECORD_HEADER

FIRST_SECOND = 1
"""tcpreplay takes a first packet at second 0 for one without a time, and skips the gap behind it."""
MICROSECONDS = 1_000_000
_MOST_SECONDS = (1 << 32) - 1
_BLOCK_BYTES = 1 << 18
_FIX_PACKET = "Leave it out of the capture."


@dataclass(frozen=True)
class Capture:
    """A capture to convert: the file, and what to change in its frames."""

    source: str
    rewrite: Rewrite

    def parameters(self) -> dict[str, Any]:
        """What the pcap depends on, as its manifest stores it. PcapError if the capture cannot be read."""
        if os.path.exists(self.source) and not os.path.isfile(self.source):
            raise PcapError(SUBJECT, self.source, "is not a regular file", "Use the path of a file.")
        digest = file_sha256(self.source)
        if not digest:
            raise PcapError(SUBJECT, self.source, "cannot be read", "Use the path of an existing file.")
        return {
            "source": os.path.basename(self.source),
            "source_sha256": digest,
            "rewrite": self.rewrite.parameters(),
            "linerate": __version__,
        }


def ensure_converted(path: str, capture: Capture, check: bool = False) -> Ensured:
    """Convert ``capture`` to ``path`` with its manifest, unless this has been done.

    With ``check`` nothing is written, and the result is a prediction. PcapError for a capture that cannot be sent,
    HostError if a file cannot be written.
    """
    regular_file(path)
    if os.path.exists(path) and os.path.exists(capture.source) and os.path.samefile(path, capture.source):
        raise InputError("path", path, "is the capture itself", "Write the pcap to another file.")
    parameters = capture.parameters()
    before, reason = current(path, parameters)
    if before and not reason:
        return Ensured(False, before, "", before)
    manifest = convert(capture, parameters, None if check else path)
    if not check:
        write_manifest(path, manifest)
    return Ensured(True, manifest, reason, before)


def convert(capture: Capture, parameters: Mapping[str, Any], path: str | None) -> Manifest:
    """The manifest of the pcap that ``capture`` is converted to, which is written to ``path`` if one is given."""
    conversion = _Conversion(capture)
    if path is None:
        for part in conversion.parts():
            conversion.digest.update(part)
    else:
        with replaced(path) as descriptor, open(descriptor, "wb", closefd=False) as stream:
            for part in conversion.parts():
                conversion.digest.update(part)
                stream.write(part)
    return conversion.manifest(parameters)


def current(path: str, parameters: Mapping[str, Any]) -> tuple[Manifest | None, str]:
    """The manifest of the existing pcap, if any, and why it must be written; empty if it has these ``parameters``."""
    before, reason = found(path)
    if before is None:
        return None, reason
    if before.parameters != parameters:
        differing = sorted(
            name for name in {*before.parameters, *parameters} if before.parameters.get(name) != parameters.get(name)
        )
        return before, f"the manifest differs in {', '.join(differing)}"
    if file_sha256(path) != before.sha256:
        return before, "the pcap is damaged: its SHA-256 differs from the manifest"
    return before, ""


def place(path: str, staged: str, manifest: Manifest) -> None:
    """Write the pcap in the file ``staged`` to ``path``, and its manifest. HostError if it is not that pcap."""
    digest = hashlib.sha256()
    with replaced(path) as descriptor, open(descriptor, "wb", closefd=False) as stream:
        with open(staged, "rb") as source:
            while chunk := source.read(READ_BYTES):
                digest.update(chunk)
                stream.write(chunk)
        if digest.hexdigest() != manifest.sha256:
            raise HostError("file", staged, "was damaged on its way to this host", "Run again.")
    write_manifest(path, manifest)


def rewritten(source: str, rewrite: Rewrite) -> Iterator[tuple[Packet, bytes]]:
    """Each packet of the capture ``source``, and the frame that it becomes. PcapError for one that cannot be sent."""
    rewriter = Rewriter(rewrite)
    for packet in packets(source):
        frame = ethernet_frame(source, packet, rewriter.macs)
        try:
            frame = rewriter.apply(frame)
        except (ValueError, struct.error) as error:
            raise _unfit(source, packet, error) from error
        yield packet, frame


def _unfit(source: str, packet: Packet, error: Exception) -> PcapError:
    reason = str(error) if isinstance(error, ValueError) else "is too short for its headers"
    return PcapError(SUBJECT, source, f"packet {packet.number:,} {reason}", _FIX_PACKET)


class _Conversion:
    """One pass over a capture."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._contents = Contents()
        self._first: int | None = None
        self._latest = 0
        self.digest = hashlib.sha256()

    def parts(self) -> Iterator[bytes]:
        """The bytes of the pcap in order, in parts of about ``_BLOCK_BYTES``."""
        block = bytearray(FILE_HEADER)
        source = self._capture.source
        for packet, frame in rewritten(source, self._capture.rewrite):
            try:
                self._contents.add(frame)
                seconds, microseconds = divmod(self._time(packet.nanoseconds), MICROSECONDS)
                block += RECORD_HEADER.pack(seconds + FIRST_SECOND, microseconds, len(frame), len(frame)) + frame
            except (ValueError, struct.error) as error:
                raise _unfit(source, packet, error) from error
            if len(block) >= _BLOCK_BYTES:
                yield bytes(block)
                block.clear()
        if not self._contents.packets:
            raise PcapError(SUBJECT, source, "holds no packet", "Capture at least one.")
        yield bytes(block)

    def _time(self, nanoseconds: int) -> int:
        """Microseconds after the first packet; a packet that is earlier than one before it is sent right after it."""
        if self._first is None:
            self._first = nanoseconds
        self._latest = max(self._latest, (nanoseconds - self._first) // 1000)
        if self._latest // MICROSECONDS >= _MOST_SECONDS:
            raise ValueError("is more than 136 years later than the first one")
        return self._latest

    def manifest(self, parameters: Mapping[str, Any]) -> Manifest:
        """The manifest, once all parts have been read."""
        contents = self._contents
        mean, seconds = contents.bytes / contents.packets, self._latest / MICROSECONDS
        return Manifest(
            schema=SCHEMA,
            parameters=parameters,
            template_sha256=None,
            packets=contents.packets,
            bytes=contents.bytes,
            file_bytes=len(FILE_HEADER) + contents.packets * RECORD_HEADER.size + contents.bytes,
            flows=contents.flows,
            destinations=contents.destinations(),
            vlans=tuple(sorted(contents.vlans)),
            vlan_id=contents.vlan_id(),
            vlan_tags=contents.vlan_tags,
            duration_seconds=seconds,
            mean_pps=mean_rate(contents.packets, seconds),
            min_frame_length=contents.min_length,
            mean_frame_length=mean,
            max_frame_length=contents.max_length,
            sha256=self.digest.hexdigest(),
            predicted=at_line_rate(mean),
        )
