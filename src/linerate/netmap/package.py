"""The packed result of a build: a tar file with a manifest that says what it is for and what it holds."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..errors import HostError, InputError
from ..files import replaced

MANIFEST = "manifest.json"


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
        mend = "Remove it; the next run builds it anew."
        raise InputError("netmap package", source, f"holds no manifest that can be read ({error})", mend) from error


def pack(path: str, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Write the package to ``path``, whole or not at all: that it is there means that the build was finished."""
    # Times and names are left out, so that the same files give the same package.
    with (
        replaced(path) as descriptor,
        open(descriptor, "wb", closefd=False) as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        _add(archive, MANIFEST, manifest.as_json())
        for name in sorted(contents):
            _add(archive, name, contents[name])


def unpack(path: str) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the files of the package at ``path``, each held against its sha256.

    Raises ``HostError`` where there is no such file, ``InputError`` where it is not whole.
    """
    mend = "Remove it; the next run builds it anew."
    try:
        with tarfile.open(path, "r:gz") as archive:
            contents = {member.name: _content(archive, member) for member in archive}
    except FileNotFoundError:
        raise HostError("netmap package", path, "is not there", "Build it first.") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError("netmap package", path, f"cannot be read ({error})", mend) from error
    manifest = read_manifest(contents.pop(MANIFEST, b""), path)
    if {name: sha256(content) for name, content in contents.items()} != dict(manifest.files):
        raise InputError("netmap package", path, "does not hold the files of its manifest", mend)
    for name in manifest.files:
        if os.path.isabs(name) or ".." in name.split("/"):
            raise InputError("netmap package", path, f"holds {name!r}, which leads out of the root folder", mend)
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
