"""Build tcpreplay from a release tarball, and put it in place whole.

Everything that decides what comes out (source, options, compiler, netmap) is the identity of a build. It is
stored beside what was built, so that what is there is built again exactly when the identity differs. The
release tarball needs neither autogen nor libopts; both are in it (tcpreplay configure.ac, 4.4.2).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ..errors import HostError, InputError
from ..files import write_whole
from ..host.run import LoggedRunner, Runner
from .version import find, why_netmap_is_broken

STAMP = "linerate-build.json"
"""Name of the file in the installed folder that holds the identity of its build."""

TAIL_LINES = 12
"""How many lines of a step's log its error shows."""

OWN_OPTIONS = ("--prefix", "--with-netmap", "CC=")
"""Options of configure that have a parameter of their own here."""

Identity = dict[str, Union[str, list[str]]]

_SUMMARY = re.compile(r"^Linux/BSD netmap:[ \t]*(?P<said>.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """What to build. ``sha256`` is that of the source archive, ``prefix`` the folder that holds the versions,
    ``options`` go to configure, ``netmap`` is the folder of netmap's source, or empty for none."""

    version: str
    sha256: str
    prefix: str
    options: tuple[str, ...] = ()
    compiler: str = "cc"
    netmap: str = ""

    @property
    def place(self) -> Path:
        """Where it is installed: the configured prefix."""
        return Path(self.prefix, self.version)

    @property
    def executable(self) -> Path:
        """The installed tcpreplay."""
        return self.place / "bin" / "tcpreplay"


@dataclass(frozen=True)
class Tools:
    """What the build touches the system with."""

    run: Runner
    logged: LoggedRunner
    jobs: int


def check(recipe: Recipe) -> None:
    """Raise ``InputError`` for a recipe that cannot end well, before anything is done."""
    if not re.fullmatch(r"\d+\.\d+\.\d+[\w.-]*", recipe.version):
        raise InputError("version", recipe.version, "is not a version of tcpreplay", "Give one such as 4.4.2.")
    if not re.fullmatch(r"[0-9a-f]{64}", recipe.sha256):
        raise InputError("sha256", recipe.sha256, "is not a sha256 of 64 hexadecimal digits", "Copy it whole.")
    if not os.path.isabs(recipe.prefix):
        raise InputError("prefix", recipe.prefix, "is not an absolute path", "Begin it with /.")
    for option in recipe.options:
        if option.startswith(OWN_OPTIONS):
            raise InputError("configure option", option, "is set by a parameter of its own", "Use that parameter.")
    broken = why_netmap_is_broken(recipe.version) if recipe.netmap else None
    if broken:
        raise InputError("version", recipe.version, broken, "Take 4.4.2, 4.4.3, or 4.5.3 or newer.")


def identity(recipe: Recipe, run: Runner) -> Identity:
    """What decides the outcome of a build, as it is stored.

    Raises ``HostError`` where there is no such compiler, ``InputError`` where there is no netmap in the
    folder that is to hold it.
    """
    stated = run((recipe.compiler, "--version"))
    if stated.returncode != 0 or not stated.stdout.strip():
        mend = "Install a C compiler, or name another."
        raise HostError("compiler", recipe.compiler, f"does not run: {stated.stderr.strip()}", mend)
    return {
        "version": recipe.version,
        "sha256": recipe.sha256,
        "prefix": recipe.prefix,
        "options": list(recipe.options),
        "compiler": f"{recipe.compiler}: {stated.stdout.splitlines()[0]}",
        "netmap": recipe.netmap,
        "netmap_headers": _netmap_headers(recipe.netmap) if recipe.netmap else "",
    }


def _netmap_headers(folder: str) -> str:
    """The sha256 of netmap's two headers, which are all that tcpreplay takes from its source."""
    for place in (Path(folder, "sys/net"), Path(folder, "net")):
        headers = [place / "netmap.h", place / "netmap_user.h"]
        if all(header.is_file() for header in headers):
            return hashlib.sha256(b"".join(header.read_bytes() for header in headers)).hexdigest()
    raise InputError("netmap source", folder, "holds no sys/net/netmap.h", "Name the folder of netmap's source.")


def differences(recipe: Recipe, run: Runner) -> tuple[str, ...]:
    """Why a build is needed: what is missing, or differs from what is installed; none where it is not.

    Where nothing is installed, neither the compiler nor netmap is asked for: they may be yet to come.
    Raises as :func:`identity` does.
    """
    try:
        stored = json.loads((recipe.place / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return (f"{recipe.place} holds no finished build",)
    if not os.access(recipe.executable, os.X_OK):
        return (f"{recipe.executable} is not there",)
    wanted = identity(recipe, run)
    return tuple(
        f"{name} was {stored.get(name)!r}, is to be {value!r}"
        for name, value in wanted.items()
        if stored.get(name) != value
    )


def build(recipe: Recipe, archive: str, build_dir: str, tools: Tools) -> Path:
    """Build from ``archive`` in a folder of its own below ``build_dir``, and install; returns the logs' folder.

    What is installed was run first, from beside its place. Whenever this is interrupted, the next call
    repairs it; what make had finished is not made again. Raises ``HostError`` with the last lines of the
    log of the step that failed, and as :func:`identity` does.
    """
    wanted = identity(recipe, tools.run)
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]
    folder = Path(build_dir, f"tcpreplay-{recipe.version}-{key}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            source = _made(folder) or _make(recipe, archive, folder, tools)
            _install(recipe, wanted, source, folder, tools)
            (folder / "made").unlink()
            shutil.rmtree(source, ignore_errors=True)
    except OSError as error:
        subject = str(error.filename or folder)
        mend = "Make it a writable place with enough room, and run again."
        raise HostError("path", subject, f"cannot be used: {error.strerror}", mend) from error
    return folder


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second build out of ``folder``; the kernel lets go when this process ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            mend = "Wait until it has ended, then run again."
            raise HostError("folder", str(folder), "another build is going on in it", mend) from None
        yield
    finally:
        os.close(descriptor)


def _made(folder: Path) -> Path | None:
    """The source folder in which make has finished, if there is one."""
    try:
        source = folder / (folder / "made").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return source if source.is_dir() else None


def _make(recipe: Recipe, archive: str, folder: Path, tools: Tools) -> Path:
    """Unpack, configure and make, from nothing; returns the source folder."""
    _expect_sha256(archive, recipe.sha256)
    for program in ("make", "tar"):
        tools.run((program, "--version"))
    for stale in folder.glob("source-*"):
        shutil.rmtree(stale, ignore_errors=True)
    source = Path(tempfile.mkdtemp(prefix="source-", dir=folder))
    unpack = ("tar", "--extract", "--file", archive, "--strip-components=1", "--no-same-owner")
    netmap = (f"--with-netmap={recipe.netmap}",) if recipe.netmap else ()
    configure = ("./configure", f"--prefix={recipe.place}", f"CC={recipe.compiler}", *netmap, *recipe.options)
    _step(recipe, "unpack", unpack, source, tools)
    _step(recipe, "configure", configure, source, tools)
    if recipe.netmap:
        expect_netmap(folder / "configure.log", recipe.netmap)
    _step(recipe, "make", ("make", f"--jobs={tools.jobs}"), source, tools)
    write_whole(folder / "made", source.name.encode())
    return source


def _install(recipe: Recipe, wanted: Identity, source: Path, folder: Path, tools: Tools) -> None:
    """Install beside the place, prove that it runs, and move it there in one rename."""
    beside = Path(recipe.prefix, f".{recipe.version}.new")
    aside = Path(recipe.prefix, f".{recipe.version}.old")
    for stale in (beside, aside):
        shutil.rmtree(stale, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        _step(recipe, "install", ("make", "install", f"DESTDIR={beside}"), source, tools)
        staged = beside / recipe.place.relative_to("/")
        _prove(recipe, str(staged / "bin" / "tcpreplay"), folder, tools.run)
        write_whole(staged / STAMP, json.dumps(wanted, indent=2, sort_keys=True).encode() + b"\n")
        # The new name must not outlive a power failure that the files behind it do not.
        os.sync()
        if recipe.place.exists():
            recipe.place.rename(aside)
        staged.rename(recipe.place)
    finally:
        for stale in (beside, aside):
            shutil.rmtree(stale, ignore_errors=True)


def _step(recipe: Recipe, name: str, argv: tuple[str, ...], source: Path, tools: Tools) -> None:
    log = source.parent / f"{name}.log"
    status = tools.logged(argv, source, log)
    if status != 0:
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
        rule = f"{ended}; the last lines of {log} on this host are\n{tail}\n"
        raise HostError(f"{name} of tcpreplay {recipe.version}", None, rule, "Mend what they say, and run again.")


def expect_netmap(log: Path, wanted: str) -> None:
    """Raise ``HostError`` unless the summary in configure's ``log`` says that it took netmap from ``wanted``.

    configure ends well without netmap, too, and looks in other folders as well (tcpreplay configure.ac).
    """
    summaries = _SUMMARY.findall(log.read_text(encoding="utf-8", errors="replace"))
    said = summaries[-1] if summaries else "nothing"
    if said.split() != ["yes", wanted]:
        rule = f"its summary says {said!r} of netmap, not 'yes {wanted}' ({log} on this host)"
        raise HostError("configure of tcpreplay", None, rule, "Check that netmap's source is whole.")


def _prove(recipe: Recipe, executable: str, folder: Path, run: Runner) -> None:
    """Raise ``HostError`` unless what was built runs and is what was asked for."""
    found = find(run, executable)
    said = found.version.version if found else "nothing"
    if found is None or said != recipe.version:
        rule = f"what was built says version {said}, not {recipe.version}"
        raise HostError("tcpreplay", executable, rule, f"Check the source archive, and the logs in {folder}.")
    if recipe.netmap and not found.version.netmap:
        rule = "`-V` does not say 'Optional injection method: netmap'"
        raise HostError("tcpreplay", executable, rule, f"Check the logs in {folder}.")


def _expect_sha256(path: str, expected: str) -> None:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != expected:
        rule = f"has sha256 {digest.hexdigest()}, expected {expected}"
        raise HostError("file", path, rule, "Remove it, so that it is fetched again.")
