"""Build netmap for one kernel, in a folder of its own, and pack the result."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..errors import HostError, InputError
from ..host.lock import locked
from ..host.run import Completed, Runner, tied
from .package import Manifest, pack, sha256, unpack
from .signing import expect_signing, sign
from .spec import BuildSpec, complaint, configure_argv, native_drivers

MODULE_FOLDER = "updates/netmap"
"""Where modules go below /lib/modules/<release>: depmod prefers `updates` to the kernel's own on Debian and on EL."""

NO_ROOM = 1 << 20
"""Bytes; with fewer free ones a step has failed for want of room, whatever it says."""


def build(spec: BuildSpec, source: str, packages: str, work: str, run: Runner, check: bool = False) -> tuple[str, bool]:
    """The path of the package of ``spec`` in the folder ``packages``, and whether it had to be built.

    ``source`` is an archive of netmap's git at that commit, ``work`` where folders to build in are made. The
    package is written last and under its own name at once, so a build that was cut off left none. Raises
    ``InputError`` for an archive of another commit, ``HostError`` where something to build with is missing or
    the build fails.
    """
    package = os.path.join(packages, spec.package_name)
    if is_package_of(spec, package):
        return package, False
    if check:
        return package, True
    kernel_folder = f"/lib/modules/{spec.kernel}/build"
    _expect_tools(spec, kernel_folder)
    if spec.signing:
        expect_signing(spec.signing, kernel_folder)
    _expect_commit(source, spec.commit)
    try:
        os.makedirs(packages, exist_ok=True)
        with _folder(work, spec) as folder:
            # Another process may have built it while this one waited.
            if is_package_of(spec, package):
                return package, False
            manifest, contents = _make(spec, source, kernel_folder, folder, run)
    except OSError as error:
        mend = f"Have room in {work} and {packages}, writable folders, and run again."
        raise HostError("build of netmap", None, f"stopped: {error.strerror}", mend) from error
    pack(package, manifest, contents)
    return package, True


def is_package_of(spec: BuildSpec, path: str) -> bool:
    """Whether ``path`` is a whole package of ``spec``."""
    try:
        return unpack(path)[0].key == spec.key
    except (HostError, InputError):
        return False


def _expect_tools(spec: BuildSpec, kernel_folder: str) -> None:
    if not os.path.exists(os.path.join(kernel_folder, "Makefile")):
        mend = f"Install linux-headers-{spec.kernel} (Debian) or kernel-devel-{spec.kernel} (EL) on the build host."
        raise HostError("headers of kernel", spec.kernel, "are not on the build host", mend)
    for program in ("cc", "make", "patch", "tar"):
        if shutil.which(program) is None:
            mend = "Install build-essential (Debian) or the group Development Tools (EL) on the build host."
            raise HostError("program", program, "is not on the build host", mend)


def _expect_commit(source: str, commit: str) -> None:
    """`git archive` stores the commit in the archive (gitarchive(1)); a tar file of anything else has none."""
    try:
        with tarfile.open(source) as archive:
            # Through to its end: an archive that was cut off names its commit as well.
            archive.getmembers()
            found = archive.pax_headers.get("comment", "none")
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        mend = "Remove it, and run again; or make it with `git archive` in a clone of netmap."
        raise InputError("netmap source", source, f"is no archive that can be read ({error})", mend) from error
    if found != commit:
        mend = f"Make it with `git archive --prefix=netmap/ -o {source} {commit}` in a clone of netmap."
        raise InputError("netmap source", source, f"is of commit {found}, not of {commit}", mend)


@contextmanager
def _folder(work: str, spec: BuildSpec) -> Iterator[Path]:
    """An empty folder for this build, removed afterwards; what a build that was killed left is removed first.

    Another build of the same, for another sender perhaps, is waited for: each of its steps has a time limit.
    """
    name = f"linerate-netmap-{spec.kernel}-{spec.key}"
    with locked(os.path.join(work, f"{name}.lock")):
        for left in Path(work).glob(f"{name}.build-*"):
            shutil.rmtree(left)
        folder = tempfile.mkdtemp(prefix=f"{name}.build-", dir=work)
        try:
            yield Path(folder)
        finally:
            shutil.rmtree(folder)


def _make(
    spec: BuildSpec, source: str, kernel_folder: str, folder: Path, run: Runner
) -> tuple[Manifest, dict[str, bytes]]:
    """Unpack, configure, make, install under the folder, and read what came out."""
    tree, stage, build_folder = folder / "source", folder / "stage", folder / "build"
    for path in (tree, stage, build_folder):
        path.mkdir()
    unpacked = run(["tar", "-xf", source, "-C", str(tree), "--strip-components=1"])
    _expect_success("unpacking netmap", unpacked, folder)
    _put_archives(spec, tree)
    from_kernel = replace(spec, kernel_sources=_kernel_sources(spec, folder, run))
    argv = configure_argv(from_kernel, str(tree / "configure"), kernel_folder, str(stage))
    # Tied to this process: what is killed must not go on writing behind the back of the next attempt.
    configured = run(tied(["env", f"--chdir={build_folder}", *argv], "TERM"))
    _expect_room(configured, folder)
    if configured.returncode != 0:
        mend = "Correct the options, or build without this driver (the adapter is emulated then)."
        raise HostError("configure of netmap", None, f"failed: {complaint(configured.stdout)}", mend)
    drivers = native_drivers(configured.stdout)
    missing = sorted(set(spec.drivers) - set(drivers))
    if missing:
        mend = "Its warnings say why; correct the options, or leave the driver out."
        raise HostError("configure of netmap", None, f"left out {', '.join(missing)}", mend)
    make = ["make", "-C", str(build_folder)]
    _expect_success("make of netmap", run(tied([*make, f"-j{os.cpu_count() or 1}"], "TERM")), folder)
    # Without debug information, which makes the modules twenty times as large.
    made = run(tied([*make, "install", "INSTALL_MOD_STRIP=1"], "TERM"))
    _expect_success("make install of netmap", made, folder)
    if spec.signing:
        # Last: whatever changes a module takes its signature off.
        sign(sorted(stage.rglob("*.ko")), spec.signing, kernel_folder, run)
    contents = _installed(spec, stage)
    _expect_modules(spec, contents)
    files = {name: sha256(content) for name, content in contents.items()}
    options = tuple(option for option in argv[1:] if str(folder) not in option)
    return Manifest(spec.key, spec.commit, spec.kernel, spec.modules, drivers, options, files), contents


def _kernel_sources(spec: BuildSpec, folder: Path, run: Runner) -> str | None:
    """The folder of the kernel's own drivers: the one named, or what the archive that is named holds of them."""
    if spec.kernel_sources is None or not os.path.isfile(spec.kernel_sources):
        return spec.kernel_sources
    tree = folder / "kernel"
    tree.mkdir()
    unpack = ["tar", "-xf", spec.kernel_sources, "-C", str(tree), "--strip-components=1"]
    _expect_success("unpacking the kernel's drivers", run([*unpack, "--wildcards", "*/drivers/net/*"]), folder)
    return str(tree)


def _put_archives(spec: BuildSpec, tree: Path) -> None:
    """Give configure the drivers' sources where it looks before it downloads."""
    for archive in spec.archives:
        with open(archive.path, "rb") as file:
            content = file.read()
        if sha256(content) != archive.sha256:
            mend = "Take the file anew, or correct the sha256."
            raise InputError("driver archive", archive.path, f"has sha256 {sha256(content)}", mend)
        place = tree / "LINUX/ext-drivers" / archive.driver / os.path.basename(archive.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _installed(spec: BuildSpec, stage: Path) -> dict[str, bytes]:
    """What `make install` put under ``stage``, by the path below the root folder where it is to be."""
    modules = f"lib/modules/{spec.kernel}"
    contents = {f"{modules}/{MODULE_FOLDER}/{path.name}": path.read_bytes() for path in stage.rglob("*.ko")}
    for folder in ("usr/local/include", "usr/local/lib"):
        for path in (stage / folder).rglob("*"):
            if path.is_file():
                contents[str(path.relative_to(stage))] = path.read_bytes()
    return contents


def _expect_modules(spec: BuildSpec, contents: dict[str, bytes]) -> None:
    for module in spec.modules:
        path = f"lib/modules/{spec.kernel}/{MODULE_FOLDER}/{module}.ko"
        if path not in contents:
            raise HostError("build of netmap", None, f"gave no {module}.ko", "Look at its output by building by hand.")
        # .modinfo holds `vermagic=<release> ...`; a module of another kernel would only fail when it is loaded.
        if f"vermagic={spec.kernel} ".encode() not in contents[path]:
            mend = f"Install the headers of {spec.kernel} on the build host anew."
            raise HostError("build of netmap", None, f"gave a {module}.ko for another kernel than {spec.kernel}", mend)


def _expect_success(what: str, done: Completed, folder: Path) -> None:
    if done.returncode != 0:
        _expect_room(done, folder)
        said = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-8:])
        raise HostError(what, None, f"ended with {done.returncode}: {said}", "Mend the cause and run again.")


def _expect_room(done: Completed, folder: Path) -> None:
    """Raise ``OSError`` where a step had no room: configure would only conclude that the kernel lacks something."""
    full = os.strerror(errno.ENOSPC)
    if full in done.stdout or full in done.stderr or shutil.disk_usage(folder).free < NO_ROOM:
        raise OSError(errno.ENOSPC, full)
