"""What an interface is used for; sending is refused on one that serves anything but benchmarks."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

from ..errors import InputError
from ..system.run import Runner

NEVER = "Send from another interface: linerate never uses this one."
_LOOPBACK = "772"
"""include/uapi/linux/if_arp.h, ARPHRD_LOOPBACK."""

Address = Any
"""An IPv4Address or IPv6Address of the module ipaddress."""


def default_route_interfaces(root: str = "/") -> set[str]:
    """The interfaces that carry a default route (proc_pid_net(5): route, ipv6_route)."""
    carrying = set()
    for fields in _table("proc/net/route", root):
        if fields[1] == fields[7] == "0" * 8:
            carrying.add(fields[0])
    for fields in _table("proc/net/ipv6_route", root):
        if fields[0] == "0" * 32 and fields[1] == "00":
            carrying.add(fields[-1])
    # The kernel keeps an unreachable IPv6 default route on lo.
    return carrying - {"lo"}


def _table(path: str, root: str) -> list[list[str]]:
    try:
        lines = Path(root, path).read_text().splitlines()
    except OSError:
        return []
    return [fields for fields in map(str.split, lines) if len(fields) >= 10]


def ssh_interface(environment: Mapping[str, str], run: Runner) -> str | None:
    """The interface that carries this SSH session; None outside a session."""
    connection = environment.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return None
    lines = run(["ip", "-oneline", "address", "show", "to", connection[2]]).stdout.splitlines()
    return lines[0].split()[1] if lines else None


def uppers(interface: str, root: str = "/") -> list[str]:
    """The interfaces on top of ``interface``: bonds, bridges, VLANs."""
    return sorted(path.name[len("upper_") :] for path in Path(root, "sys/class/net", interface).glob("upper_*"))


def addresses(run: Runner) -> dict[str, list[Address]]:
    """The addresses of each interface, without the link-local ones (ip-address(8))."""
    links: list[dict[str, Any]] = json.loads(run(["ip", "-json", "address", "show"]).stdout or "[]")
    found: dict[str, list[Address]] = {}
    for link in links:
        for entry in link.get("addr_info", ()):
            address = ipaddress.ip_address(entry["local"]) if "local" in entry else None
            if address and entry.get("scope") != "link" and not address.is_link_local:
                found.setdefault(link["ifname"], []).append(address)
    return found


def refuse_management(
    interface: str,
    environment: Mapping[str, str],
    run: Runner,
    root: str = "/",
    benchmark: Callable[[Address], bool] = lambda address: False,
) -> None:
    """InputError if ``interface`` serves anything but benchmarks.

    That is the default route, this SSH session, another interface on top of it (bond, bridge, VLAN), or an address
    that is not for the ``benchmark``. The addresses of the loopback interface do not count: frames sent there reach
    no other host.
    """
    if interface in default_route_interfaces(root):
        raise InputError("interface", interface, "carries the default route", NEVER)
    if interface == ssh_interface(environment, run):
        raise InputError("interface", interface, "carries the SSH session", NEVER)
    above = uppers(interface, root)
    if above:
        raise InputError("interface", interface, f"is in use by {', '.join(above)}", NEVER)
    if _is_loopback(interface, root):
        return
    for address in addresses(run).get(interface, ()):
        if not benchmark(address):
            hint = f"Send from another interface, or remove the address: ip address flush dev {interface}. If "
            hint += "it belongs to the test network, add that network to linerate_allow_destinations."
            raise InputError("interface", interface, f"has the address {address}, so it is in use", hint)


def _is_loopback(interface: str, root: str) -> bool:
    try:
        return Path(root, "sys/class/net", interface, "type").read_text(encoding="ascii").strip() == _LOOPBACK
    except OSError:
        return False
