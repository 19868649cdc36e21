"""The settings of a NIC that netmap or a change of driver alters: read, stored and restored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import HostError
from ..system.files import make_folder, write_whole
from ..system.run import Runner, checked
from .offloads import changeable, read_features
from .read import IFF_UP

FOUND_FOLDER = "var/lib/linerate/nic"
"""Below the root folder; holds the original settings, one file per interface."""

IFF_PROMISC = 0x100
"""A flag of an interface (linux/if.h)."""

_PAUSE = {"Autonegotiate": "autoneg", "RX": "rx", "TX": "tx"}


@dataclass(frozen=True)
class NicState:
    """``mtu`` in bytes; ``offloads`` that can be changed, and flow control (``pause``), by the names of ethtool."""

    interface: str
    up: bool
    mtu: int
    promiscuous: bool
    offloads: Mapping[str, bool]
    pause: Mapping[str, bool]


def read_state(interface: str, run: Runner, root: str = "/") -> NicState:
    """Read the settings of ``interface``. HostError if it does not exist or ethtool is missing."""
    folder = Path(root, "sys/class/net", interface)
    try:
        flags = int((folder / "flags").read_text(encoding="ascii"), 16)
        mtu = int((folder / "mtu").read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        hint = "Use one that `ip link` shows."
        raise HostError("interface", interface, "does not exist on this host", hint) from error
    return NicState(
        interface=interface,
        up=bool(flags & IFF_UP),
        mtu=mtu,
        promiscuous=bool(flags & IFF_PROMISC),
        offloads=changeable(read_features(interface, run)),
        pause=_pause(run(["ethtool", "-a", interface]).stdout),
    )


def restore_state(state: NicState, run: Runner, root: str = "/", check: bool = False) -> tuple[str, ...]:
    """Restore the settings of ``state``; the commands that this took, or would take with ``check``.

    A setting that the current driver cannot change is left as it is. HostError if the interface is gone or a command
    fails.
    """
    now = read_state(state.interface, run, root)
    commands = _restoring(state, now)
    if not check:
        for command in commands:
            checked(run(command))
    return tuple(" ".join(command) for command in commands)


def _restoring(state: NicState, now: NicState) -> list[list[str]]:
    name = state.interface
    commands: list[list[str]] = []
    if now.mtu != state.mtu:
        commands.append(["ip", "link", "set", "dev", name, "mtu", str(state.mtu)])
    for option, wanted, found in (("-K", state.offloads, now.offloads), ("-A", state.pause, now.pause)):
        changed = [key for key, value in wanted.items() if key in found and found[key] != value]
        if option == "-A" and wanted.get("autoneg") and found.get("autoneg"):
            # ethtool then shows the negotiated values, which change with each reset of the link (e1000).
            changed = []
        if changed:
            words = [word for key in changed for word in (key, "on" if wanted[key] else "off")]
            commands.append(["ethtool", option, name, *words])
    if now.promiscuous != state.promiscuous:
        commands.append(["ip", "link", "set", "dev", name, "promisc", "on" if state.promiscuous else "off"])
    if now.up != state.up:
        commands.append(["ip", "link", "set", "dev", name, "up" if state.up else "down"])
    return commands


def store_found(state: NicState, root: str = "/") -> None:
    """Store ``state`` as the original settings of its interface, unless some are stored already."""
    path = found_path(state.interface, root)
    if not path.exists():
        write_state(state, path)


def found_path(interface: str, root: str = "/") -> Path:
    """The file with the original settings of ``interface``."""
    return Path(root, FOUND_FOLDER, f"{interface}.json")


def restore_found(interface: str, run: Runner, root: str = "/", check: bool = False) -> tuple[str, ...]:
    """Restore the original settings of ``interface`` and remove the stored ones; the steps, none if none are stored.

    The settings of an interface that is gone are only removed.
    """
    path = found_path(interface, root)
    if not path.exists():
        return ()
    exists = Path(root, "sys/class/net", interface).exists()
    steps = restore_state(load_state(path), run, root, check) if exists else ()
    if not check:
        path.unlink()
    return (*steps, f"remove /{path.relative_to(root)}")


def write_state(state: NicState, path: Path) -> None:
    """Store ``state``. HostError if it cannot be written."""
    try:
        make_folder(path.parent)
    except OSError as error:
        raise HostError("folder", str(path.parent), f"cannot be created: {error.strerror}", "Create it.") from error
    write_whole(path, (json.dumps(asdict(state), indent=2) + "\n").encode())


def load_state(path: Path) -> NicState:
    """The state that :func:`write_state` stored. HostError if it cannot be read."""
    try:
        return NicState(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        hint = "Remove it, and correct by hand the settings that `ethtool -k` and `ip link` show."
        raise HostError("stored state", str(path), f"cannot be read ({error})", hint) from error


def _pause(text: str) -> dict[str, bool]:
    """The flow control in `ethtool -a`; empty if the driver has none."""
    pairs = (line.partition(":")[::2] for line in text.splitlines())
    return {_PAUSE[name]: value.strip() == "on" for name, value in pairs if name in _PAUSE}
