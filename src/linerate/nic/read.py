"""The properties of a network interface: link, driver, offloads, and whether it is ready to send."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import HostError
from ..record import Record
from ..system.run import Runner
from ..units import MBIT
from .offloads import read_features

IFF_UP = 0x1
"""A flag of an interface (linux/if.h)."""

_NO_MAC = "00:00:00:00:00:00"
_POLL_SECONDS = 0.05
_DRIVER_FIELDS = {"driver": "driver", "version": "driver_version", "firmware-version": "firmware", "bus-info": "bus"}


@dataclass(frozen=True)
class Nic(Record):
    """An interface now. ``mtu`` in bytes; ``speed_bps`` in bit/s, None if unknown, as is a driver's property.

    ``offloads`` are whether each is on, by the names of `ethtool -k`.
    """

    interface: str
    mac: str
    mtu: int
    operstate: str
    carrier: bool
    speed_bps: int | None
    driver: str | None
    driver_version: str | None
    firmware: str | None
    bus: str | None
    offloads: Mapping[str, bool]


def interface_name(name: str, run: Runner, root: str = "/") -> str:
    """The name of the interface that ``name`` stands for: itself, or the name that it is an alternative of.

    A name that no interface has is returned unchanged.
    """
    if not name or set("/\0") & set(name) or Path(root, "sys/class/net", name, "mtu").exists():
        return name
    shown = run(["ip", "-json", "link", "show", "dev", name])
    links = json.loads(shown.stdout or "[]") if shown.returncode == 0 else []
    return str(links[0]["ifname"]) if links else name


def read_nic(interface: str, run: Runner, root: str = "/") -> Nic:
    """Read the properties of ``interface``. HostError if it does not exist or ethtool is missing."""
    mac, mtu = _attribute(interface, "address", root), _attribute(interface, "mtu", root)
    if mac is None or mtu is None:
        raise _missing(interface)
    speed = _attribute(interface, "speed", root)
    return Nic(
        interface=interface,
        mac=mac,
        mtu=int(mtu),
        operstate=_attribute(interface, "operstate", root) or "unknown",
        carrier=has_carrier(interface, root),
        speed_bps=int(speed) * MBIT if speed and speed.isdigit() else None,
        **_driver(interface, run),
        offloads={feature.name: feature.on for feature in read_features(interface, run)},
    )


def read_mac(interface: str, root: str = "/") -> str:
    """The MAC address of ``interface``; empty for loopback, which has none. HostError if it does not exist."""
    mac = _attribute(interface, "address", root)
    if mac is None:
        raise _missing(interface)
    return "" if mac == _NO_MAC else mac


def _missing(interface: str) -> HostError:
    return HostError("interface", interface, "does not exist on this host", "Use one that `ip link` shows.")


def _attribute(interface: str, name: str, root: str) -> str | None:
    try:
        return Path(root, "sys/class/net", interface, name).read_text().strip()
    except OSError:
        return None


def _driver(interface: str, run: Runner) -> dict[str, str | None]:
    done = run(["ethtool", "-i", interface])
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    values = dict(line.partition(": ")[::2] for line in lines)
    return {field: values.get(name) or None for name, field in _DRIVER_FIELDS.items()}


def has_carrier(interface: str, root: str = "/") -> bool:
    """Whether ``interface`` is up and has a carrier; False if it is gone."""
    return _attribute(interface, "carrier", root) == "1"


def link_trouble(interface: str, root: str = "/") -> str | None:
    """Why ``interface`` cannot send now: it is gone, is down, or has lost its carrier; None if it can."""
    flags = _attribute(interface, "flags", root)
    if flags is None:
        return "is gone"
    if not int(flags, 16) & IFF_UP:
        return "is down"
    return None if has_carrier(interface, root) else "has lost its carrier"


def wait_for_carrier(interface: str, seconds: float, settled_seconds: float, root: str = "/") -> bool:
    """Wait until ``interface`` has had a carrier for ``settled_seconds``; False if it has none within ``seconds``.

    A driver that was reset may show the old carrier for a moment before it loses it.
    """
    begin = time.monotonic()
    since: float | None = None
    while True:
        # Only readings count, not the time between them: this process may be suspended for longer than either limit.
        now = time.monotonic()
        if not has_carrier(interface, root):
            since = None
        elif since is None:
            since = now
        elif now - since >= settled_seconds:
            return True
        if now - begin > seconds + settled_seconds:
            return False
        time.sleep(_POLL_SECONDS)


def refuse_unready(interface: str, root: str = "/") -> None:
    """HostError if the interface is down or has no carrier: tcpreplay would still claim to have sent."""
    if not int(_attribute(interface, "flags", root) or "0", 16) & IFF_UP:
        raise HostError("interface", interface, "is down", f"Bring it up: ip link set dev {interface} up.")
    if not has_carrier(interface, root):
        hint = "Connect its cable, and bring the other end up."
        raise HostError("interface", interface, "is up and has no carrier", hint)


def refuse_small_mtu(owner: str, mtu: int, longest_payload: int) -> None:
    """HostError if an MTU (bytes) is smaller than the longest payload of an Ethernet frame."""
    if longest_payload > mtu:
        rule = f"has an MTU of {mtu} B, too small for the {longest_payload} B that the longest frame carries"
        hint = f"Use shorter frames, or an MTU of at least {longest_payload} B on both ends."
        raise HostError(owner, None, rule, hint)
