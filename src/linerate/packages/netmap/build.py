"""Build netmap for one kernel, in a folder of its own, and pack the result."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path

from ...errors import HostError, InputError
from ...system.run import Completed, Runner, tied
from ..build_folders import build_folder, one_at_a_time
from .package import Manifest, pack, sha256, unpack
from .recipe import NOT_DOWNLOADED, OWN_FOLDER, BuildSpec, complaint, configure_argv, native_drivers, not_downloaded
from .signing import expect_signing, sign

MODULE_FOLDER = "updates/netmap"
"""Where modules go below /lib/modules/<release>: depmod prefers `updates` to the kernel's own on Debian and on EL."""

HEADERS = ("lib/modules/{}/build", "usr/src/kernels/{}")
"""Below the root folder. The second is EL's: there the first leads to it, and comes with the kernel itself."""

NO_ROOM = 1 << 20
"""Bytes; with fewer free ones a step has failed for want of room, whatever it says."""

WORK = "linerate-netmap-build-"
"""How the names of the folders begin in which builds work."""


def build(spec: BuildSpec, source: str, packages: str, work: str, run: Runner, check: bool = False) -> tuple[str, bool]:
    """The path of the package of ``spec`` in the folder ``packages``, and whether it had to be built.

    ``source`` is an archive of netmap's git at that commit, ``work`` where folders to build in are made. The
    package is written last and under its own name at once, so a build that was cut off left none. Who comes while
    another builds into the same folder waits, and finds what that one has made: each step has a time limit. Raises
    ``InputError`` for sources that are not what they should be, ``HostError`` where something to build with is
    missing or the build fails.
    """
    package = os.path.join(packages, spec.package_name)
    if is_package_of(spec, package):
        return package, False
    if check:
        return package, True
    kernel_folder = headers_of(spec.kernel)
    _expect_tools(spec)
    if spec.signing:
        expect_signing(spec.signing, kernel_folder)
    _expect_sources(spec, source)
    try:
        os.makedirs(packages, exist_ok=True)
        with one_at_a_time(packages):
            if is_package_of(spec, package):
                return package, False
            with build_folder(work, WORK) as folder:
                try:
                    manifest, contents = _make(spec, source, kernel_folder, folder, run)
                finally:
                    shutil.rmtree(folder)
            pack(package, manifest, contents)
    except OSError as error:
        hint = f"Have room in {work} and {packages}, writable folders, and run again."
        raise HostError("build of netmap", None, f"stopped: {error.strerror}", hint) from error
    return package, True


def is_package_of(spec: BuildSpec, path: str) -> bool:
    """Whether ``path`` is a whole package of ``spec``."""
    try:
        return unpack(path)[0].key == spec.key
    except (HostError, InputError):
        return False


def headers_of(kernel: str, root: str = "/") -> str:
    """The folder of the headers of ``kernel``; ``HostError`` where they are not on this host."""
    folders = [os.path.join(root, place.format(kernel)) for place in HEADERS]
    for folder in folders:
        if os.path.exists(os.path.join(folder, "Makefile")):
            return folder
    hint = f"Install linux-headers-{kernel} (Debian) or kernel-devel-{kernel} (EL) on the build host."
    raise HostError("headers of kernel", kernel, "are not on the build host", hint)


def _expect_tools(spec: BuildSpec) -> None:
    for program in ("cc", "make", "patch", "tar"):
        if shutil.which(program) is None:
            hint = "Install build-essential (Debian) or the group Development Tools (EL) on the build host."
            raise HostError("program", program, "is not on the build host", hint)
    zipped = [archive.path for archive in spec.archives if archive.path.endswith(".zip")]
    if zipped and shutil.which("unzip") is None:
        hint = f"Install the package unzip there; {zipped[0]} is unpacked with it."
        raise HostError("program", "unzip", "is not on the build host", hint)


def _expect_sources(spec: BuildSpec, source: str) -> None:
    for archive in spec.archives:
        if not os.path.isfile(archive.path):
            hint = f"Put the source of {archive.driver} there, or correct the path in netmap_driver_archives."
            raise InputError("driver archive", archive.path, "is not a file on the build host", hint)
    _expect_commit(source, spec.commit)


def _expect_commit(source: str, commit: str) -> None:
    """`git archive` stores the commit in the archive (gitarchive(1)); a tar file of anything else has none."""
    try:
        with tarfile.open(source) as archive:
            # Through to its end: an archive that was cut off names its commit as well.
            archive.getmembers()
            found = archive.pax_headers.get("comment", "none")
    except FileNotFoundError:
        hint = "Put it there, made with `git archive` in a clone of netmap, or let playbooks/netmap.yml do so."
        raise InputError("netmap source", source, "is not there", hint) from None
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        hint = "Remove it, and run again; or make it with `git archive` in a clone of netmap."
        raise InputError("netmap source", source, f"is no archive that can be read ({error})", hint) from error
    if found != commit:
        hint = f"Make it with `git archive --prefix=netmap/ -o {source} {commit}` in a clone of netmap."
        raise InputError("netmap source", source, f"is of commit {found}, not of {commit}", hint)


def _make(
    spec: BuildSpec, source: str, kernel_folder: str, folder: Path, run: Runner
) -> tuple[Manifest, dict[str, bytes]]:
    """Unpack, configure, make, install under the folder, and read what came out."""
    tree, stage, place, programs = (folder / name for name in ("source", "stage", "build", "programs"))
    for path in (tree, stage, place, programs):
        path.mkdir()
    unpacked = run(["tar", "-xf", source, "-C", str(tree), "--strip-components=1"])
    _expect_success("unpacking netmap", unpacked, folder)
    _put_archives(spec, tree)
    from_kernel = replace(spec, kernel_sources=_kernel_sources(spec, folder, run))
    argv = configure_argv(from_kernel, str(tree / "configure"), kernel_folder, str(stage))
    env = ["env", f"--chdir={place}", f"PATH={_without_downloads(programs)}"]
    # Tied to this process: what is killed must not go on writing behind the back of the next attempt.
    configured = run(tied([*env, *argv], "TERM"))
    _expect_room(configured, folder)
    if configured.returncode != 0:
        _expect_archives(spec, configured.stdout)
        hint = "Correct the options, or build without this driver (the adapter is emulated then)."
        raise HostError("configure of netmap", None, f"failed: {complaint(configured.stdout)}", hint)
    drivers = native_drivers(configured.stdout)
    missing = sorted(set(spec.drivers) - set(drivers))
    if missing:
        hint = "Its warnings say why; correct the options, or leave the driver out."
        raise HostError("configure of netmap", None, f"left out {', '.join(missing)}", hint)
    make = [*env, "make"]
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
            hint = "Take the file anew, or correct the sha256."
            raise InputError("driver archive", archive.path, f"has sha256 {sha256(content)}", hint)
        place = tree / "LINUX/ext-drivers" / (archive.driver if archive.driver in OWN_FOLDER else "")
        place.mkdir(parents=True, exist_ok=True)
        (place / os.path.basename(archive.path)).write_bytes(content)


def _without_downloads(folder: Path) -> str:
    """A PATH that begins with programs that refuse to download: netmap holds what it fetches against no checksum."""
    for name in ("curl", "git", "wget"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{NOT_DOWNLOADED}$*"\nexit 1\n', encoding="ascii")
        program.chmod(0o755)
    return f"{folder}:{os.environ.get('PATH', os.defpath)}"


def _expect_archives(spec: BuildSpec, report: str) -> None:
    """Raise ``InputError`` where configure has looked for a driver's source that was not given."""
    wanted = not_downloaded(report)
    if wanted:
        given = ", ".join(os.path.basename(archive.path) for archive in spec.archives) or "none"
        rule = f"is what netmap looks for; given is {given}, and nothing is downloaded without a sha256"
        hint = "Give that file under this name in netmap_driver_archives, or the version that you have in "
        hint += "netmap_select_versions."
        raise InputError("driver archive", wanted, rule, hint)


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
            hint = f"Install the headers of {spec.kernel} on the build host anew."
            raise HostError("build of netmap", None, f"gave a {module}.ko for another kernel than {spec.kernel}", hint)


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
