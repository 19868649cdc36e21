"""Packages: the result of a build as a tar file, with a manifest of what it is for and what it contains."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ..errors import HostError, InputError
from ..system.files import replaced

MANIFEST = "manifest.json"
"""Name of the manifest in the package."""

HINT = "Remove it; the next run builds it again."


@dataclass(frozen=True)
class Manifest:
    """What a package is; each product adds its own fields.

    ``key`` is the key of the recipe, ``files`` the sha256 of each file by its path in the package.
    """

    product: ClassVar[str]

    key: str
    files: Mapping[str, str]

    @property
    def target(self) -> str:
        """The kind of host that the package is for."""
        raise NotImplementedError

    @classmethod
    def from_values(cls: type[SomeManifest], values: Mapping[str, Any]) -> SomeManifest:
        """The manifest with plain ``values``, as JSON has them."""
        return cls(**values)

    def as_json(self) -> bytes:
        """The manifest as it is stored."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


SomeManifest = TypeVar("SomeManifest", bound=Manifest)


def read_manifest(content: bytes, source: str, kind: type[SomeManifest]) -> SomeManifest:
    """The manifest in ``content``. Raises ``InputError``, which names ``source``, when it cannot be read."""
    try:
        return kind.from_values(json.loads(content))
    except (ValueError, TypeError, KeyError, InputError) as error:
        rule = f"contains no readable manifest ({error})"
        raise InputError(f"{kind.product} package", source, rule, HINT) from error


def pack(path: str, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Write the package to ``path`` completely or not at all: an existing package is a finished build."""
    # Without times and owners, so that the same files give the same package.
    with (
        replaced(path) as descriptor,
        open(descriptor, "wb", closefd=False) as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        _add(archive, MANIFEST, manifest.as_json())
        for name in sorted(contents):
            _add(archive, name, contents[name])


def unpack(path: str, kind: type[SomeManifest]) -> tuple[SomeManifest, dict[str, bytes]]:
    """The manifest and the files of the package at ``path``, checked by their sha256.

    Raises ``HostError`` when there is no such file, ``InputError`` when it is damaged or not of this product.
    """
    subject = f"{kind.product} package"
    try:
        with tarfile.open(path, "r:gz") as archive:
            contents = {member.name: _content(archive, member) for member in archive}
    except FileNotFoundError:
        raise HostError(subject, path, "does not exist", "Build it first.") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise InputError(subject, path, f"cannot be read ({error})", HINT) from error
    manifest = read_manifest(contents.pop(MANIFEST, b""), path, kind)
    if {name: sha256(content) for name, content in contents.items()} != dict(manifest.files):
        raise InputError(subject, path, "does not contain the files of its manifest", HINT)
    for name in manifest.files:
        if os.path.isabs(name) or ".." in name.split("/"):
            raise InputError(subject, path, f"contains {name!r}, a path outside of its folder", HINT)
    return manifest, contents


def is_package_of(key: str, path: str, kind: type[Manifest]) -> bool:
    """Whether ``path`` is a complete package of the recipe with this ``key``."""
    try:
        return unpack(path, kind)[0].key == key
    except (HostError, InputError):
        return False


def sha256(content: bytes) -> str:
    """The sha256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: str | Path) -> str:
    """The sha256 of the file at ``path`` in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def check_sha256(subject: str, path: str, expected: str) -> None:
    """``InputError`` when the file at ``path`` has another sha256."""
    found = file_sha256(path)
    if found != expected:
        hint = "Remove the file and run again, or correct the sha256."
        raise InputError(subject, path, f"has sha256 {found}, expected {expected}", hint)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""
