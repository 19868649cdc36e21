"""Put the package of the running kernel on a host, and have it loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import HostError, InputError
from ...netmap.users import holding_drivers, holding_processes
from ...system.files import write_whole
from ...system.lock import exclusive
from ...system.run import Completed, Runner, checked
from .build import MODULE_FOLDER
from .package import Manifest, read_manifest, sha256, unpack
from .stale_files import STATE_FOLDER, forget, left_behind

_API = re.compile(r"^#define\s+NETMAP_API\s+(\d+)", re.MULTILINE)

LOCK = "run/linerate-netmap.lock"
"""Below the root folder; whoever changes netmap on the host holds it."""


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

    What was installed for kernels that are gone from the host is removed as well. Raises ``InputError`` where the
    package is of another kernel than the one that runs, ``HostError`` where another build is loaded and in use.
    """
    manifest, contents = unpack(package)
    kernel = running_kernel(root)
    if manifest.kernel != kernel:
        hint = f"Build netmap for {kernel}."
        raise InputError("netmap package", package, f"is for kernel {manifest.kernel}, and {kernel} runs", hint)
    if not _is_loaded_from(contents[_module_path(manifest, "netmap")], root):
        _refuse_users(root, but=manifest.modules)
    if check:
        return _install(manifest, contents, run, check, root)
    with exclusive(os.path.join(root, LOCK), create=True):
        return _install(manifest, contents, run, check, root)


def _install(manifest: Manifest, contents: Mapping[str, bytes], run: Runner, check: bool, root: str) -> Installed:
    before = installed_manifest(manifest.kernel, root)
    write = [name for name in sorted(contents) if not _is_there(name, manifest, root)]
    remove = [name for name in sorted(before.files) if name not in contents] if before else []
    remove = [name for name in remove if Path(root, name).exists()]
    gone = left_behind(MODULE_FOLDER, manifest.kernel, root)
    forgotten = tuple(f"remove /{path.relative_to(root)}" for path in gone)
    steps = [*(f"write /{name}" for name in write), *(f"remove /{name}" for name in remove)]
    if not check:
        forget(gone, root)
    if before == manifest and not steps and _known(manifest, run):
        return Installed(manifest, forgotten)
    steps.append(f"depmod -a {manifest.kernel}")
    if not check:
        # Until it is written again below, nothing counts as installed.
        state = _state_file(manifest.kernel, root)
        state.unlink(missing_ok=True)
        _change(contents, write, remove, root)
        _label(manifest.kernel, run, root)
        _expect_success(run(["depmod", "-a", manifest.kernel]))
        if not _known(manifest, run):
            hint = "See which file `modinfo -n` names, and the `search` lines of depmod.d(5)."
            raise HostError("modprobe", manifest.kernel, "does not take the modules that were installed", hint)
        state.parent.mkdir(parents=True, exist_ok=True)
        write_whole(state, manifest.as_json())
    return Installed(manifest, (*forgotten, *steps))


def load(
    parameters: Mapping[str, str], run: Runner, check: bool = False, root: str = "/", leaving: Sequence[str] = ()
) -> tuple[str, ...]:
    """Have netmap loaded, as it is installed, with these parameters; the steps that were needed.

    A module of an earlier build is taken out first; drivers in ``leaving`` are unloaded by then. Parameters of a
    module that stays are set in place. Raises ``HostError`` where something uses the module that is to be taken out,
    naming it, and where the kernel does not take the module or a parameter.
    """
    refuse_unknown(parameters, run)
    steps: list[str] = []
    loaded = Path(root, "sys/module/netmap").exists()
    if loaded and not is_current(run, root):
        _refuse_users(root, but=leaving)
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


def refuse_unknown(parameters: Mapping[str, str], run: Runner) -> None:
    """InputError where the installed netmap has no such parameter: the kernel would load it, and say nothing."""
    # `modinfo -p` prints a line `name:what it is for (type)` for each; nothing where netmap is not installed yet.
    known = [line.partition(":")[0] for line in run(["modinfo", "-p", "netmap"]).stdout.splitlines()]
    for name in parameters:
        if known and name not in known:
            hint = f"Take one of {', '.join(sorted(known))}."
            raise InputError("netmap_module_options", name, "is no parameter of the installed netmap", hint)


def api_version(manifest: Manifest, root: str = "/") -> int | None:
    """NETMAP_API of the installed headers (sys/net/netmap.h): the one version that netmap has; None without them."""
    headers = (Path(root, name) for name in manifest.files if name.endswith("/net/netmap.h"))
    for header in headers:
        found = _API.search(header.read_text(encoding="utf-8"))
        return int(found[1]) if found else None
    return None


def is_current(run: Runner, root: str = "/", module: str = "netmap") -> bool:
    """Whether the loaded ``module`` is the file modprobe would load, by its build id.

    The kernel shows the note that the linker put into the module (ld(1), --build-id); not every kernel
    has a srcversion.
    """
    named = Path(root, run(["modinfo", "-n", module]).stdout.strip().lstrip("/"))
    return named.is_file() and _is_loaded_from(named.read_bytes(), root, module)


def read_parameters(root: str = "/") -> dict[str, str]:
    """The parameters of the loaded netmap by name; none where it is not loaded."""
    folder = Path(root, "sys/module/netmap/parameters")
    files = sorted(folder.iterdir()) if folder.exists() else []
    return {path.name: path.read_text(encoding="ascii").strip() for path in files if os.access(path, os.R_OK)}


def running_kernel(root: str = "/") -> str:
    """What `uname -r` prints."""
    return Path(root, "proc/sys/kernel/osrelease").read_text(encoding="ascii").strip()


def _is_loaded_from(content: bytes, root: str, module: str = "netmap") -> bool:
    try:
        return Path(root, "sys/module", module, "notes/.note.gnu.build-id").read_bytes() in content
    except FileNotFoundError:
        return False


def _refuse_users(root: str, but: Sequence[str] = ()) -> None:
    """Raise ``HostError`` where a process, or a driver other than ``but``, uses the netmap that is loaded."""
    processes = holding_processes(root)
    drivers = tuple(driver for driver in holding_drivers(root) if driver not in but)
    users = [*(f"process {name}" for name in processes), *(f"driver {name}" for name in drivers)]
    count = Path(root, "sys/module/netmap/refcnt")
    if not users and not but and count.exists() and count.read_text(encoding="ascii").strip() != "0":
        users = [f"something that does not show (reference count {count.read_text(encoding='ascii').strip()})"]
    if users:
        rule = f"is loaded from another build, which {', '.join(users)} uses"
        hint = "End it, and run again." if processes else "Run playbooks/restore.yml first, or reboot."
        raise HostError("netmap", None, rule, hint)


def _state_file(kernel: str, root: str) -> Path:
    return Path(root, STATE_FOLDER, f"{kernel}.json")


def _module_path(manifest: Manifest, module: str) -> str:
    return f"lib/modules/{manifest.kernel}/{MODULE_FOLDER}/{module}.ko"


def _is_there(name: str, manifest: Manifest, root: str) -> bool:
    path = Path(root, name)
    return path.is_file() and sha256(path.read_bytes()) == manifest.files[name]


def _known(manifest: Manifest, run: Runner) -> bool:
    """Whether modprobe would take each module from where the package put it."""
    for module in manifest.modules:
        named = run(["modinfo", "-k", manifest.kernel, "-n", module]).stdout.strip()
        if not named.endswith(f"/{_module_path(manifest, module)}"):
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
        hint = "Take a parameter of `modinfo -p netmap`, and a value it allows."
        raise HostError("netmap parameter", name, f"cannot be set to {value}: {error.strerror}", hint) from error


def _expect_parameters(parameters: Mapping[str, str], root: str) -> None:
    found = read_parameters(root)
    for name, value in parameters.items():
        if found.get(name) != value:
            hint = "Take a parameter of `modinfo -p netmap`, and a value as the kernel writes it (Y, not 1)."
            raise HostError("netmap parameter", name, f"is {found.get(name)}, not {value}, after loading", hint)


def _expect_success(done: Completed) -> None:
    if "Key was rejected" in done.stderr or "Required key not available" in done.stderr:
        hint = "Secure Boot wants modules that an enrolled key has signed: give netmap_signing_key and "
        hint += "netmap_signing_certificate, enrol it by `mokutil --import CERTIFICATE`, and reboot; or turn "
        hint += "Secure Boot off in the firmware's setup."
        checked(done, hint)
    checked(done)
