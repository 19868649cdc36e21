"""The settings of a NIC that sending through netmap or a change of drivers alters: read, stored, and put back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import HostError
from ..system.files import write_whole
from ..system.run import Runner, checked
from .read import IFF_UP

FOUND_FOLDER = "var/lib/linerate/nic"
"""Below the root folder; holds what each interface was found with, one file an interface."""

IFF_PROMISC = 0x100
"""A flag of an interface (linux/if.h)."""

_FEATURE = re.compile(r"^(?P<indent>\s*)(?P<name>[a-z0-9-]+): (?P<value>on|off)(?P<rest>.*)")
_PAUSE = {"Autonegotiate": "autoneg", "RX": "rx", "TX": "tx"}
# What `ethtool -k` shows under these names, `ethtool -K` takes under others (ethtool(8)).
_SHORT = {
    "rx-checksumming": "rx",
    "tx-checksumming": "tx",
    "scatter-gather": "sg",
    "tcp-segmentation-offload": "tso",
    "generic-segmentation-offload": "gso",
    "generic-receive-offload": "gro",
    "large-receive-offload": "lro",
    "rx-vlan-offload": "rxvlan",
    "tx-vlan-offload": "txvlan",
    "ntuple-filters": "ntuple",
    "receive-hashing": "rxhash",
}


@dataclass(frozen=True)
class NicState:
    """``mtu`` in bytes; ``offloads`` are those that can be changed, ``pause`` the flow control, by ethtool's names."""

    interface: str
    up: bool
    mtu: int
    promiscuous: bool
    offloads: Mapping[str, bool]
    pause: Mapping[str, bool]


def read_state(interface: str, run: Runner, root: str = "/") -> NicState:
    """The state of ``interface`` now. HostError where it does not exist, or ethtool is missing."""
    folder = Path(root, "sys/class/net", interface)
    try:
        flags = int((folder / "flags").read_text(encoding="ascii"), 16)
        mtu = int((folder / "mtu").read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        hint = "Name one that `ip link` shows."
        raise HostError("interface", interface, "does not exist on this host", hint) from error
    return NicState(
        interface=interface,
        up=bool(flags & IFF_UP),
        mtu=mtu,
        promiscuous=bool(flags & IFF_PROMISC),
        offloads=_offloads(run(["ethtool", "-k", interface]).stdout),
        pause=_pause(run(["ethtool", "-a", interface]).stdout),
    )


def restore_state(state: NicState, run: Runner, root: str = "/", check: bool = False) -> tuple[str, ...]:
    """Give the interface the settings of ``state``; the commands that were needed (``check``: would be).

    A setting that the driver has now no way to change is left. HostError where the interface is gone or a
    command fails.
    """
    name = state.interface
    now = read_state(name, run, root)
    commands: list[list[str]] = []
    if now.mtu != state.mtu:
        commands.append(["ip", "link", "set", "dev", name, "mtu", str(state.mtu)])
    for option, wanted, found in (("-K", state.offloads, now.offloads), ("-A", state.pause, now.pause)):
        changed = [key for key, value in wanted.items() if key in found and found[key] != value]
        if option == "-A" and wanted.get("autoneg") and found.get("autoneg"):
            # What is shown then is what both ends agreed on, which changes with each reset of the link (e1000).
            changed = []
        if changed:
            words = [word for key in changed for word in (key, "on" if wanted[key] else "off")]
            commands.append(["ethtool", option, name, *words])
    if now.promiscuous != state.promiscuous:
        commands.append(["ip", "link", "set", "dev", name, "promisc", "on" if state.promiscuous else "off"])
    if now.up != state.up:
        commands.append(["ip", "link", "set", "dev", name, "up" if state.up else "down"])
    if not check:
        for command in commands:
            checked(run(command))
    return tuple(" ".join(command) for command in commands)


def store_found(state: NicState, root: str = "/") -> None:
    """Remember ``state`` as what the interface was found with, where nothing is remembered yet."""
    path = found_path(state.interface, root)
    if not path.exists():
        write_state(state, path)


def found_path(interface: str, root: str = "/") -> Path:
    """Where it stands what ``interface`` was found with."""
    return Path(root, FOUND_FOLDER, f"{interface}.json")


def restore_found(interface: str, run: Runner, root: str = "/", check: bool = False) -> tuple[str, ...]:
    """Give ``interface`` what it was found with, and forget that; the steps needed, none where nothing is stored.

    What went with an interface that is gone is not to be given back.
    """
    path = found_path(interface, root)
    if not path.exists():
        return ()
    is_there = Path(root, "sys/class/net", interface).exists()
    steps = restore_state(load_state(path), run, root, check) if is_there else ()
    if not check:
        path.unlink()
    return (*steps, f"remove /{path.relative_to(root)}")


def write_state(state: NicState, path: Path) -> None:
    """Store ``state``. HostError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError("folder", str(path.parent), f"cannot be made: {error.strerror}", "Make it.") from error
    write_whole(path, (json.dumps(asdict(state), indent=2) + "\n").encode())


def load_state(path: Path) -> NicState:
    """What :func:`write_state` stored. HostError where it cannot be read."""
    try:
        return NicState(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        hint = "Remove it; set by hand what `ethtool -k` and `ip link` show to be wrong."
        raise HostError("stored state", str(path), f"cannot be read ({error})", hint) from error


def feature_groups(interface: str, run: Runner) -> dict[str, list[str]]:
    """The features that each name of `ethtool -k` stands for, long or short; not what is fixed.

    A heading stands for those below it, any other name for itself.
    """
    groups: dict[str, list[str]] = {}
    for match in filter(None, map(_FEATURE.match, run(["ethtool", "-k", interface]).stdout.splitlines())):
        if not match["indent"]:
            short = _SHORT.get(match["name"], match["name"])
            members = [short]
            groups[match["name"]] = groups[short] = members
        elif "[fixed]" not in match["rest"]:
            members.append(match["name"])
    return groups


def _offloads(text: str) -> dict[str, bool]:
    """The features in `ethtool -k` that are not fixed; a heading stands for those indented below it."""
    found = [match for match in map(_FEATURE.match, text.splitlines()) if match]
    offloads = {}
    for match, following in zip(found, [*found[1:], None]):
        is_heading = not match["indent"] and following is not None and following["indent"]
        if not is_heading and "[fixed]" not in match["rest"]:
            offloads[_SHORT.get(match["name"], match["name"])] = match["value"] == "on"
    return offloads


def _pause(text: str) -> dict[str, bool]:
    """The flow control in `ethtool -a`; nothing where the driver has none."""
    pairs = (line.partition(":")[::2] for line in text.splitlines())
    return {_PAUSE[name]: value.strip() == "on" for name, value in pairs if name in _PAUSE}
