"""Remove netmap from a host: the installed files, the loaded module, and the patched drivers."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...netmap.module import running_kernel
from ...netmap.users import holding_drivers
from ...nic.state import restore_found
from ...system.run import Runner, checked
from .boot import take_down
from .initramfs import OPTIONS, refresh
from .install import installed_manifest
from .rebind import Swap, go_stock, interfaces_of, refuse, refuse_users
from .stale_files import STATE_FOLDER

BOOT_FILES = (OPTIONS, "etc/modules-load.d/linerate-netmap.conf")
"""The files of role netmap that load netmap at boot, with its parameters."""


def remove(
    interface: str, environment: dict[str, str], consent: bool, run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Load the stock drivers, restore the NIC, and unload and uninstall netmap; the steps that were needed.

    All obstacles are checked first: InputError when patched drivers are loaded and ``consent`` is missing or another
    interface in use would go down, HostError when netmap is in use.
    """
    patched = holding_drivers(root)
    if patched and not consent:
        names = [name for driver in patched for name in interfaces_of(driver, root)]
        rule = f"is not set, and {', '.join(names)} would disappear briefly while {', '.join(patched)} is replaced"
        raise InputError("netmap_rebind_ok", None, rule, "Set it to true.")
    swap = Swap(interface, (*patched, *_unloaded_drivers(interface, root)), environment)
    refuse(swap, run, root)
    refuse_users(root)
    kernels = sorted({running_kernel(root), *(path.stem for path in Path(root, STATE_FOLDER).glob("*.json"))})
    # First, so that a host that reboots in between does not build it again.
    steps = [*take_down(run, check, root)]
    steps += [step for kernel in kernels for step in _uninstall(kernel, run, check, root)]
    steps += go_stock(swap, run, check, root)
    if not check:
        # After the drivers: the manifest tells an interrupted removal which drivers to load.
        for kernel in kernels:
            Path(root, STATE_FOLDER, f"{kernel}.json").unlink(missing_ok=True)
    steps += restore_found(interface, run, root, check)
    steps += _unload(run, check, root)
    steps += _remove_boot_files(check, root)
    steps += [step for kernel in kernels for step in refresh({"netmap": ""}, kernel, run, check, root)]
    return tuple(steps)


def _unloaded_drivers(interface: str, root: str) -> tuple[str, ...]:
    """The drivers that an interrupted removal unloaded, and ``interface`` with them."""
    manifest = installed_manifest(running_kernel(root), root)
    if manifest is None or Path(root, "sys/class/net", interface).exists():
        return ()
    drivers = (name for name in manifest.modules if name != "netmap")
    return tuple(name for name in drivers if not Path(root, "sys/module", name).exists())


def _uninstall(kernel: str, run: Runner, check: bool, root: str) -> list[str]:
    """Remove the files in the manifest of ``kernel``; the manifest stays, to resume an interrupted removal."""
    manifest = installed_manifest(kernel, root)
    if manifest is None:
        return []
    files = [Path(root, name) for name in sorted(manifest.files) if Path(root, name).exists()]
    steps = [f"remove /{path.relative_to(root)}" for path in files] + [f"depmod -a {kernel}"]
    if check:
        return steps
    for path in files:
        path.unlink()
        _remove_empty(path.parent)
    if Path(root, "lib/modules", kernel, "modules.dep").exists():
        checked(run(["depmod", "-a", kernel]))
    return steps


def _remove_empty(folder: Path) -> None:
    """Remove the folders that the installation may have created, when they are empty; never the system's own."""
    while folder.name in ("netmap", "updates", "net") and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _unload(run: Runner, check: bool, root: str) -> list[str]:
    if not Path(root, "sys/module/netmap").exists():
        return []
    if not check:
        # By rmmod: modprobe no longer knows the module's file.
        checked(run(["rmmod", "netmap"]))
    return ["rmmod netmap"]


def _remove_boot_files(check: bool, root: str) -> list[str]:
    files = [name for name in BOOT_FILES if Path(root, name).exists()]
    if not check:
        for name in files:
            Path(root, name).unlink()
    return [f"remove /{name}" for name in files]
