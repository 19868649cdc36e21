"""What a network interface is: link, driver, offloads, and whether it may be used for traffic."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import HostError
from ..system.run import Runner
from ..units import MBIT

IFF_UP = 0x1
"""A flag of an interface (linux/if.h)."""

_OFFLOAD = re.compile(r"^([a-z0-9-]+): (on|off)")
_DRIVER_FIELDS = {"driver": "driver", "version": "driver_version", "firmware-version": "firmware", "bus-info": "bus"}


def _attribute(interface: str, name: str, root: str) -> str | None:
    try:
        return Path(root, "sys/class/net", interface, name).read_text().strip()
    except OSError:
        return None


def read_nic(interface: str, run: Runner, root: str = "/") -> dict[str, Any]:
    """The state of ``interface``: MAC, MTU (bytes), speed (bit/s or None), driver, firmware, bus, offloads.

    HostError when there is no such interface or ethtool is missing.
    """
    mac, mtu = _attribute(interface, "address", root), _attribute(interface, "mtu", root)
    if mac is None or mtu is None:
        raise HostError("interface", interface, "does not exist on this host", "Name one that `ip link` shows.")
    speed = _attribute(interface, "speed", root)
    return {
        "interface": interface,
        "mac": mac,
        "mtu": int(mtu),
        "operstate": _attribute(interface, "operstate", root) or "unknown",
        "carrier": has_carrier(interface, root),
        "speed_bps": int(speed) * MBIT if speed and speed.isdigit() else None,
        **_driver(interface, run),
        "offloads": _offloads(interface, run),
    }


def _driver(interface: str, run: Runner) -> dict[str, str | None]:
    done = run(["ethtool", "-i", interface])
    said = dict(line.partition(": ")[::2] for line in done.stdout.splitlines()) if done.returncode == 0 else {}
    return {ours: said.get(theirs) or None for theirs, ours in _DRIVER_FIELDS.items()}


def _offloads(interface: str, run: Runner) -> dict[str, bool]:
    done = run(["ethtool", "-k", interface])
    found = (_OFFLOAD.match(line) for line in done.stdout.splitlines())
    return {match[1]: match[2] == "on" for match in found if match}


def has_carrier(interface: str, root: str = "/") -> bool:
    """Whether ``interface`` is up and has a carrier; False where it is gone."""
    return _attribute(interface, "carrier", root) == "1"


def link_trouble(interface: str, root: str = "/") -> str | None:
    """Why nothing can leave ``interface`` now: it is gone, is down, or has lost its carrier; None where it can."""
    flags = _attribute(interface, "flags", root)
    if flags is None:
        return "is gone"
    if not int(flags, 16) & IFF_UP:
        return "is down"
    return None if has_carrier(interface, root) else "has lost its carrier"


def wait_for_carrier(interface: str, seconds: float, settled_seconds: float, root: str = "/") -> bool:
    """Wait until ``interface`` has had a carrier for ``settled_seconds``; whether it came within ``seconds``.

    A driver that was reset may show the old carrier for a moment before it loses it.
    """
    begin = time.monotonic()
    since = begin
    while (now := time.monotonic()) - since < settled_seconds:
        if not has_carrier(interface, root):
            since = now
        if now - begin > seconds + settled_seconds:
            return False
        time.sleep(0.05)
    return True


def refuse_unready(nic: Mapping[str, Any], root: str = "/") -> None:
    """HostError when the interface is down or has no carrier: tcpreplay would claim to have sent all the same."""
    name = nic["interface"]
    if not int(_attribute(name, "flags", root) or "0", 16) & IFF_UP:
        raise HostError("interface", name, "is down", f"Bring it up: ip link set dev {name} up.")
    if not nic["carrier"]:
        hint = "Connect its cable, and bring the other end up."
        raise HostError("interface", name, "is up and has no carrier", hint)


def refuse_small_mtu(owner: str, mtu: int, longest_payload: int) -> None:
    """HostError when an MTU (bytes) is too small for the most that a frame carries behind its Ethernet header."""
    if longest_payload > mtu:
        rule = f"has an MTU of {mtu} B, too small for the {longest_payload} B that the longest frame carries"
        hint = f"Use shorter frames, or an MTU of at least {longest_payload} B on both ends."
        raise HostError(owner, None, rule, hint)
