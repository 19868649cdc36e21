"""The manifest beside each pcap: what it holds, what it was made from, and how fast it can leave.

``X.pcap`` has its manifest in ``X.pcap.json``. A pcap is left alone as long as both agree.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, NamedTuple

from .. import units as frames
from ..errors import PcapError
from ..system.files import regular_file, write_whole
from .spec import PcapSpec
from .writer import Written, predict_pcap, write_pcap

SCHEMA = "linerate-pcap/1"
LINK_SPEEDS = (1, 10, 25, 40)
"""In Gbit/s."""
READ_BYTES = 1 << 20

Manifest = dict[str, Any]


class Ensured(NamedTuple):
    """``reason`` says why the pcap was written, empty where it was left alone; ``before`` is the manifest found."""

    changed: bool
    manifest: Manifest
    reason: str
    before: Manifest


def manifest_path(path: str) -> str:
    """Where the manifest of the pcap ``path`` stands."""
    return f"{path}.json"


def ensure(path: str, spec: PcapSpec, template: bytes, check: bool = False) -> Ensured:
    """Have the pcap of ``spec`` in ``path`` with its manifest, writing nothing where they are there already.

    With ``check`` nothing is written, and the answer is the one that writing would give. Raises
    ``InputError`` for a template of another spec and ``HostError`` where a file cannot be written.
    """
    regular_file(path)
    before, reason = _found(path)
    reason = reason or _difference(path, before, spec, template)
    if not reason:
        return Ensured(False, before, "", before)
    written = predict_pcap(spec, template) if check else write_pcap(path, spec, template)
    manifest = describe(spec, template, written)
    if not check:
        _write_manifest(path, manifest)
    return Ensured(True, manifest, reason, before)


def describe(spec: PcapSpec, template: bytes, written: Written) -> Manifest:
    """The manifest of a pcap: lengths in bytes without FCS, rates per second at line rate."""
    length = spec.frame_length
    return {
        "schema": SCHEMA,
        "parameters": spec.parameters(),
        "template_sha256": hashlib.sha256(template).hexdigest(),
        "packets": written.packets,
        "bytes": written.bytes,
        "file_bytes": written.file_bytes,
        "flows": spec.flows,
        "min_frame_length": length,
        "mean_frame_length": float(length),
        "max_frame_length": length,
        "sha256": written.sha256,
        "predicted": {f"{speed}G": _line_rate(speed, length) for speed in LINK_SPEEDS},
    }


def read_manifest(path: str) -> Manifest:
    """The manifest of the pcap ``path``. Raises ``PcapError`` where there is none that can be used."""
    beside = manifest_path(path)
    try:
        with open(beside, encoding="utf-8") as stream:
            manifest = json.load(stream)
    except OSError as error:
        raise PcapError("manifest", beside, f"cannot be read: {error.strerror}", "Make the pcap again.") from error
    except (ValueError, RecursionError) as error:
        raise PcapError("manifest", beside, "is not JSON", "Make the pcap again.") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise PcapError("manifest", beside, f"is not of schema {SCHEMA}", "Make the pcap again.")
    return manifest


def _found(path: str) -> tuple[Manifest, str]:
    """The manifest that is there, or an empty one and why."""
    if not os.path.exists(path):
        return {}, "there is no pcap yet"
    try:
        return read_manifest(path), ""
    except PcapError as error:
        return {}, str(error)


def _difference(path: str, found: Manifest, spec: PcapSpec, template: bytes) -> str:
    """What keeps the pcap and the manifest found from being those of ``spec``; empty where nothing does."""
    # What the manifest would say, but for the one thing that only the pcap's bytes can tell.
    expected = describe(spec, template, Written.of(spec, str(found.get("sha256"))))
    differing = [key for key in (*expected, *found) if found.get(key) != expected.get(key)]
    if differing:
        return f"the manifest differs in {differing[0]}"
    if _file_sha256(path) != expected["sha256"]:
        return "the pcap is damaged: its SHA-256 is not the one of the manifest"
    return ""


def _file_sha256(path: str) -> str:
    """The SHA-256 of a file in hex; empty where it cannot be read, so that it equals no other."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as stream:
            while piece := stream.read(READ_BYTES):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def _line_rate(speed: int, frame_length: int) -> dict[str, float]:
    link_bps = speed * frames.GBIT
    rate = frames.rates(frames.line_rate_pps(link_bps, frame_length), frame_length, link_bps)
    return {"pps": rate.pps, "l1_bps": rate.l1_bps, "l2_bps": rate.l2_bps, "pcap_bps": rate.pcap_bps}


def _write_manifest(path: str, manifest: Manifest) -> None:
    write_whole(manifest_path(path), (json.dumps(manifest, indent=2) + "\n").encode())
