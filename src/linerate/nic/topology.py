"""How the interfaces of a host lie on top of each other, across network namespaces, and where their frames leave."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Union

from ..system.run import Runner
from .namespaces import Namespace, number_of, visible

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Json = dict[str, Any]

_PAIRS = ("veth", "netkit", "vxcan")
"""Kinds whose lower link is no lower device but the other end of a cable."""
_REMOTES = ("remote", "remote6", "group", "group6")
"""The details of a tunnel that hold its remote end (ip-link(8))."""
_OWN_TABLE = ("bridge", "vxlan", "geneve", "openvswitch")
"""Kinds whose forwarding table holds more than the addresses that they receive for."""
_TUNNELS = ("vxlan", "geneve")
"""Kinds that may have remote ends in their forwarding table alone."""
_OVS_PORTS = "ovs-system"
"""The master of every port of Open vSwitch."""


class Space:
    """The links, addresses and routes of one network namespace, as iproute2 shows them."""

    def __init__(self, namespace: Namespace, run: Runner) -> None:
        self.namespace, self._run = namespace, run

    @cached_property
    def links(self) -> dict[str, Json]:
        """The links by name, with details and addresses; none where the namespace may not be entered."""
        return {link["ifname"]: link for link in self._show("ip", "-json", "-details", "address", "show")}

    @cached_property
    def routes(self) -> list[tuple[str, set[str]]]:
        """The unicast routes of all tables that an administrator or a daemon set: destination and interfaces."""
        found = []
        for route in self._show("ip", "-json", "route", "show", "table", "all"):
            if route.get("type", "unicast") == "unicast" and route.get("protocol") != "kernel":
                hops = [route, *route.get("nexthops", ())]
                found.append((str(route.get("dst", "")), {hop["dev"] for hop in hops if "dev" in hop}))
        return found

    def addresses(self, name: str) -> list[Address]:
        """The addresses of a link and those of its peers, without the link-local ones."""
        entries = [entry for entry in self.links.get(name, {}).get("addr_info", ()) if entry.get("scope") != "link"]
        found = [ipaddress.ip_address(entry[key]) for entry in entries for key in ("local", "address") if key in entry]
        return [address for address in found if not address.is_link_local]

    def route_to(self, address: str, source: str | None = None) -> set[str]:
        """The interface of the route to ``address``; none without a route."""
        origin = ["from", source] if source else []
        return {route["dev"] for route in self._show("ip", "-json", "route", "get", address, *origin) if "dev" in route}

    def unicast_filters(self, name: str) -> set[str]:
        """The MAC addresses, other than its own, that a link receives for: those of devices on top of it."""
        link = self.links.get(name, {})
        if _kind(link) in _OWN_TABLE:
            return set()
        return {
            entry["mac"]
            for entry in self._table(name)
            if "self" in entry.get("flags", ()) and entry.get("state") == "permanent" and "dst" not in entry
            if not int(entry["mac"][:2], 16) & 1 and entry["mac"] != link.get("address")
        }

    def remotes(self, name: str) -> set[str]:
        """The addresses that a tunnel sends to."""
        data = _data(self.links[name])
        given = {data[key] for key in _REMOTES if key in data}
        learned = {entry["dst"] for entry in self._table(name) if "dst" in entry}
        return {address for address in given | learned if address != "any"}

    def _table(self, name: str) -> list[Json]:
        return self._show("bridge", "-json", "fdb", "show", "dev", name)

    def _show(self, *argv: str) -> list[Json]:
        done = self._run(self.namespace.command(argv))
        try:
            shown = json.loads(done.stdout or "[]") if done.returncode == 0 else []
        except ValueError:
            shown = []
        return [entry for entry in shown if entry]


@dataclass(frozen=True)
class Hop:
    """A link that frames leave by."""

    space: Space
    name: str

    @property
    def key(self) -> tuple[int, str]:
        return self.space.namespace.inode, self.name

    @property
    def link(self) -> Json:
        return self.space.links.get(self.name, {})

    def __str__(self) -> str:
        name = self.space.namespace.name
        where = f" {name}" if name.startswith("of ") else f" {name!r}"
        return f"{self.name} in the network namespace{where}" if name else self.name


class Topology:
    """The links of all network namespaces that can be seen from this process."""

    def __init__(self, run: Runner, root: str = "/") -> None:
        self._root = root
        self._lowers: dict[tuple[int, str], list[Hop]] = {}
        self.spaces = [Space(namespace, run) for namespace in visible(root)]

    @property
    def own(self) -> Space:
        """The network namespace of this process."""
        return self.spaces[0]

    def path(self, name: str) -> list[Hop]:
        """``name`` of the own namespace, and every link by which its frames leave, down to the physical ones."""
        reached: dict[tuple[int, str], Hop] = {}
        ahead = [Hop(self.own, name)]
        while ahead:
            hop = ahead.pop(0)
            if hop.key not in reached:
                reached[hop.key] = hop
                ahead += [*self.lowers(hop), *self._other_ends(hop)]
        return list(reached.values())

    def uppers(self, hop: Hop) -> list[Hop]:
        """The links on top of ``hop``, in every namespace."""
        folder = Path(self._root, "sys/class/net", hop.name)
        linked = [path.name[len("upper_") :] for path in folder.glob("upper_*")] if hop.space is self.own else []
        found = {upper.key: upper for upper in (Hop(self.own, name) for name in linked)}
        for space in self.spaces:
            for name in space.links:
                upper = Hop(space, name)
                if upper.key != hop.key and any(lower.key == hop.key for lower in self.lowers(upper)):
                    found[upper.key] = upper
        return sorted(found.values(), key=str)

    def lowers(self, hop: Hop) -> list[Hop]:
        """The links directly below ``hop``: lower device, ports or members, or the interface that a tunnel uses."""
        if hop.key not in self._lowers:
            self._lowers[hop.key] = [lower for lower in self._below(hop) if lower.key != hop.key]
        return self._lowers[hop.key]

    def sessions(self, hop: Hop) -> list[str]:
        """The peers of PPPoE sessions over ``hop``; the link of a session does not refer to it (net/ppp/pppoe.c)."""
        path = Path(self._root, "proc/self/net/pppoe")
        if hop.space is not self.own or not path.exists():
            return []
        table = map(str.split, path.read_text(encoding="utf-8", errors="replace").splitlines())
        return [words[1] for words in table if len(words) == 3 and words[2] == hop.name]

    def _below(self, hop: Hop) -> Iterator[Hop]:
        kind, data = _kind(hop.link), _data(hop.link)
        # HSR names its two members in its details; any port of Open vSwitch may send by any other.
        members = (data.get("slave1"), data.get("slave2"), _OVS_PORTS if kind == "openvswitch" else None)
        for name, other in hop.space.links.items():
            if other.get("master") == hop.name or name in members:
                yield Hop(hop.space, name)
        if kind in _TUNNELS or set(_REMOTES) & set(data):
            yield from self._underlay(hop, data)
        elif kind not in _PAIRS:
            yield from self._linked(hop)

    def _underlay(self, hop: Hop, data: Json) -> Iterator[Hop]:
        """The interface that a tunnel is bound to, else those of the routes to its remote ends."""
        space = self._space_of(hop)
        if space is None:
            return
        if "link" in data:
            # iproute2 prints the name that the index has in the namespace of the tunnel.
            bound = hop.space.links.get(data["link"], {}).get("ifindex") or data["link"][len("if") :]
            names = {name for name, link in space.links.items() if str(link.get("ifindex")) == str(bound)}
        else:
            names = {name for remote in hop.space.remotes(hop.name) for name in space.route_to(remote)}
        yield from (Hop(space, name) for name in sorted(names) if name in space.links)

    def _linked(self, hop: Hop) -> Iterator[Hop]:
        """The link that ``hop`` refers to."""
        link = hop.link
        space = self._space_of(hop) if "link" in link or "link_index" in link else None
        if space is None:
            return
        for name, other in space.links.items():
            same = name == link["link"] if "link" in link else other.get("ifindex") == link["link_index"]
            if same:
                yield Hop(space, name)

    def _other_ends(self, hop: Hop) -> Iterator[Hop]:
        """What is on the same wire as ``hop``, and part of this host.

        That is the bridge at the other end of a veth pair, or that end if it is in the own namespace; in another one
        it is a host of its own. A virtual function shares the port of its physical function.
        """
        if _kind(hop.link) in _PAIRS:
            for end in self._linked(hop):
                if end.space is self.own:
                    yield end
                if end.link.get("master"):
                    yield Hop(end.space, end.link["master"])
        if hop.space is self.own:
            folder = Path(self._root, "sys/class/net", hop.name, "device/physfn/net")
            yield from (Hop(self.own, path.name) for path in folder.glob("*") if path.name in self.own.links)

    def _space_of(self, hop: Hop) -> Space | None:
        """The namespace that ``hop`` refers to; None where it cannot be seen."""
        number = hop.link.get("link_netnsid")
        if number is None:
            return hop.space
        others: Sequence[Space] = [space for space in self.spaces if space is not hop.space]
        return next((s for s in others if number_of(s.namespace, hop.space.namespace) == number), None)


def _kind(link: Json) -> str:
    return str(link.get("linkinfo", {}).get("info_kind", ""))


def _data(link: Json) -> Json:
    data: Json = link.get("linkinfo", {}).get("info_data") or {}
    return data
