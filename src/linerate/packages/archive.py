"""The packed result of a build: a tar file with a manifest that says what it is for and what it holds."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from typing import Callable, Protocol, TypeVar

from ..errors import HostError, InputError
from ..system.files import replaced

MANIFEST = "manifest.json"


class PackageManifest(Protocol):
    """What every manifest says: the sha256 of each file, by its path in the package."""

    @property
    def files(self) -> Mapping[str, str]:
        """The sha256 by path."""


SomeManifest = TypeVar("SomeManifest", bound=PackageManifest)


def pack(path: str, manifest: bytes, contents: Mapping[str, bytes]) -> None:
    """Write the package to ``path``, whole or not at all: that it is there means that the build was finished."""
    # Times and names are left out, so that the same files give the same package.
    with (
        replaced(path) as descriptor,
        open(descriptor, "wb", closefd=False) as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        _add(archive, MANIFEST, manifest)
        for name in sorted(contents):
            _add(archive, name, contents[name])


def unpack(
    path: str, subject: str, read: Callable[[bytes, str], SomeManifest]
) -> tuple[SomeManifest, dict[str, bytes]]:
    """The manifest and the files of the package at ``path``, each held against its sha256.

    ``subject`` is what errors call the package, ``read`` makes the manifest of its text. Raises ``HostError``
    where there is no such file, ``InputError`` where it is not whole, and what ``read`` raises.
    """
    hint = "Remove it; the next run builds it anew."
    try:
        with tarfile.open(path, "r:gz") as archive:
            contents = {member.name: _content(archive, member) for member in archive}
    except FileNotFoundError:
        raise HostError(subject, path, "is not there", "Build it first.") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise InputError(subject, path, f"cannot be read ({error})", hint) from error
    manifest = read(contents.pop(MANIFEST, b""), path)
    if {name: sha256(content) for name, content in contents.items()} != dict(manifest.files):
        raise InputError(subject, path, "does not hold the files of its manifest", hint)
    for name in manifest.files:
        if os.path.isabs(name) or ".." in name.split("/"):
            raise InputError(subject, path, f"holds {name!r}, which leads out of its folder", hint)
    return manifest, contents


def sha256(content: bytes) -> str:
    """The sha256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""
