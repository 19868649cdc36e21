"""The sources of a kernel's own drivers: their content, and the kernel that they belong to.

netmap's configure selects its patches by the version of the headers and copies a driver from any tree, so drivers of
another kernel could compile, and fail only when they send.
"""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path

from ...errors import InputError
from ..archive import file_sha256, sha256
from .recipe import KernelSources

VARIABLE = "netmap_kernel_sources"

DRIVERS_FOLDER = "drivers/net"
"""The part of the tree that is built from."""

MAKEFILES = ("Makefile", "Makefile.rhelver")
"""Files of the tree's top folder with the kernel's version; only EL's has the second one, with the build's number."""

VERSION_HEADER = "include/generated/uapi/linux/version.h"
"""In the folder of a kernel's headers."""

_EL = re.compile(r"\.el\d+")


def digest(path: str) -> str | None:
    """The sha256 of an archive, or of the names and contents of the drivers in a folder; None when there is neither."""
    if os.path.isdir(path):
        top = Path(path, DRIVERS_FOLDER)
        files = sorted(file for file in top.rglob("*") if file.is_file())
        return sha256("".join(f"{file.relative_to(top)}\0{file_sha256(file)}\n" for file in files).encode())
    return file_sha256(path) if os.path.isfile(path) else None


def check_kernel_sources(sources: KernelSources, kernel: str, headers: str) -> None:
    """``InputError`` unless ``sources`` exist, with that content, and are those of ``kernel``.

    ``headers`` is the folder of the kernel's headers.
    """
    found = digest(sources.path)
    if found is None:
        hint = f"Put the sources of {kernel} there, or choose another netmap_native_route."
        raise InputError(VARIABLE, sources.path, "does not exist on the build host", hint)
    if found != sources.sha256:
        rule = f"has sha256 {found}, expected {sources.sha256 or 'another one'}"
        raise InputError(VARIABLE, sources.path, rule, "It was changed meanwhile: run again.")
    check_version(sources.path, kernel, headers)


def check_version(path: str, kernel: str, headers: str | None = None) -> None:
    """``InputError`` unless the sources at ``path`` are those of ``kernel``.

    EL's sources have the number of the build, which the name of the kernel begins with. Others are compared with the
    version in the folder ``headers``, because a distribution's release (6.1.0-56-amd64) is not the kernel's version
    (6.1.192); without headers only the first two numbers are.
    """
    el = bool(_EL.search(kernel))
    version = _version(path, el)
    wanted = "" if el or not headers else _headers_version(headers)
    beginning = version if el else ".".join(version.split(".")[:2])
    if version != wanted if wanted else not kernel.startswith(f"{beginning}."):
        rule = f"has the sources of kernel {version}, but the build is for {kernel}"
        rule += f", which is {wanted}" if wanted else ""
        hint = f"Put the sources of exactly {kernel} there, or change the path, and run again."
        raise InputError(VARIABLE, path, rule, hint)


def _version(path: str, el: bool) -> str:
    """The version in the tree's Makefile, such as 6.1.192; for EL with the build, such as 5.14.0-503.22.1."""
    texts = dict(_makefiles(path, MAKEFILES if el else MAKEFILES[:1]))
    numbers = [_value(name, texts.get("Makefile", "")) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    if not all(numbers):
        hint = "Use a kernel's source tree, or a tar archive with the tree in one top folder."
        raise InputError(VARIABLE, path, "is not the source tree of a kernel: it has no Makefile with a version", hint)
    version = ".".join(numbers)
    build = _value("RHEL_RELEASE", texts.get("Makefile.rhelver", ""))
    return f"{version}-{build}" if build else version


def _makefiles(path: str, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The names and texts of those files of the tree's top folder that exist."""
    if os.path.isdir(path):
        files = (Path(path, name) for name in names)
        yield from ((file.name, file.read_text(encoding="utf-8")) for file in files if file.is_file())
        return
    missing = set(names)
    try:
        # As a stream: the files stand in the first tenth of the archive, whose decompression takes half a minute.
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                top, _, name = member.name.partition("/")
                file = archive.extractfile(member) if top and name in missing else None
                if file:
                    missing.remove(name)
                    yield name, file.read().decode()
                if not missing:
                    return
    except (OSError, tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
        raise InputError(VARIABLE, path, f"is not a readable archive ({error})", "Put it there again.") from error


def _headers_version(headers: str) -> str:
    text = Path(headers, VERSION_HEADER).read_text(encoding="ascii")
    code = int(_defined("LINUX_VERSION_CODE", text))
    # The code's last number ends at 255; the definition of its own was added in 5.13.
    return f"{code >> 16}.{code >> 8 & 255}.{_defined('LINUX_VERSION_SUBLEVEL', text) or code & 255}"


def _defined(name: str, text: str) -> str:
    match = re.search(rf"^#define {name} (\d+)$", text, re.MULTILINE)
    return match[1] if match else ""


def _value(name: str, text: str) -> str:
    match = re.search(rf"^{name} *= *([\d.]+)$", text, re.MULTILINE)
    return match[1] if match else ""
