"""What a manifest says of a capture: flows, destinations as a packet filter sees them, VLANs; in bounded memory."""

from __future__ import annotations

import ipaddress

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether

from linerate.pcap import contents
from linerate.pcap.contents import Contents

MAC, OTHER = "02:00:00:00:00:02", "02:00:00:00:00:03"


def of(*frames):
    found = Contents()
    for frame in frames:
        found.add(bytes(frame))
    return found


def ip(dst="198.19.0.1", **given):
    return IP(src="198.18.0.1", dst=dst, **given)


def test_flows_are_told_apart_by_addresses_protocol_and_ports():
    ether = Ether(dst=MAC)
    there = ether / ip() / UDP(sport=1, dport=2)
    found = of(
        there,
        there,
        ether / IP(src="198.19.0.1", dst="198.18.0.1") / UDP(sport=2, dport=1),
        ether / ip() / UDP(sport=1, dport=3),
        ether / ip() / TCP(sport=1, dport=2),
        ether / ip() / ICMP(id=5),
        ether / ip() / ICMP(id=6),
        ether / Dot1Q(vlan=3) / IPv6(dst="2001:2::1") / UDP(sport=1, dport=2),
        ether / ARP(),
    )
    assert (found.packets, found.flows) == (9, 7)


def test_later_fragments_have_no_ports():
    parts = fragment(ip() / UDP(sport=1, dport=2) / bytes(4000), 1000)
    assert of(*(Ether(dst=MAC) / part for part in parts)).flows == 2


def test_destinations_are_those_that_a_packet_filter_sees():
    ether = Ether(dst=MAC)
    found = of(
        ether / ip(),
        ether / ip("198.18.0.9"),
        ether / Dot1AD(vlan=1) / Dot1Q(vlan=2) / ip("198.18.0.10"),
        ether / IPv6(dst="2001:2::1"),
        Ether(dst=OTHER) / ARP(),
        Ether(dst=OTHER, type=0x8847) / (bytes.fromhex("00001140") + bytes(ip("198.18.0.11"))),
    )
    assert found.destinations() == ("198.18.0.9", "198.18.0.10", "198.19.0.1", "2001:2::1", OTHER)


@pytest.mark.parametrize(
    ("tags", "vlans", "vlan_id", "vlan_tags"),
    [
        ([Ether()], set(), None, 0),
        ([Ether() / Dot1Q(vlan=5)], {5}, 5, 1),
        ([Ether() / Dot1Q(vlan=5), Ether()], {5}, None, 1),
        ([Ether() / Dot1Q(vlan=5), Ether() / Dot1AD(vlan=6) / Dot1Q(vlan=7)], {5, 6}, None, 2),
    ],
)
def test_vlans(tags, vlans, vlan_id, vlan_tags):
    found = of(*(tag / ip() for tag in tags))
    assert (found.vlans, found.vlan_id(), found.vlan_tags) == (vlans, vlan_id, vlan_tags)


def test_many_destinations_become_networks(monkeypatch):
    monkeypatch.setattr(contents, "MOST_DESTINATIONS", 4)
    addresses = [str(ipaddress.IPv4Address("198.18.0.0") + number) for number in range(0, 4096, 8)]
    found = of(*(Ether(dst=MAC) / ip(address) for address in addresses), Ether(dst=MAC) / IPv6(dst="2001:2::1"))
    *four, six = found.destinations()
    networks = [ipaddress.ip_network(one) for one in four]
    assert len(networks) <= 4
    assert all(any(ipaddress.ip_address(address) in one for one in networks) for address in addresses)
    assert all(one.subnet_of(ipaddress.ip_network("198.18.0.0/20")) for one in networks)
    assert six == "2001:2::1"


def test_more_flows_than_are_told_apart(monkeypatch):
    monkeypatch.setattr(contents, "MOST_FLOWS", 3)
    assert of(*(Ether(dst=MAC) / ip() / UDP(dport=port) for port in range(1, 9))).flows == 3
