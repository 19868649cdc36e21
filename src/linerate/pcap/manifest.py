"""The manifest next to each pcap: its contents, the parameters it was made from, and its rates at line rate.

``X.pcap`` has its manifest in ``X.pcap.json``. A pcap is not written again while both agree.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Callable, NamedTuple

from .. import units as frames
from ..errors import InputError, PcapError
from ..record import Record
from ..system.files import regular_file, write_whole
from .layout import Layout
from .reader import RECREATE
from .spec import PcapSpec
from .writer import MICROSECONDS, Written, predict_pcap, write_pcap

SCHEMA = "linerate-pcap/1"
LINK_SPEEDS = (1, 10, 25, 40)
"""In Gbit/s."""
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Manifest(Record):
    """The contents of a pcap. Lengths and ``bytes`` are without FCS; SHA-256 in hex.

    ``template_sha256`` is that of all templates together, None for a converted capture. ``destinations`` are IP
    addresses and networks, and the MACs of frames without IP. ``vlans`` are the identifiers of the outermost tags,
    ``vlan_id`` that of all frames, ``vlan_tags`` how many tags a frame has at most. ``duration_seconds`` is from the
    first packet to the last one, and ``mean_pps`` the packets per second of it; None where all have the same time.
    ``predicted`` are the rates per second at line rate (pps, l1_bps, l2_bps, pcap_bps), by link speed ("10G").
    """

    schema: str
    parameters: Mapping[str, Any]
    template_sha256: str | None
    packets: int
    bytes: int
    file_bytes: int
    flows: int
    destinations: tuple[str, ...]
    vlans: tuple[int, ...]
    vlan_id: int | None
    vlan_tags: int
    duration_seconds: float
    mean_pps: float | None
    min_frame_length: int
    mean_frame_length: float
    max_frame_length: int
    sha256: str
    predicted: Mapping[str, Mapping[str, float]]


class Ensured(NamedTuple):
    """``reason`` is why the pcap was written, empty if it was not; ``before`` is the manifest found, if any."""

    changed: bool
    manifest: Manifest
    reason: str
    before: Manifest | None


def manifest_path(path: str) -> str:
    """The path of the manifest of the pcap ``path``."""
    return f"{path}.json"


def ensure(
    path: str,
    spec: PcapSpec,
    templates: Sequence[bytes],
    check: bool = False,
    before_replacing: Callable[[], None] = lambda: None,
) -> Ensured:
    """Write the pcap of ``spec`` and its manifest to ``path``, unless they exist already.

    With ``check`` nothing is written, and the result is a prediction. ``before_replacing`` may raise an error where
    another pcap of that name is in use. InputError for templates of another spec, HostError if a file cannot be
    written.
    """
    regular_file(path)
    before, reason = found(path)
    if before:
        reason = _difference(path, before, spec, templates)
        if not reason:
            return Ensured(False, before, "", before)
    if not check and os.path.exists(path):
        before_replacing()
    written = predict_pcap(spec, templates) if check else write_pcap(path, spec, templates)
    manifest = describe(spec, templates, written)
    if not check:
        write_manifest(path, manifest)
    return Ensured(True, manifest, reason, before)


def describe(spec: PcapSpec, templates: Sequence[bytes], written: Written) -> Manifest:
    """The manifest of a pcap that was ``written`` from ``spec`` and ``templates``."""
    layout, seconds = Layout.of(spec), (written.packets - 1) / MICROSECONDS
    lengths, mean = layout.used_lengths, written.bytes / written.packets
    outer = layout.outer_vlans()
    vlans = sorted({vlan for vlan in outer if vlan is not None})
    return Manifest(
        schema=SCHEMA,
        parameters=spec.parameters(),
        template_sha256=hashlib.sha256(b"".join(templates)).hexdigest(),
        packets=written.packets,
        bytes=written.bytes,
        file_bytes=written.file_bytes,
        flows=layout.flows(),
        destinations=layout.destinations(),
        vlans=tuple(vlans),
        vlan_id=vlans[0] if len(vlans) == 1 and None not in outer else None,
        vlan_tags=layout.vlan_tags(),
        duration_seconds=seconds,
        mean_pps=mean_rate(written.packets, seconds),
        min_frame_length=min(lengths),
        mean_frame_length=mean,
        max_frame_length=max(lengths),
        sha256=written.sha256,
        predicted=at_line_rate(mean),
    )


def mean_rate(packets: int, seconds: float) -> float | None:
    """Packets per second; None without a duration."""
    return packets / seconds if seconds else None


def at_line_rate(mean_frame_length: float) -> dict[str, dict[str, float]]:
    """The rates per second at line rate, by link speed."""
    return {f"{speed}G": _line_rate(speed, mean_frame_length) for speed in LINK_SPEEDS}


def read_manifest(path: str) -> Manifest:
    """Read the manifest of the pcap ``path``. PcapError if it is missing or not valid."""
    name = manifest_path(path)
    try:
        with open(name, encoding="utf-8") as stream:
            manifest = json.load(stream)
    except OSError as error:
        raise PcapError("manifest", name, f"cannot be read: {error.strerror}", RECREATE) from error
    except (ValueError, RecursionError) as error:
        raise PcapError("manifest", name, "is not JSON", RECREATE) from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise PcapError("manifest", name, f"is not of schema {SCHEMA}", RECREATE)
    try:
        return Manifest.from_json(manifest)
    except InputError as error:
        raise PcapError(
            "manifest", name, f"is not of schema {SCHEMA} ({error.value} {error.rule})", RECREATE
        ) from error


def found(path: str) -> tuple[Manifest | None, str]:
    """The existing manifest, or None and the reason."""
    if not os.path.exists(path):
        return None, "the pcap did not exist"
    try:
        return read_manifest(path), ""
    except PcapError as error:
        return None, str(error)


def _difference(path: str, before: Manifest, spec: PcapSpec, templates: Sequence[bytes]) -> str:
    """How the existing pcap and manifest differ from those of ``spec``; empty if they do not."""
    # The SHA-256 is taken from the manifest, since computing the expected one takes the bytes of the pcap.
    expected = describe(spec, templates, Written.of(Layout.of(spec), str(before.sha256)))
    for field in fields(Manifest):
        if getattr(before, field.name) != getattr(expected, field.name):
            return f"the manifest differs in {field.name}"
    if file_sha256(path) != expected.sha256:
        return "the pcap is damaged: its SHA-256 differs from the manifest"
    return ""


def file_sha256(path: str) -> str:
    """The SHA-256 of a file in hex; empty if it cannot be read, so that it equals no other."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as stream:
            while chunk := stream.read(READ_BYTES):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def _line_rate(speed: int, frame_length: float) -> dict[str, float]:
    link_bps = speed * frames.GBIT
    rate = frames.rates(frames.line_rate_pps(link_bps, frame_length), frame_length, link_bps)
    return {"pps": rate.pps, "l1_bps": rate.l1_bps, "l2_bps": rate.l2_bps, "pcap_bps": rate.pcap_bps}


def write_manifest(path: str, manifest: Manifest) -> None:
    """Write the manifest of the pcap ``path``. HostError if it cannot be written."""
    write_whole(manifest_path(path), (json.dumps(manifest.to_json(), indent=2) + "\n").encode())
