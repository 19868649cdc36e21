"""The packed result of a build of netmap, and its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ...errors import InputError
from .. import archive as package
from ..archive import sha256

__all__ = ["Manifest", "pack", "read_manifest", "sha256", "unpack"]


@dataclass(frozen=True)
class Manifest:
    """What a package is: its key, what it was built from and for, and sha256 by path below the root folder."""

    key: str
    commit: str
    kernel: str
    modules: tuple[str, ...]
    native_drivers: tuple[str, ...]
    configure: tuple[str, ...]
    files: Mapping[str, str]

    def as_json(self) -> bytes:
        """The manifest as it is stored."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def read_manifest(content: bytes, source: str) -> Manifest:
    """The manifest in ``content``. Raises ``InputError``, which names ``source``, where it is none."""
    try:
        values = json.loads(content)
        for name in ("modules", "native_drivers", "configure"):
            values[name] = tuple(values[name])
        return Manifest(**values)
    except (ValueError, TypeError, KeyError) as error:
        hint = "Remove it; the next run builds it anew."
        raise InputError("netmap package", source, f"holds no manifest that can be read ({error})", hint) from error


def pack(path: str, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Write the package to ``path``, whole or not at all."""
    package.pack(path, manifest.as_json(), contents)


def unpack(path: str) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the files of the package at ``path``; raises as :func:`..archive.unpack` does."""
    return package.unpack(path, "netmap package", read_manifest)
