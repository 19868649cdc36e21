"""What an interface is used for; sending is refused on one that serves anything but benchmarks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ..errors import InputError
from ..system.run import Runner
from .topology import Address, Hop, Space, Topology

NEVER = "Send from another interface: linerate never uses this one."
_LOOPBACK, _ETHERNET = "772", "1"
"""include/uapi/linux/if_arp.h, ARPHRD_LOOPBACK and ARPHRD_ETHER."""
_DEFAULT_ROUTES = ("default", "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1", "2000::/3")
"""The default route, the halves that a VPN replaces it by, and all global unicast addresses of IPv6."""

Benchmark = Callable[[Address], bool]
"""Whether an address is for the benchmark."""


@dataclass(frozen=True)
class Use:
    """A use of an interface: the ``rule`` that forbids to send there, and a ``hint``."""

    rule: str
    hint: str = NEVER


@dataclass(frozen=True)
class Management:
    """What is looked for: the session of ``environment``, and addresses that are not for the ``benchmark``."""

    environment: Mapping[str, str]
    benchmark: Benchmark = lambda address: False


def refuse_management(
    interface: str,
    environment: Mapping[str, str],
    run: Runner,
    root: str = "/",
    benchmark: Benchmark = lambda address: False,
) -> None:
    """InputError if ``interface`` serves anything but benchmarks.

    That is the default route, this SSH session, another interface on top of it (bond, bridge, VLAN, macvlan, tunnel),
    in whatever network namespace, a PPPoE session, a route or an address that is not for the ``benchmark``, or the MAC
    address of another station. The same holds for every interface by which its frames leave: the lower devices of a
    macvlan or VLAN, the ports of a bridge, the members of a bond, the interface of a tunnel's route, the bridge behind
    a veth.
    The addresses of the loopback interface do not count: frames sent there reach no other host.
    """
    topology = Topology(run, root)
    path = topology.path(interface)
    for hop in path:
        for use in uses(hop, path, topology, Management(environment, benchmark)):
            rule = use.rule if hop is path[0] else f"sends by {hop}, which {use.rule}"
            raise InputError("interface", interface, rule, use.hint)


def uses(hop: Hop, path: Sequence[Hop], topology: Topology, management: Management) -> Iterator[Use]:
    """The uses of ``hop``, one of the interfaces of ``path``, by which frames leave."""
    space = hop.space
    routed = [destination for destination, interfaces in space.routes if hop.name in interfaces]
    loopback = hop.name == "lo"
    if not loopback and any(destination in _DEFAULT_ROUTES for destination in routed):
        yield Use("carries the default route")
    if hop.name in _session_interfaces(space, management.environment):
        yield Use("carries the SSH session")
    on_path = set() if hop is path[0] else {other.key for other in path}
    above = [str(upper) for upper in topology.uppers(hop) if upper.key not in on_path]
    if above:
        yield Use(f"is in use by {', '.join(above)}")
    if loopback:
        return
    for peer in topology.sessions(hop):
        yield Use(f"carries the PPPoE session with {peer}")
    yield from _addresses(hop, routed, management.benchmark)
    own = {other.link.get("address") for other in path}
    for mac in sorted(space.unicast_filters(hop.name) - own):
        hint = f"Send from another interface. `bridge fdb show dev {hop.name}` lists the addresses."
        rule = f"receives for the MAC {mac} as well, so an interface that is not visible here is on top of it"
        yield Use(rule, hint)


def _addresses(hop: Hop, routed: Sequence[str], benchmark: Benchmark) -> Iterator[Use]:
    advice = "add that network to linerate_allow_destinations."
    for address in hop.space.addresses(hop.name):
        if not benchmark(address):
            hint = f"Send from another interface, or remove the address: ip address flush dev {hop.name}. If "
            yield Use(f"has the address {address}, so it is in use", f"{hint}it belongs to the test network, {advice}")
    for destination in routed:
        network = _network(destination)
        if network and not network.is_link_local and not network.is_multicast and not benchmark(network[0]):
            hint = f"Send from another interface, or remove the route. If it leads to the test network, {advice}"
            yield Use(f"carries the route to {destination}, so it is in use", hint)


def _network(destination: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(destination)
    except ValueError:
        return None


def _session_interfaces(space: Space, environment: Mapping[str, str]) -> set[str]:
    """The interfaces that have the local address of this SSH session, or the route to its client."""
    connection = environment.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return set()
    client, _, local, _ = connection
    address, _, zone = local.partition("%")
    if zone:
        return {zone}
    holding = {
        name
        for name, link in space.links.items()
        if address in (entry.get("local") for entry in link.get("addr_info", ()))
    }
    return holding | space.route_to(client, address)


def refuse_type(interface: str, root: str = "/") -> None:
    """InputError if ``interface`` is neither Ethernet nor loopback: it would take whole frames for IP packets."""
    path = Path(root, "sys/class/net", interface, "type")
    try:
        number = path.read_text(encoding="ascii").strip()
    except OSError:
        return
    if number not in (_ETHERNET, _LOOPBACK):
        hint = "Use an Ethernet interface: `ip link` shows link/ether for it."
        raise InputError("interface", interface, f"is not an Ethernet interface (link type {number})", hint)
