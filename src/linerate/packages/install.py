"""What the installation of every package has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from ..errors import InputError
from .archive import SomeManifest, sha256, unpack


@dataclass(frozen=True)
class Installed(Generic[SomeManifest]):
    """What is on the host now, and the steps that were needed (in check mode: would be)."""

    manifest: SomeManifest
    steps: tuple[str, ...]


def unpack_for(host: str, path: str, kind: type[SomeManifest]) -> tuple[SomeManifest, dict[str, bytes]]:
    """The manifest and the files of the package at ``path``; ``InputError`` when it is not for ``host``.

    ``host`` is the kind of this host, in the words of the manifest's ``target``. Raises as ``unpack`` does, too.
    """
    manifest, contents = unpack(path, kind)
    if manifest.target != host:
        subject = f"{manifest.product} package"
        raise InputError(subject, path, f"is for {manifest.target}, not for {host}", f"Build it for {host}.")
    return manifest, contents


def differing_files(files: Mapping[str, str], folder: str | Path) -> list[str]:
    """Those of ``files`` (sha256 by path) that are missing below ``folder`` or have another content."""
    return [name for name in sorted(files) if _digest(Path(folder, name)) != files[name]]


def _digest(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes())
    except OSError:
        return None
