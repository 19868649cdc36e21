"""MACs, addresses and VLANs are rewritten as Scapy would have built the frame, with its checksums."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_LSRR, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    fragment6,
)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.layers.sctp import SCTP

from linerate.errors import InputError
from linerate.pcap.rewrite import Rewrite, Rewriter

A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
MAP = {"10.1.0.0/16": "198.18.0.0/16", "10.1.2.3": "198.19.9.9", "2001:db8::/48": "2001:2::/48"}
MAPPED = {
    "10.1.0.7": "198.18.0.7",
    "10.1.2.3": "198.19.9.9",
    "2001:db8::5": "2001:2::5",
    "2001:db8::6": "2001:2::6",
    "192.0.2.1": "192.0.2.1",
}


def rewritten(frame, **changes):
    return Rewriter(Rewrite.of(changes)).apply(bytes(frame))


def ether():
    return Ether(dst=A, src=B)


V4 = {"src": "10.1.0.7", "dst": "10.1.2.3"}
V6 = {"src": "2001:db8::5", "dst": "2001:db8::6"}


def mapped(addresses):
    return {name: MAPPED[address] for name, address in addresses.items()}


PACKETS = {
    "UDP": lambda ip4, _: IP(**ip4) / UDP(sport=1, dport=2) / b"odd",
    "TCP": lambda ip4, _: IP(**ip4) / TCP(sport=1, dport=2) / bytes(range(100)),
    "UDP without checksum": lambda ip4, _: IP(**ip4) / UDP(chksum=0) / bytes(20),
    "ICMP": lambda ip4, _: IP(**ip4) / ICMP() / bytes(20),
    "SCTP": lambda ip4, _: IP(**ip4) / SCTP() / bytes(20),
    "IP options": lambda ip4, _: IP(**ip4, options=[b"\x01\x01\x01\x00"]) / UDP() / bytes(20),
    "tagged": lambda ip4, _: Dot1AD(vlan=4) / Dot1Q(vlan=5, prio=3) / IP(**ip4) / UDP() / bytes(20),
    "IPv6 UDP": lambda _, ip6: IPv6(**ip6) / UDP() / bytes(21),
    "IPv6 TCP": lambda _, ip6: IPv6(**ip6) / TCP() / bytes(21),
    "ICMPv6": lambda _, ip6: IPv6(**ip6) / ICMPv6EchoRequest(data=b"abc"),
    "extension headers": lambda _, ip6: IPv6(**ip6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP() / bytes(9),
    "one of two": lambda ip4, _: IP(src=ip4["src"], dst="192.0.2.1") / TCP() / bytes(10),
    "neither": lambda _, __: IP(src="192.0.2.1", dst="192.0.2.1") / TCP() / bytes(10),
}


@pytest.mark.parametrize("make", PACKETS.values(), ids=PACKETS)
def test_addresses_and_checksums_are_those_of_scapy(make):
    before, after = make(V4, V6), make(mapped(V4), mapped(V6))
    assert rewritten(ether() / before, ip=MAP) == bytes(ether() / after)


def test_padding_is_not_part_of_the_checksum():
    before, after = bytes(ether() / IP(**V4) / UDP() / b"x"), bytes(ether() / IP(**mapped(V4)) / UDP() / b"x")
    assert rewritten(before + b"\xff" * 20, ip=MAP) == after + b"\xff" * 20


def test_a_checksum_that_offload_would_have_made_is_made():
    before = ether() / IP(**V4, chksum=0) / TCP(chksum=0x1234) / bytes(50)
    assert rewritten(before, ip=MAP) == bytes(ether() / IP(**mapped(V4)) / TCP() / bytes(50))


def test_fragments_are_those_of_the_rewritten_datagram():
    def both(addresses):
        return [bytes(ether() / part) for part in fragment(IP(**addresses) / UDP() / bytes(range(256)) * 12, 1400)]

    assert [rewritten(frame, ip=MAP) for frame in both(V4)] == both(mapped(V4))

    def six(addresses):
        whole = IPv6(**addresses) / IPv6ExtHdrFragment(id=7) / UDP() / (bytes(range(256)) * 12)
        return [bytes(ether() / part) for part in fragment6(whole, 1400)]

    assert [rewritten(frame, ip=MAP) for frame in six(V6)] == six(mapped(V6))


def test_addresses_in_arp_are_rewritten():
    before, after = (ARP(psrc=one["src"], pdst=one["dst"], hwsrc=B) for one in (V4, mapped(V4)))
    assert rewritten(ether() / before, ip=MAP) == bytes(ether() / after)


def test_macs():
    payload = IP(dst="198.19.0.1") / UDP()
    assert rewritten(ether() / payload, dst_mac=C) == bytes(Ether(dst=C, src=B) / payload)
    assert rewritten(ether() / payload, src_mac=C.upper()) == bytes(Ether(dst=A, src=C) / payload)
    assert rewritten(ether() / payload) == bytes(ether() / payload)


@pytest.mark.parametrize(
    ("tags", "vlan", "after"),
    [
        (ether(), 9, ether() / Dot1Q(vlan=9)),
        (ether() / Dot1Q(vlan=1, prio=5), 9, ether() / Dot1Q(vlan=9, prio=5)),
        (ether() / Dot1AD(vlan=1) / Dot1Q(vlan=2), "9", ether() / Dot1AD(vlan=9) / Dot1Q(vlan=2)),
        (ether() / Dot1AD(vlan=1) / Dot1Q(vlan=2), "untagged", ether()),
        (ether(), "untagged", ether()),
        (ether() / Dot1Q(vlan=7), 0, ether() / Dot1Q(vlan=0)),
    ],
)
def test_vlans(tags, vlan, after):
    payload = IP(dst="198.19.0.1") / UDP() / bytes(20)
    assert rewritten(tags / payload, vlan=vlan) == bytes(after / payload)


def test_what_cannot_be_rewritten_is_refused():
    with pytest.raises(ValueError, match="has a source route"):
        rewritten(ether() / IP(**V4, options=[IPOption_LSRR(routers=["10.1.0.1"])]) / UDP(), ip=MAP)
    with pytest.raises(ValueError, match=r"has a header \(0x88e5\)"):
        rewritten(Ether(dst=A, src=B, type=0x88E5) / bytes(50), ip=MAP)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dstmac": A}, "rewrite 'dstmac': must be one of dst_mac, src_mac, ip, vlan"),
        ({"dst_mac": "ff:ff:ff:ff:ff:ff"}, "dst_mac 'ff:ff:ff:ff:ff:ff': must not be a multicast"),
        ({"src_mac": "0200.0000.0001"}, "src_mac '0200.0000.0001': must be six bytes in hex"),
        ({"ip": "10.0.0.0/8"}, "rewrite ip '10.0.0.0/8': must be a mapping of addresses"),
        ({"ip": {"10.0.0.0/8": "198.18.0.0/15"}}, "must be two networks of the same size"),
        ({"ip": {"10.0.0.1": "2001:2::1"}}, "must be two networks of the same size"),
        ({"ip": {"10.0.0.1/8": "198.0.0.0/8"}}, "10.0.0.1/8 has host bits set"),
        ({"vlan": 4095}, "rewrite vlan 4095: must be 0 to 4094"),
        ({"vlan": "none"}, "rewrite vlan 'none': must be 0 to 4094, or untagged"),
        ({"vlan": True}, "rewrite vlan True"),
    ],
)
def test_invalid_changes_are_named(given, message):
    with pytest.raises(InputError) as refused:
        Rewrite.of(given)
    assert message in str(refused.value)


def test_changes_are_stored_as_they_are_given():
    given = {"dst_mac": A, "src_mac": None, "ip": {"10.1.0.0/16": "198.18.0.0/16"}, "vlan": 7}
    assert Rewrite.of(given).parameters() == given
    assert Rewrite.of(None).parameters() == {"dst_mac": None, "src_mac": None, "ip": {}, "vlan": None}
