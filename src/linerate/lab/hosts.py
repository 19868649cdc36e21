"""The hosts of the lab as they are: the namespaces, their interfaces and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import HostError
from ..system.run import Completed, Runner
from .agent import PORT, SnmpAgent
from .topology import DIRECT, End, Topology

STATE_FOLDER = Path("run/linerate")
STATE_FILE = STATE_FOLDER / "lab.json"
"""The file with the state of the lab, relative to the root of the file system; other benches have one of their own."""


@dataclass(frozen=True)
class Lab:
    """A bench of ``topology`` on the machine whose file system is at ``root``; its agent answers at ``snmp_port``."""

    topology: Topology = DIRECT
    root: Path = Path("/")
    snmp_port: int = PORT

    @property
    def state_file(self) -> Path:
        name = STATE_FILE if self.topology == DIRECT else STATE_FOLDER / f"lab-{self.topology.name}.json"
        return self.root / name

    @property
    def agent(self) -> SnmpAgent | None:
        """The SNMP agent of the device, if there is one."""
        device = self.topology.device
        folder = self.root / STATE_FOLDER / f"lab-{self.topology.name}"
        return SnmpAgent(device, self.topology.agent_address, self.snmp_port, folder) if device else None


@dataclass(frozen=True)
class HostState:
    """The current state of a namespace. ``stale``: a name without a namespace. ``links`` are by interface."""

    exists: bool = False
    stale: bool = False
    lo_up: bool = False
    links: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    neighbours: Mapping[str, str] = field(default_factory=dict)


def named(root: Path, name: str) -> bool:
    """Whether the namespace has a name. Reads the folder, which works without iproute2, too."""
    return (root / "run/netns" / name).exists()


def read_host(run: Runner, lab: Lab, name: str) -> HostState:
    """The state of a namespace. Raises :class:`HostError` where it contains other interfaces."""
    listed = run(("ip", "-n", name, "-json", "-details", "address", "show"))
    if listed.returncode != 0 and "Invalid argument" in listed.stderr:
        return HostState(stale=True)
    links = {link["ifname"]: link for link in json.loads(checked(listed).stdout)}
    ports = {end.interface: end for end in lab.topology.ports(name)}
    others = [found for found in links if found not in ("lo", *ports) and "UP" in links[found]["flags"]]
    if others:
        raise HostError(
            "network namespace",
            name,
            f"contains {', '.join(others)}, which linerate did not create",
            f"Move it away, or delete the namespace: ip netns delete {name}.",
        )
    lo, own = links["lo"], {interface: links[interface] for interface in ports if interface in links}
    keys = [*wanted_settings(lab, name), *(f"net.ipv6.conf.{interface}.disable_ipv6" for interface in own)]
    printed = run(("ip", "netns", "exec", name, "sysctl", "-e", *keys))
    lines = [line.split("=", 1) for line in printed.stdout.splitlines() if "=" in line]
    settings = {key.strip(): value.strip() for key, value in lines}
    neighbours = _read_neighbours(run, name) if any(end.neighbour for end in ports.values()) else {}
    return HostState(True, False, "UP" in lo["flags"], own, settings, neighbours)


def discards(run: Runner, end: End) -> bool:
    """Whether the interface discards what arrives; not where this kernel or machine has no filter for it."""
    shown = run(("tc", "-n", end.namespace, "filter", "show", "dev", end.interface, "ingress"))
    return shown.returncode == 0 and "direct-action" in shown.stdout


def _read_neighbours(run: Runner, name: str) -> dict[str, str]:
    """The permanent neighbours of a namespace: MAC addresses by IP address."""
    listed = checked(run(("ip", "-n", name, "-json", "neighbour", "show", "nud", "permanent")))
    return {one["dst"]: one["lladdr"] for one in json.loads(listed.stdout or "[]") if "lladdr" in one}


def joined(near: dict[str, Any] | None, far: dict[str, Any] | None) -> bool:
    """Whether the two interfaces are the two ends of one veth pair."""
    if near is None or far is None:
        return False
    kinds = {link.get("linkinfo", {}).get("info_kind") for link in (near, far)}
    return kinds == {"veth"} and _leads_to(near, far) and _leads_to(far, near)


def _leads_to(link: dict[str, Any], peer: dict[str, Any]) -> bool:
    """Whether ``peer`` is the peer of ``link``, which names a peer in its own namespace, and numbers any other."""
    return bool(link["link"] == peer["ifname"] if link.get("link") else link.get("link_index") == peer["ifindex"])


def wanted_settings(lab: Lab, name: str) -> dict[str, str]:
    """No forwarding but by a device that forwards, and no IPv6 but where a port has an IPv6 address.

    An interface with IPv6 sends router solicitations and MLD reports, which would be counted as traffic.
    """
    addresses = [end.address for end in lab.topology.ports(name) if end.address]
    ipv6 = any(":" in address for address in addresses)
    forwards = lab.topology.forwards and name == lab.topology.device
    settings = {"net.ipv4.ip_forward": str(int(forwards and not ipv6))}
    if (lab.root / "proc/sys/net/ipv6").is_dir():
        settings["net.ipv6.conf.all.disable_ipv6"] = str(int(not ipv6))
        settings["net.ipv6.conf.default.disable_ipv6"] = str(int(not ipv6))
        if ipv6:
            # Without router solicitation, link-local addresses and duplicate address detection.
            settings["net.ipv6.conf.default.accept_ra"] = "0"
            settings["net.ipv6.conf.default.addr_gen_mode"] = "1"
            settings["net.ipv6.conf.default.dad_transmits"] = "0"
            settings["net.ipv6.conf.all.forwarding"] = str(int(forwards))
    return settings


def checked(done: Completed) -> Completed:
    if done.returncode != 0:
        hint = "Run it as the same user to find the cause; the lab needs CAP_SYS_ADMIN and CAP_NET_ADMIN."
        raise HostError("command", " ".join(done.argv), f"exited with {done.returncode}: {error_line(done)}", hint)
    return done


def error_line(done: Completed) -> str:
    """The first line of a program's error message, without a full stop."""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[0].rstrip(".") if lines else f"{done.argv[0]} exited with {done.returncode}"
