"""Take netmap off a host: what was installed, the loaded module, and what a patched driver took the place of."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...netmap.users import holding_drivers
from ...nic.state import restore_found
from ...system.run import Runner, checked
from .boot import take_down
from .initramfs import OPTIONS, refresh
from .install import installed_manifest, running_kernel
from .rebind import Swap, go_stock, interfaces_of, refuse, refuse_users
from .stale_files import STATE_FOLDER

BOOT_FILES = (OPTIONS, "etc/modules-load.d/linerate-netmap.conf")
"""What the role netmap writes so that netmap is loaded at boot, and with its parameters."""


def remove(
    interface: str, environment: dict[str, str], consent: bool, run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Have the stock drivers loaded, the NIC as it was found, and netmap neither loaded, installed nor loaded at boot.

    Returns the steps that were needed. Everything that could stand in the way is looked at first: InputError where
    patched drivers are loaded and ``consent`` is missing or another interface in use would go away, HostError where
    netmap is in use.
    """
    patched = holding_drivers(root)
    if patched and not consent:
        names = [name for driver in patched for name in interfaces_of(driver, root)]
        rule = f"is not given, and {', '.join(names)} would go away for a moment, with {', '.join(patched)}"
        raise InputError("netmap_rebind_ok", None, rule, "Set it to true.")
    swap = Swap(interface, (*patched, *_left_unloaded(interface, root)), environment)
    refuse(swap, run, root)
    refuse_users(root)
    kernels = sorted({running_kernel(root), *(path.stem for path in Path(root, STATE_FOLDER).glob("*.json"))})
    # First, so that a host that is rebooted in the middle does not build it all again.
    steps = [*take_down(run, check, root)]
    steps += [step for kernel in kernels for step in _uninstall(kernel, run, check, root)]
    steps += go_stock(swap, run, check, root)
    if not check:
        # Now that no driver is wanted back.
        for kernel in kernels:
            Path(root, STATE_FOLDER, f"{kernel}.json").unlink(missing_ok=True)
    steps += restore_found(interface, run, root, check)
    steps += _unload(run, check, root)
    steps += _forget_boot(check, root)
    steps += [step for kernel in kernels for step in refresh({"netmap": ""}, kernel, run, check, root)]
    return tuple(steps)


def _left_unloaded(interface: str, root: str) -> tuple[str, ...]:
    """The drivers that a way back which was cut off had taken out, and ``interface`` with them."""
    manifest = installed_manifest(running_kernel(root), root)
    if manifest is None or Path(root, "sys/class/net", interface).exists():
        return ()
    drivers = (name for name in manifest.modules if name != "netmap")
    return tuple(name for name in drivers if not Path(root, "sys/module", name).exists())


def _uninstall(kernel: str, run: Runner, check: bool, root: str) -> list[str]:
    """Remove what the manifest of ``kernel`` names, but the manifest: by it, what is cut off later is resumed."""
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
    """Remove the folders that the installation may have made, once they are empty; never one of the system's own."""
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


def _forget_boot(check: bool, root: str) -> list[str]:
    files = [name for name in BOOT_FILES if Path(root, name).exists()]
    if not check:
        for name in files:
            Path(root, name).unlink()
    return [f"remove /{name}" for name in files]
