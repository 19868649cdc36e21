"""Build tcpreplay from a release tarball, and pack the result.

The release tarball needs neither autogen nor libopts; both are in it (tcpreplay configure.ac, 4.4.2).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ...errors import HostError, InputError
from ...system.run import LoggedRunner, Runner
from ..archive import pack, sha256
from ..build_folders import build_folder, one_at_a_time
from ..netmap import package as netmap_package
from .install import prove
from .package import Manifest, Recipe, is_package_of, this_system

HEADERS = "usr/local/include/net/"
"""Where netmap's headers are in its packages; tcpreplay takes no more of netmap (tcpreplay configure.ac)."""

TAIL_LINES = 12
"""How many lines of a step's log its error shows."""

NO_ROOM = 1 << 20
"""Bytes; with fewer free ones a step has failed for want of room, and its log is not whole either."""

WORK = "linerate-tcpreplay-"
"""How the names of the folders begin in which builds work."""

_SUMMARY = re.compile(r"^Linux/BSD netmap:[ \t]*(?P<said>.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Sources:
    """What is built from: tcpreplay's archive, and the package of netmap that holds its headers (or empty)."""

    archive: str
    netmap_package: str = ""


@dataclass(frozen=True)
class Tools:
    """What the build touches the system with. ``work`` is the folder that builds make theirs in."""

    run: Runner
    logged: LoggedRunner
    work: str
    jobs: int = 1
    root: str = "/"


def build(recipe: Recipe, sources: Sources, packages: str, tools: Tools, check: bool = False) -> tuple[str, bool]:
    """The path of the package of ``recipe`` in the folder ``packages``, and whether it had to be built.

    The package is written last and whole, so a build that was cut off left none. Who comes while another
    builds into the same folder waits, and finds what that one has made. Raises ``InputError`` for sources that
    are not what they should be, ``HostError`` where something to build with is missing, or with the last lines
    of the log of the step that failed; its folder stays to be looked at until the next build.
    """
    path = os.path.join(packages, recipe.package_name)
    if is_package_of(recipe, path):
        return path, False
    if check:
        return path, True
    try:
        os.makedirs(packages, exist_ok=True)
        with one_at_a_time(packages):
            if is_package_of(recipe, path):
                return path, False
            _expect_host(recipe, tools)
            _expect_sha256(sources.archive, recipe.sha256)
            headers = _netmap_headers(sources.netmap_package, recipe.netmap) if recipe.netmap else {}
            with build_folder(tools.work, WORK) as folder:
                manifest, contents = _make(recipe, sources.archive, headers, folder, tools)
                shutil.rmtree(folder)
            pack(path, manifest.as_json(), contents)
    except OSError as error:
        hint = "Make it a writable place with enough room, and run again."
        raise HostError("path", str(error.filename or packages), f"cannot be used: {error.strerror}", hint) from error
    return path, True


def _expect_host(recipe: Recipe, tools: Tools) -> None:
    """Raise ``HostError`` unless this host can build what runs on the system that is asked for."""
    system = this_system(tools.root)
    if system != recipe.system:
        rule = f"is {system}, and what it builds is to run on {recipe.system}, with that system's libraries"
        raise HostError("build host", None, rule, "Name a build host of the same release and machine.")
    for program in ("make", "tar", recipe.compiler):
        tools.run((program, "--version"))


def _expect_sha256(path: str, expected: str) -> None:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != expected:
        rule = f"has sha256 {digest.hexdigest()}, expected {expected}"
        raise InputError("file", path, rule, "Remove it, so that it is fetched again.")


def _netmap_headers(path: str, commit: str) -> dict[str, bytes]:
    """The headers in the package of netmap at ``path``, which must be of ``commit``."""
    manifest, contents = netmap_package.unpack(path)
    if manifest.commit != commit:
        hint = "Let the role netmap build that commit."
        raise InputError("netmap package", path, f"is of commit {manifest.commit}, not of {commit}", hint)
    return {name[len(HEADERS) :]: content for name, content in contents.items() if name.startswith(HEADERS)}


def _make(
    recipe: Recipe, archive: str, headers: dict[str, bytes], folder: Path, tools: Tools
) -> tuple[Manifest, dict[str, bytes]]:
    """Unpack, configure, make, install under ``folder``, prove that it runs, and read what came out."""
    source, stage, netmap = folder / "source", folder / "stage", folder / "netmap"
    for path in (source, stage, netmap / "net"):
        path.mkdir(parents=True)
    for name, content in headers.items():
        (netmap / "net" / name).write_bytes(content)
    unpack = ("tar", "--extract", "--file", archive, "--strip-components=1", "--no-same-owner")
    with_netmap = f"--with-netmap={netmap}" if recipe.netmap else "--without-netmap"
    configure = ("./configure", f"--prefix={recipe.place}", f"CC={recipe.compiler}", with_netmap, *recipe.options)
    _step(recipe, "unpack", unpack, source, tools)
    _step(recipe, "configure", configure, source, tools)
    if recipe.netmap:
        expect_netmap(folder / "configure.log", str(netmap))
    _step(recipe, "make", ("make", f"--jobs={tools.jobs}"), source, tools)
    _step(recipe, "install", ("make", "install", f"DESTDIR={stage}"), source, tools)
    installed = stage / recipe.place.relative_to("/")
    prove(recipe, installed, tools.run)
    contents = {str(path.relative_to(installed)): path.read_bytes() for path in installed.rglob("*") if path.is_file()}
    built_with = {
        "compiler": tools.run((recipe.compiler, "--version")).stdout.partition("\n")[0],
        "libc": os.confstr("CS_GNU_LIBC_VERSION") or "unknown",
        "netmap_headers": sha256(b"".join(headers[name] for name in sorted(headers))) if recipe.netmap else "",
    }
    files = {name: sha256(content) for name, content in contents.items()}
    return Manifest(recipe.key, recipe, built_with, files), contents


def _step(recipe: Recipe, name: str, argv: tuple[str, ...], source: Path, tools: Tools) -> None:
    log = source.parent / f"{name}.log"
    status = tools.logged(argv, source, log)
    if status != 0:
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
        rule = f"{ended}; the last lines of {log} on the build host are\n{tail}\n"
        hint = "Mend what they say, and run again."
        if shutil.disk_usage(source).free < NO_ROOM:
            hint = f"{tools.work} is full: make room in it, or build elsewhere, and run again."
        raise HostError(f"{name} of tcpreplay {recipe.version}", None, rule, hint)


def expect_netmap(log: Path, wanted: str) -> None:
    """Raise ``HostError`` unless the summary in configure's ``log`` says that it took netmap from ``wanted``.

    configure ends well without netmap, too, and looks in other folders as well (tcpreplay configure.ac).
    """
    summaries = _SUMMARY.findall(log.read_text(encoding="utf-8", errors="replace"))
    said = summaries[-1] if summaries else "nothing"
    if said.split() != ["yes", wanted]:
        rule = f"its summary says {said!r} of netmap, not 'yes {wanted}' ({log} on the build host)"
        raise HostError("configure of tcpreplay", None, rule, "See there why, and run again.")
