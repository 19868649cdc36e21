"""The benches that the lab can build: the ports of each host, the cables between them, and the device under test."""

from __future__ import annotations

from dataclasses import dataclass, replace

MTU = 1500
QUEUES = 4
"""Transmit and receive queues of each end of a cable."""


@dataclass(frozen=True)
class End:
    """One end of a cable: its namespace, its interface, and the MAC address that identifies it as the lab's.

    ``address`` is the IP address of the interface with its prefix length. ``neighbour`` is an IP address behind it and
    the MAC address to which the kernel sends packets for that address, so that it needs no answer from there.
    ``discards``: a receiver's port, whose frames end after packet sockets have counted them. The kernel receives from
    a veth pair on the sender's CPU, where the IP layer's search for a route would take a third of the time of a frame.
    """

    namespace: str
    interface: str
    mac: str
    address: str | None = None
    neighbour: tuple[str, str] | None = None
    discards: bool = False


@dataclass(frozen=True)
class Topology:
    """A bench. ``device`` is the namespace of a device under test, which has an SNMP agent at ``agent_address``.

    ``forwards`` says whether the device forwards packets from one port to the other.
    """

    name: str
    cables: tuple[tuple[End, End], ...]
    device: str | None = None
    agent_address: str = "127.0.0.1"
    forwards: bool = False

    @property
    def ends(self) -> tuple[End, ...]:
        return tuple(end for cable in self.cables for end in cable)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The names of the namespaces, in the order of their cables."""
        return tuple(dict.fromkeys(end.namespace for end in self.ends))

    def ports(self, namespace: str) -> tuple[End, ...]:
        """The ends of cables in ``namespace``."""
        return tuple(end for end in self.ends if end.namespace == namespace)


SENDER = End("linerate-sender1", "lrs0", "02:00:00:00:00:01")
RECEIVER = End("linerate-receiver1", "lrr0", "02:00:00:00:00:02", discards=True)
_INGRESS_MAC, _EGRESS_MAC = "02:00:00:00:00:03", "02:00:00:00:00:04"


def _ends(topology: str, *hosts: str) -> tuple[str, ...]:
    return tuple(f"linerate-{topology}-{host}" for host in hosts)


def _second_port() -> Topology:
    (sender,) = _ends("second-port", "sender1")
    return Topology("second-port", ((End(sender, "lrs0", SENDER.mac), replace(RECEIVER, namespace=sender)),))


def _firewall() -> Topology:
    """Nothing is behind the device, and it does not forward."""
    sender, device = _ends("firewall", "sender1", "device1")
    cable = (End(sender, "lrs0", SENDER.mac), End(device, "lrd0", _INGRESS_MAC, "198.18.0.254/24"))
    return Topology("firewall", (cable,), device)


def _device(name: str, ingress: str, egress: str, receiver_address: str, agent: str) -> Topology:
    sender, device, receiver = _ends(name, "sender1", "device1", "receiver1")
    return Topology(
        name,
        (
            (End(sender, "lrs0", SENDER.mac), End(device, "lrd0", _INGRESS_MAC, ingress)),
            (
                End(device, "lrd1", _EGRESS_MAC, egress, (receiver_address, RECEIVER.mac)),
                replace(RECEIVER, namespace=receiver),
            ),
        ),
        device,
        agent,
        forwards=True,
    )


DIRECT = Topology("direct", ((SENDER, RECEIVER),))
TOPOLOGIES = {
    topology.name: topology
    for topology in (
        DIRECT,
        _second_port(),
        _firewall(),
        _device("device", "198.18.0.254/24", "198.19.0.254/24", "198.19.0.1", "127.0.0.1"),
        _device("device-ipv6", "2001:2::fe/64", "2001:2:0:1::fe/64", "2001:2:0:1::1", "::1"),
    )
}
