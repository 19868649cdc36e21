"""Replace the loaded build of a NIC's driver by another one, and restore the NIC's settings.

netmap's native adapter needs the patched driver, which is installed in addition to the stock one under the same name;
modprobe prefers the one in the folder `updates`. All interfaces of the driver disappear while it is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...errors import HostError, InputError
from ...netmap.adapter import driver_of
from ...netmap.module import is_current, running_kernel
from ...netmap.users import holding_drivers, holding_processes
from ...nic.state import NicState, read_state, restore_state, store_found
from ...nic.topology import Topology
from ...nic.use import Management, uses
from ...system.run import Runner, checked
from .build import MODULE_FOLDER
from .load import load, refuse_unknown

INTERFACE_SECONDS = 60.0
"""How long an interface may take to reappear under its name; udev renames it."""

CARRIER_SECONDS = 60.0
"""How long its link may take to come up again, if it was up."""


@dataclass(frozen=True)
class Swap:
    """``interface`` sends; ``drivers`` are the modules to replace by another build, by the kernel's names."""

    interface: str
    drivers: tuple[str, ...]
    environment: Mapping[str, str]


def refuse(swap: Swap, run: Runner, root: str = "/") -> None:
    """InputError when an interface in use, other than the sending one, has one of the drivers.

    A patched driver is also loaded at the next boot, for every NIC that it drives: so all of ``drivers`` count, not
    only that of the sending interface.
    """
    topology = Topology(run, root)
    for driver in swap.drivers:
        names = interfaces_of(driver, root)
        for name in names:
            # The sending interface may have addresses: consent covers them.
            management = Management(swap.environment, partial(_is_sender, name == swap.interface))
            path = topology.path(name)
            use = next(uses(path[0], path, topology, management), None)
            if use:
                rule = f"{use.rule}, and would disappear with its driver {driver}, which drives {', '.join(names)}"
                hint = f"Remove {driver} from netmap_drivers, or send from a NIC of another driver: "
                hint += f"netmap_rebind_ok consents for {swap.interface} only."
                raise InputError("interface", name, rule, hint)


def _is_sender(sends: bool, address: object) -> bool:
    return sends


def go_native(
    swap: Swap, parameters: Mapping[str, str], run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Load netmap with ``parameters``, and the patched driver of the sending interface; the steps needed.

    When the driver is not in ``swap.drivers``, netmap alone is loaded (the adapter is emulated). Raises as
    :func:`refuse` and ``load`` do, and HostError when the interface does not reappear with the patched driver: the
    stock driver is restored then, now and for the next boot.
    """
    # A file in its folder: an empty name would match the folder of all interfaces.
    if not Path(root, "sys/class/net", swap.interface, "mtu").exists():
        hint = f"Use one that `ip link` lists, or load its driver: modprobe {' '.join(swap.drivers)}."
        raise HostError("interface", swap.interface, "does not exist on this host", hint)
    driver = driver_of(swap.interface, root)
    if driver not in swap.drivers or is_native(driver, run, root):
        return load(parameters, run, check, root)
    refuse(swap, run, root)
    refuse_users(root)
    # Before the interface disappears.
    refuse_unknown(parameters, run)
    if check:
        return (f"rmmod {driver}", *load(parameters, run, check, root, leaving=(driver,)), f"modprobe {driver}")
    store_found(read_state(swap.interface, run, root), root)
    before = _states(driver, run, root)
    # Not by `modprobe -r`: whether that also unloads netmap depends on the files on the disk.
    checked(run(["rmmod", driver]))
    try:
        loaded = load(parameters, run, check, root)
        checked(run(["modprobe", driver]))
        restored = _bring_back(before, run, root)
        if driver not in holding_drivers(root):
            raise HostError("driver", driver, "does not use netmap after loading", f"Run `modinfo {driver}`.")
    except HostError as error:
        _fall_back(driver, before, error, run, root)
    return (f"rmmod {driver}", *loaded, f"modprobe {driver}", *restored)


def go_stock(swap: Swap, run: Runner, check: bool = False, root: str = "/") -> tuple[str, ...]:
    """Load the stock build of ``swap.drivers``; the steps needed.

    The patched files must have been removed and depmod must have run; not so in check mode.
    """
    steps: list[str] = []
    for driver in swap.drivers:
        before = _states(driver, run, root)
        loaded = Path(root, "sys/module", driver).exists()
        commands = [*([["rmmod", driver]] if loaded else []), ["modprobe", driver]]
        steps += [" ".join(command) for command in commands]
        if not check:
            for command in commands:
                checked(run(command))
            if not loaded:
                _await_interface(swap.interface, root)
            steps += _bring_back(before, run, root)
    return tuple(steps)


def is_native(driver: str, run: Runner, root: str = "/") -> bool:
    """Whether the loaded ``driver`` uses netmap, and both are the files that modprobe would load."""
    return driver in holding_drivers(root) and is_current(run, root, driver) and is_current(run, root)


def refuse_users(root: str = "/") -> None:
    """HostError when a process has netmap open: neither netmap nor a patched driver can be unloaded then."""
    users = holding_processes(root)
    if users:
        hint = "Wait until they end, or end them, and run again."
        raise HostError("netmap", None, f"is in use by {', '.join(users)}", hint)


def interfaces_of(driver: str, root: str = "/") -> tuple[str, ...]:
    """The interfaces that ``driver`` drives."""
    names = sorted(path.name for path in Path(root, "sys/class/net").iterdir())
    return tuple(name for name in names if driver_of(name, root) == driver)


@dataclass(frozen=True)
class _Before:
    state: NicState
    carrier: bool


def _states(driver: str, run: Runner, root: str) -> dict[str, _Before]:
    return {
        name: _Before(read_state(name, run, root), _has_carrier(name, root)) for name in interfaces_of(driver, root)
    }


def _bring_back(before: Mapping[str, _Before], run: Runner, root: str) -> list[str]:
    """Wait for the interfaces, and restore their settings; the commands that were needed."""
    steps: list[str] = []
    for name in before:
        _await_interface(name, root)
    for was in before.values():
        steps += restore_state(was.state, run, root)
    for name, was in before.items():
        if was.carrier and not _wait(partial(_has_carrier, name, root), CARRIER_SECONDS):
            rule = f"has no link {CARRIER_SECONDS:g} s after it reappeared"
            raise HostError("interface", name, rule, "Read the kernel's messages: dmesg.")
    return steps


def _await_interface(name: str, root: str) -> None:
    if not _wait(Path(root, "sys/class/net", name).exists, INTERFACE_SECONDS):
        rule = f"did not reappear within {INTERFACE_SECONDS:g} s"
        raise HostError("interface", name, rule, "Read the kernel's messages: dmesg.")


def _fall_back(driver: str, before: Mapping[str, _Before], error: HostError, run: Runner, root: str) -> None:
    """Restore the stock driver, for the next boot as well, and raise ``error`` with the outcome."""
    kernel = running_kernel(root)
    Path(root, f"lib/modules/{kernel}/{MODULE_FOLDER}/{driver}.ko").unlink(missing_ok=True)
    try:
        checked(run(["depmod", "-a", kernel]))
        # It fails when the driver is not loaded, which is fine.
        run(["rmmod", driver])
        checked(run(["modprobe", driver]))
        _bring_back(before, run, root)
        outcome = "the stock driver is restored"
    except HostError as second:
        outcome = f"and the stock driver could not be restored either: {second}"
    hint = "Remove it from netmap_drivers (the adapter is emulated then), or run again."
    rule = f"could not replace the stock one ({error.subject} {error.value}: {error.rule}); {outcome}"
    raise HostError("patched driver", driver, rule, hint) from error


def _has_carrier(interface: str, root: str) -> bool:
    try:
        return Path(root, "sys/class/net", interface, "carrier").read_text(encoding="ascii").strip() == "1"
    except OSError:
        # The interface does not exist, or is down: the kernel answers EINVAL then.
        return False


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
