"""Install the package of the running kernel on a host."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ...errors import HostError, InputError
from ...netmap.module import is_loaded_from, running_kernel
from ...system.files import write_whole
from ...system.lock import exclusive
from ...system.run import Runner
from ..archive import read_manifest
from ..install import Installed, differing_files, unpack_for
from ..paths import usable
from .build import MODULE_FOLDER
from .load import check_success, refuse_users_of_other_build
from .recipe import Manifest
from .stale_files import STATE_FOLDER, remove_stale, stale_files

_API = re.compile(r"^#define\s+NETMAP_API\s+(\d+)", re.MULTILINE)

LOCK = "run/linerate-netmap.lock"
"""Below the root folder; held while netmap on the host is changed."""


def installed_manifest(kernel: str, root: str = "/") -> Manifest | None:
    """The manifest of what is installed for ``kernel``; None when nothing is, or not completely."""
    path = _state_file(kernel, root)
    try:
        return read_manifest(path.read_bytes(), str(path), Manifest)
    except (FileNotFoundError, InputError):
        return None


def install(package: str, run: Runner, check: bool = False, root: str = "/") -> Installed[Manifest]:
    """Install the files of ``package``, make modprobe find them, and remove those of an earlier package.

    The files for kernels that are no longer on the host are removed as well. Raises ``InputError`` when the package
    is for another kernel than the running one, ``HostError`` when another build is loaded and in use.
    """
    manifest, contents = unpack_for(f"kernel {running_kernel(root)}", package, Manifest)
    if not is_loaded_from(contents[_module_path(manifest, "netmap")], root):
        refuse_users_of_other_build(root, but=manifest.modules)
    if check:
        return _install(manifest, contents, run, check, root)
    with exclusive(os.path.join(root, LOCK), create=True):
        return _install(manifest, contents, run, check, root)


def api_version(manifest: Manifest, root: str = "/") -> int | None:
    """NETMAP_API of the installed headers (sys/net/netmap.h), netmap's only version number; None without headers."""
    headers = (Path(root, name) for name in manifest.files if name.endswith("/net/netmap.h"))
    for header in headers:
        match = _API.search(header.read_text(encoding="utf-8"))
        return int(match[1]) if match else None
    return None


def _install(
    manifest: Manifest, contents: Mapping[str, bytes], run: Runner, check: bool, root: str
) -> Installed[Manifest]:
    before = installed_manifest(manifest.kernel, root)
    write = differing_files(manifest.files, root)
    remove = [name for name in sorted(before.files) if name not in contents] if before else []
    remove = [name for name in remove if Path(root, name).exists()]
    stale = stale_files(MODULE_FOLDER, manifest.kernel, root)
    stale_steps = tuple(f"remove /{path.relative_to(root)}" for path in stale)
    steps = [*(f"write /{name}" for name in write), *(f"remove /{name}" for name in remove)]
    if not check:
        remove_stale(stale, root)
    if before == manifest and not steps and _is_known(manifest, run):
        return Installed(manifest, stale_steps)
    steps.append(f"depmod -a {manifest.kernel}")
    if not check:
        # Until the state is written again below, nothing counts as installed.
        state = _state_file(manifest.kernel, root)
        state.unlink(missing_ok=True)
        _change_files(contents, write, remove, root)
        _label(manifest.kernel, run, root)
        check_success(run(["depmod", "-a", manifest.kernel]))
        if not _is_known(manifest, run):
            hint = "See the file that `modinfo -n` prints, and the `search` lines of depmod.d(5)."
            raise HostError("modprobe", manifest.kernel, "does not find the installed modules", hint)
        state.parent.mkdir(parents=True, exist_ok=True)
        write_whole(state, manifest.as_json())
    return Installed(manifest, (*stale_steps, *steps))


def _state_file(kernel: str, root: str) -> Path:
    return Path(root, STATE_FOLDER, f"{kernel}.json")


def _module_path(manifest: Manifest, module: str) -> str:
    return f"lib/modules/{manifest.kernel}/{MODULE_FOLDER}/{module}.ko"


def _is_known(manifest: Manifest, run: Runner) -> bool:
    """Whether modprobe would load each module from the package's place."""
    for module in manifest.modules:
        path = run(["modinfo", "-k", manifest.kernel, "-n", module]).stdout.strip()
        if not path.endswith(f"/{_module_path(manifest, module)}"):
            return False
    return True


def _change_files(contents: Mapping[str, bytes], write: list[str], remove: list[str], root: str) -> None:
    for name in write:
        path = Path(root, name)
        with usable(str(path.parent), "cannot be created", "Create it."):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, contents[name])
    for name in remove:
        Path(root, name).unlink()


def _label(kernel: str, run: Runner, root: str) -> None:
    """Set the SELinux labels of the new files when SELinux is enabled."""
    if Path(root, "sys/fs/selinux/enforce").exists():
        check_success(run(["restorecon", "-R", f"/lib/modules/{kernel}"]))
