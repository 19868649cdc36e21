"""The query for a neighbour's MAC address, and its answers, with Scapy as the oracle."""

from __future__ import annotations

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from linerate.errors import InputError
from linerate.pcap.neighbour import Question

OWN, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:03"
MAC = bytes.fromhex(OWN.replace(":", ""))
IPV4, IPV6_HOSTS = ("198.18.0.254", "198.18.0.1"), ("2001:2::12:34fe", "2001:2::1")


def question(target: str, source: str, vlan: int | None = None) -> Question:
    return Question.of(target, source, MAC, vlan)


@pytest.mark.parametrize("vlan", [None, 7])
def test_an_arp_request_is_what_scapy_builds(vlan):
    target, source = IPV4
    link = Ether(src=OWN, dst="ff:ff:ff:ff:ff:ff")
    request = (link / Dot1Q(vlan=vlan) if vlan else link) / ARP(hwsrc=OWN, psrc=source, pdst=target)
    assert question(target, source, vlan).frame == bytes(request).ljust(60, b"\0")


def test_a_solicitation_is_what_scapy_builds():
    target, source = IPV6_HOSTS
    packet = IPv6(src=source, dst="ff02::1:ff12:34fe", hlim=255) / ICMPv6ND_NS(tgt=target)
    expected = Ether(src=OWN, dst="33:33:ff:12:34:fe") / packet / ICMPv6NDOptSrcLLAddr(lladdr=OWN)
    assert question(target, source).frame == bytes(expected)


def arp(source: str, operation: int = 2) -> bytes:
    return bytes(Ether(src=THEIRS, dst=OWN) / ARP(op=operation, hwsrc=THEIRS, psrc=source, hwdst=OWN, pdst=IPV4[1]))


def advertisement(target: str, option: bool = True) -> bytes:
    packet = IPv6(src=target, dst=IPV6_HOSTS[1], hlim=255) / ICMPv6ND_NA(tgt=target)
    return bytes(Ether(src=THEIRS, dst=OWN) / (packet / ICMPv6NDOptDstLLAddr(lladdr=THEIRS) if option else packet))


@pytest.mark.parametrize(
    ("hosts", "frame", "answered"),
    [
        (IPV4, arp(IPV4[0]), True),
        (IPV4, arp(IPV4[0]).ljust(60, b"\0"), True),
        (IPV4, arp("198.18.0.253"), False),
        (IPV4, arp(IPV4[0], operation=1), False),
        (IPV4, arp(IPV4[0])[:30], False),
        (IPV4, advertisement(IPV6_HOSTS[0]), False),
        (IPV6_HOSTS, advertisement(IPV6_HOSTS[0]), True),
        (IPV6_HOSTS, advertisement(IPV6_HOSTS[0], option=False), True),
        (IPV6_HOSTS, advertisement("2001:2::99"), False),
        (IPV6_HOSTS, bytes(Ether() / IPV6_HOSTS[0].encode()), False),
        (IPV6_HOSTS, arp(IPV4[0]), False),
    ],
)
def test_only_the_answer_of_the_target_counts(hosts, frame, answered):
    assert question(*hosts).answer(frame) == (bytes.fromhex(THEIRS.replace(":", "")) if answered else None)


@pytest.mark.parametrize(
    ("target", "source", "message"),
    [
        ("firewall", "198.18.0.1", "next hop 'firewall': is not an IP address"),
        ("198.18.0.254", "198.18.0", "source address '198.18.0': is not an IP address"),
        (
            "2001:2::fe",
            "198.18.0.1",
            "next hop '2001:2::fe': is IPv6, the source address 198.18.0.1 of the frames is not",
        ),
    ],
)
def test_invalid_addresses_are_refused(target, source, message):
    with pytest.raises(InputError) as refused:
        question(target, source)
    assert str(refused.value).startswith(message)
