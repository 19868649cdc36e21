"""Have another build of a NIC's driver take the place of the loaded one, and the NIC come back as it was.

netmap's native adapter needs the patched driver, which stands beside the stock one under the same name; modprobe
takes the one in the folder `updates`. While they change places, all interfaces of the driver are gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...errors import HostError, InputError
from ...netmap.adapter import driver_of
from ...netmap.users import holding_drivers, holding_processes
from ...nic.state import NicState, read_state, restore_state, store_found
from ...nic.use import addresses, default_route_interfaces, ssh_interface, uppers
from ...system.run import Runner, checked
from .build import MODULE_FOLDER
from .install import is_current, load, refuse_unknown, running_kernel

INTERFACE_SECONDS = 60.0
"""How long an interface may take to come back under its name; udev renames it."""

CARRIER_SECONDS = 60.0
"""How long it may take to have a carrier again, where it had one."""


@dataclass(frozen=True)
class Swap:
    """``interface`` sends; ``drivers`` are the modules whose builds are to change places, by the kernel's names."""

    interface: str
    drivers: tuple[str, ...]
    environment: Mapping[str, str]


def modules_of(drivers: Sequence[str]) -> tuple[str, ...]:
    """The kernel's names of drivers by netmap's names (``veth.c`` is of the module veth)."""
    return tuple(sorted({name[:-2] if name.endswith(".c") else name for name in drivers}))


def refuse(swap: Swap, run: Runner, root: str = "/") -> None:
    """InputError where an interface in use, other than the sending one, has one of the drivers.

    A patched driver is also loaded at the next boot, for whatever NIC it drives: so all of ``drivers`` count, not
    only the sending interface's.
    """
    ssh = ssh_interface(swap.environment, run)
    routes = default_route_interfaces(root)
    configured = addresses(run)
    for driver in swap.drivers:
        names = interfaces_of(driver, root)
        for name in names:
            uses = [f"carries {upper}" for upper in uppers(name, root)]
            if name in routes:
                uses.insert(0, "carries the default route")
            if name == ssh:
                uses.insert(0, "carries the SSH session")
            if name != swap.interface and name in configured:
                uses.append(f"has the address {configured[name][0]}")
            if uses:
                rule = f"{uses[0]}, and would go away with its driver {driver}, which drives {', '.join(names)}"
                hint = f"Leave {driver} out of netmap_drivers, or send from a NIC of another driver: "
                hint += f"netmap_rebind_ok consents for {swap.interface} alone."
                raise InputError("interface", name, rule, hint)


def go_native(
    swap: Swap, parameters: Mapping[str, str], run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Have netmap loaded with ``parameters``, and the sending interface's patched driver; the steps needed.

    Where the driver is none of ``swap.drivers``, netmap alone is loaded (the adapter is emulated). Raises as
    :func:`refuse` and ``load`` do, and HostError where the patched driver does not bring the interface back: the
    stock driver is in its place again then, now and at the next boot.
    """
    # A file in its folder, so that an empty name is none.
    if not Path(root, "sys/class/net", swap.interface, "mtu").exists():
        hint = f"Name one that `ip link` shows, or load its driver: modprobe {' '.join(swap.drivers)}."
        raise HostError("interface", swap.interface, "does not exist on this host", hint)
    driver = driver_of(swap.interface, root)
    if driver not in swap.drivers or is_native(driver, run, root):
        return load(parameters, run, check, root)
    refuse(swap, run, root)
    refuse_users(root)
    # While the interface is still there.
    refuse_unknown(parameters, run)
    if check:
        return (f"rmmod {driver}", *load(parameters, run, check, root, leaving=(driver,)), f"modprobe {driver}")
    store_found(read_state(swap.interface, run, root), root)
    before = _states(driver, run, root)
    # Not by `modprobe -r`, which goes by the files on the disk: it would take netmap along, or not.
    checked(run(["rmmod", driver]))
    try:
        loaded = load(parameters, run, check, root)
        checked(run(["modprobe", driver]))
        restored = _bring_back(before, run, root)
        if driver not in holding_drivers(root):
            raise HostError("driver", driver, "does not use netmap after loading", f"See `modinfo {driver}`.")
    except HostError as error:
        _fall_back(driver, before, error, run, root)
    return (f"rmmod {driver}", *loaded, f"modprobe {driver}", *restored)


def go_stock(swap: Swap, run: Runner, check: bool = False, root: str = "/") -> tuple[str, ...]:
    """Have the stock build of ``swap.drivers``; the steps needed.

    The patched files must be gone by then, and modprobe must know it; in check mode they need not.
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
    """Whether the loaded build of ``driver`` uses netmap, and both are the files modprobe would load."""
    return driver in holding_drivers(root) and is_current(run, root, driver) and is_current(run, root)


def refuse_users(root: str = "/") -> None:
    """HostError where a process has netmap open: neither it nor a patched driver can be unloaded then."""
    users = holding_processes(root)
    if users:
        hint = "Wait until they have ended, or end them, and run again."
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
    """Wait for the interfaces, and give them their settings; the commands that were needed."""
    steps: list[str] = []
    for name in before:
        _await_interface(name, root)
    for was in before.values():
        steps += restore_state(was.state, run, root)
    for name, was in before.items():
        if was.carrier and not _wait(partial(_has_carrier, name, root), CARRIER_SECONDS):
            rule = f"has had no carrier for {CARRIER_SECONDS:g} s since it came back"
            raise HostError("interface", name, rule, "See what the kernel says: dmesg.")
    return steps


def _await_interface(name: str, root: str) -> None:
    if not _wait(Path(root, "sys/class/net", name).exists, INTERFACE_SECONDS):
        rule = f"did not come back within {INTERFACE_SECONDS:g} s"
        raise HostError("interface", name, rule, "See what the kernel says: dmesg.")


def _fall_back(driver: str, before: Mapping[str, _Before], error: HostError, run: Runner, root: str) -> None:
    """Put the stock driver back, for the next boot as well, and raise ``error`` with what came of that."""
    kernel = running_kernel(root)
    Path(root, f"lib/modules/{kernel}/{MODULE_FOLDER}/{driver}.ko").unlink(missing_ok=True)
    try:
        checked(run(["depmod", "-a", kernel]))
        # It may not be loaded; then there is nothing to take out.
        run(["rmmod", driver])
        checked(run(["modprobe", driver]))
        _bring_back(before, run, root)
        outcome = "the stock driver is back in its place"
    except HostError as second:
        outcome = f"and the stock driver did not come back either: {second}"
    hint = "Leave it out of netmap_drivers (the adapter is emulated then), or run again."
    rule = f"did not take the place of the stock one ({error.subject} {error.value}: {error.rule}); {outcome}"
    raise HostError("patched driver", driver, rule, hint) from error


def _has_carrier(interface: str, root: str) -> bool:
    try:
        return Path(root, "sys/class/net", interface, "carrier").read_text(encoding="ascii").strip() == "1"
    except OSError:
        # It is gone, or down: the kernel answers EINVAL then.
        return False


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
