"""Put the package of the running kernel on a host, and have it loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import HostError, InputError
from ..files import write_whole
from ..host.run import Completed, Runner
from .build import MODULE_FOLDER
from .package import Manifest, read_manifest, sha256, unpack

STATE_FOLDER = "var/lib/linerate/netmap"
"""Below the root folder; holds the manifest of what is installed, one file a kernel."""


@dataclass(frozen=True)
class Installed:
    """What is on the host now, and the steps that were needed (in check mode: would be)."""

    manifest: Manifest
    steps: tuple[str, ...]


def installed_manifest(kernel: str, root: str = "/") -> Manifest | None:
    """What was installed for ``kernel``; None where nothing was, or not to its end."""
    path = _state_file(kernel, root)
    try:
        return read_manifest(path.read_bytes(), str(path))
    except (FileNotFoundError, InputError):
        return None


def install(package: str, run: Runner, check: bool = False, root: str = "/") -> Installed:
    """Have the files of ``package`` on this host, modprobe know them, and nothing left of an earlier package.

    Raises ``InputError`` where the package is of another kernel than the one that runs.
    """
    manifest, contents = unpack(package)
    kernel = running_kernel(root)
    if manifest.kernel != kernel:
        mend = f"Build netmap for {kernel}."
        raise InputError("netmap package", package, f"is for kernel {manifest.kernel}, and {kernel} runs", mend)
    before = installed_manifest(kernel, root)
    write = [name for name in sorted(contents) if not _is_there(name, manifest, root)]
    remove = [name for name in sorted(before.files) if name not in contents] if before else []
    remove = [name for name in remove if Path(root, name).exists()]
    steps = [*(f"write /{name}" for name in write), *(f"remove /{name}" for name in remove)]
    whole = before == manifest and not steps and _known(manifest, run)
    if whole:
        return Installed(manifest, ())
    steps.append(f"depmod -a {kernel}")
    if not check:
        # Until it is written again below, nothing counts as installed.
        _state_file(kernel, root).unlink(missing_ok=True)
        _change(contents, write, remove, root)
        _label(kernel, run, root)
        _expect_success(run(["depmod", "-a", kernel]))
        if not _known(manifest, run):
            mend = "See which file `modinfo -n` names, and the `search` lines of depmod.d(5)."
            raise HostError("modprobe", kernel, "does not take the modules that were installed", mend)
        _state_file(kernel, root).parent.mkdir(parents=True, exist_ok=True)
        write_whole(_state_file(kernel, root), manifest.as_json())
    return Installed(manifest, tuple(steps))


def load(parameters: Mapping[str, str], run: Runner, check: bool = False, root: str = "/") -> tuple[str, ...]:
    """Have netmap loaded, as it is installed, with these parameters; the steps that were needed.

    A module of an earlier build is taken out first, which fails where a driver uses it. Parameters of a module
    that stays are set in place. Raises ``HostError`` where the kernel does not take them.
    """
    steps: list[str] = []
    loaded = Path(root, "sys/module/netmap").exists()
    if loaded and not is_current(run, root):
        steps.append("modprobe -r netmap")
        loaded = False
    if not loaded:
        steps.append(" ".join(["modprobe", "netmap", *(f"{name}={value}" for name, value in parameters.items())]))
    if not check:
        for step in steps:
            _expect_success(run(step.split()))
    if loaded:
        for name, value in parameters.items():
            if read_parameters(root).get(name) != value:
                steps.append(f"write /sys/module/netmap/parameters/{name}: {value}")
                if not check:
                    _set(name, value, root)
    if steps and not check:
        _expect_parameters(parameters, root)
    return tuple(steps)


def is_current(run: Runner, root: str = "/", module: str = "netmap") -> bool:
    """Whether the loaded ``module`` is the file modprobe would load, by its build id.

    The kernel shows the note that the linker put into the module (ld(1), --build-id); not every kernel
    has a srcversion.
    """
    try:
        note = Path(root, "sys/module", module, "notes/.note.gnu.build-id").read_bytes()
    except FileNotFoundError:
        return False
    named = Path(root, run(["modinfo", "-n", module]).stdout.strip().lstrip("/"))
    return named.is_file() and note in named.read_bytes()


def read_parameters(root: str = "/") -> dict[str, str]:
    """The parameters of the loaded netmap by name; none where it is not loaded."""
    folder = Path(root, "sys/module/netmap/parameters")
    files = sorted(folder.iterdir()) if folder.exists() else []
    return {path.name: path.read_text(encoding="ascii").strip() for path in files if os.access(path, os.R_OK)}


def running_kernel(root: str = "/") -> str:
    """What `uname -r` prints."""
    return Path(root, "proc/sys/kernel/osrelease").read_text(encoding="ascii").strip()


def _state_file(kernel: str, root: str) -> Path:
    return Path(root, STATE_FOLDER, f"{kernel}.json")


def _is_there(name: str, manifest: Manifest, root: str) -> bool:
    path = Path(root, name)
    return path.is_file() and sha256(path.read_bytes()) == manifest.files[name]


def _known(manifest: Manifest, run: Runner) -> bool:
    """Whether modprobe would take each module from where the package put it."""
    for module in manifest.modules:
        named = run(["modinfo", "-k", manifest.kernel, "-n", module]).stdout.strip()
        if not named.endswith(f"/lib/modules/{manifest.kernel}/{MODULE_FOLDER}/{module}.ko"):
            return False
    return True


def _change(contents: Mapping[str, bytes], write: list[str], remove: list[str], root: str) -> None:
    for name in write:
        path = Path(root, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError("folder", str(path.parent), f"cannot be made: {error.strerror}", "Make it.") from error
        write_whole(path, contents[name])
    for name in remove:
        Path(root, name).unlink()


def _label(kernel: str, run: Runner, root: str) -> None:
    """Give the new files their SELinux labels, where SELinux is enabled."""
    if Path(root, "sys/fs/selinux/enforce").exists():
        _expect_success(run(["restorecon", "-R", f"/lib/modules/{kernel}"]))


def _set(name: str, value: str, root: str) -> None:
    path = Path(root, "sys/module/netmap/parameters", name)
    try:
        path.write_text(value, encoding="ascii")
    except OSError as error:
        mend = "Take a parameter of `modinfo -p netmap`, and a value it allows."
        raise HostError("netmap parameter", name, f"cannot be set to {value}: {error.strerror}", mend) from error


def _expect_parameters(parameters: Mapping[str, str], root: str) -> None:
    found = read_parameters(root)
    for name, value in parameters.items():
        if found.get(name) != value:
            mend = "Take a parameter of `modinfo -p netmap`, and a value as the kernel writes it (Y, not 1)."
            raise HostError("netmap parameter", name, f"is {found.get(name)}, not {value}, after loading", mend)


def _expect_success(done: Completed) -> None:
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        mend = "Mend the cause and run again."
        if "Key was rejected" in said or "Required key not available" in said:
            mend = "Secure Boot refuses unsigned modules: sign them with an enrolled key, or turn Secure Boot off."
        raise HostError("command", " ".join(done.argv), f"ended with {done.returncode}: {said}", mend)
