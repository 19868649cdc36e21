"""Allowed destinations, tested on every frame of a pcap, with VLAN tags and in bounded memory."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from scapy.layers.inet import IP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_SSRR
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether

from linerate.errors import InputError, PcapError
from linerate.pcap import reader
from linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from linerate.pcap.reader import read_summary
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap

RECEIVER, OTHER = "02:00:00:00:00:02", "02:00:00:00:00:99"
ALLOWED = AllowedDestinations([*BENCHMARK_NETWORKS, RECEIVER])
FINE = Ether(dst=RECEIVER, src=OTHER) / IP(dst="198.19.0.1") / UDP() / bytes(20)


def pcap(frames, linktype=1):
    data = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, linktype)
    for frame in map(bytes, frames):
        data += struct.pack("<IIII", 1, 2, len(frame), len(frame)) + frame
    return data


@pytest.fixture
def walk(tmp_path):
    def read(frames, allowed=ALLOWED):
        path = tmp_path / "a.pcap"
        path.write_bytes(pcap(frames))
        return read_summary(str(path), allowed)

    return read


def ether(dst=RECEIVER):
    return Ether(dst=dst, src=OTHER)


@pytest.mark.parametrize(
    "frame",
    [
        FINE,
        ether() / IP(dst="198.18.255.255", options=b"\x01\x01\x01\x00") / UDP(),
        ether() / IPv6(dst="2001:2:0:7::1") / UDP(),
        ether() / Dot1Q(vlan=5) / IP(dst="198.18.0.9") / UDP(),
        ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / IPv6(dst="2001:2::1") / UDP(),
        ether() / ARP(pdst="10.0.0.1"),
        ether() / (bytes([0x88, 0xB5]) + bytes(46)),
        ether(),
    ],
    ids=["IPv4", "IPv4 with options", "IPv6", "tagged", "tagged twice", "ARP", "another protocol", "header alone"],
)
def test_frame_to_an_allowed_destination(walk, frame):
    assert walk([FINE, frame, frame]).packets == 3


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (ether() / IP(dst="10.0.0.1") / UDP(), "goes to 10.0.0.1, which is in none of the allowed networks"),
        (ether() / IP(dst="198.20.0.0") / UDP(), "goes to 198.20.0.0"),
        (ether() / IP(dst="255.255.255.255") / UDP(), "goes to 255.255.255.255"),
        (ether() / IPv6(dst="2001:2:1::1") / UDP(), "goes to 2001:2:1::1"),
        (ether() / IPv6(dst="ff02::1") / UDP(), "goes to ff02::1"),
        (ether() / Dot1Q(vlan=5) / IP(dst="8.8.8.8") / UDP(), "goes to 8.8.8.8"),
        (ether() / Dot1AD() / Dot1Q() / Dot1Q() / IPv6(dst="2001:db8::5") / UDP(), "goes to 2001:db8::5"),
        (ether(OTHER) / IP(dst="198.19.0.1") / UDP(), f"goes to the MAC {OTHER}, which is not an allowed MAC"),
        (ether("ff:ff:ff:ff:ff:ff") / ARP(), "goes to the MAC ff:ff:ff:ff:ff:ff"),
        (bytes(ether() / IP(dst="198.19.0.1"))[:33], "is too short to hold the destination of its IP packet"),
        (
            bytes(ether())[:12] + bytes.fromhex("81000001") * 70 + bytes(FINE)[12:],
            "is too short to hold the destination of its IP packet",
        ),
        (
            bytes(ether() / Dot1Q() / IPv6(dst="2001:2::1"))[:57],
            "is too short to hold the destination of its IP packet",
        ),
    ],
)
def test_frame_to_another_destination_is_refused(walk, frame, rule):
    with pytest.raises(PcapError) as caught:
        walk([FINE] * 41 + [frame, FINE])
    assert f"packet 42 {rule}" in " ".join(caught.value.rule.split())
    assert "linerate_allow_destinations" in caught.value.hint


def behind(header):
    """An IPv4 packet to 8.8.8.8 and one to 198.19.0.1, each behind ``header``, in hex from the EtherType on."""
    packets = [bytes(IP(dst=to) / UDP() / bytes(20)) for to in ("8.8.8.8", "198.19.0.1")]
    return [bytes(ether())[:12] + bytes.fromhex(header) + packet for packet in packets]


@pytest.mark.parametrize(
    "header",
    [
        "9100 0005 0800",
        "9200 0005 0800",
        "9300 0005 8100 0006 0800",
        "8847 00001140",
        "8847 00001040 00002140",
        "8848 00001140",
        "8100 0005 8847 00001140",
        "8864 1100 0001 0032 0021",
        "8864 1100 0001 0031 21",
        "0038 aaaa03 000000 0800",
        "8100 0005 0038 aaaa03 000000 0800",
        "0038 aaaa03 0000f8 8100 0005 0800",
        "0033 060603",
    ],
)
def test_ip_behind_a_shim_is_found(header, walk):
    elsewhere, here = behind(header)
    assert walk([here]).packets == 1
    with pytest.raises(PcapError, match=r"packet 2 goes to 8\.8\.8\.8"):
        walk([here, elsewhere])


def test_ipv6_behind_a_shim_is_found(walk):
    for header in ("8847 00001140", "8864 1100 0001 0032 0057", "0050 aaaa03 000000 86dd"):
        start = bytes(ether())[:12] + bytes.fromhex(header)
        assert walk([start + bytes(IPv6(dst="2001:2::1") / UDP())]).packets == 1
        with pytest.raises(PcapError, match="packet 1 goes to 2001:db8::1"):
            walk([start + bytes(IPv6(dst="2001:db8::1") / UDP())])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("88e5 2000", "EtherType 0x88e5"),
        ("8847 00001140 00000000", "EtherType 0x8847"),
        ("8864 1100 0001 0034 003d", "EtherType 0x8864"),
        ("88e7 00000001", "EtherType 0x88e7"),
        ("1234", "EtherType 0x1234"),
        ("0038 aaaa03 00000c 2000", "an LLC header"),
        ("0033 e0e003", "an LLC header"),
    ],
)
def test_a_header_that_may_hide_ip_is_allowed_by_its_name_only(header, name, walk):
    frame = behind(header)[0]
    with pytest.raises(PcapError, match=f"packet 1 has {name}, which may hide an IP destination") as refused:
        walk([frame])
    allowed = refused.value.rule.rsplit(" ", 1)[1].rstrip(")")
    assert walk([frame], AllowedDestinations([RECEIVER, allowed.upper().replace("0X", "0x")])).packets == 1
    with pytest.raises(PcapError, match="is not an allowed MAC"):
        walk([frame], AllowedDestinations([OTHER, allowed]))


@pytest.mark.parametrize(
    "header", ["8863 1109 0000 0000", "8864 1100 0001 000a c021", "0026 424203", "8809 01", "88cc 0200"]
)
def test_frames_that_no_router_forwards_need_their_mac_only(header, walk):
    assert walk(behind(header)).packets == 2


def test_a_source_route_leads_to_allowed_networks_only(walk):
    fine = IP(dst="198.19.0.1", options=[IPOption_NOP(), IPOption_LSRR(routers=["198.18.0.7", "198.18.0.8"])]) / UDP()
    assert walk([FINE, ether() / fine]).packets == 2
    for option in (IPOption_LSRR(routers=["198.18.0.7", "8.8.8.8"]), IPOption_SSRR(routers=["8.8.8.8"])):
        with pytest.raises(PcapError, match=r"packet 2 goes to 8\.8\.8\.8"):
            walk([FINE, ether() / IP(dst="198.19.0.1", options=[option]) / UDP()])
    with pytest.raises(PcapError, match="has IP options that cannot be read"):
        walk([bytes(ether() / IP(dst="198.19.0.1", options=[b"\x83\x01\x00\x00"]))])


def test_a_routing_header_leads_to_allowed_networks_only(walk):
    def routed(*stations, **header):
        return ether() / IPv6(dst="2001:2::1") / IPv6ExtHdrHopByHop() / header["kind"](addresses=list(stations)) / UDP()

    for kind in (IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting):
        assert walk([routed("2001:2::2", "2001:2::3", kind=kind)]).packets == 1
        with pytest.raises(PcapError, match="packet 1 goes to 2001:db8::3"):
            walk([routed("2001:2::2", "2001:db8::3", kind=kind)])
    with pytest.raises(PcapError, match="has an IPv6 routing header of type 3"):
        walk([ether() / IPv6(dst="2001:2::1") / IPv6ExtHdrRouting(type=3) / UDP()])


def test_cached_destination_does_not_allow_another_mac_or_address(walk):
    """The cache key has every field that the rule depends on."""
    for frame in (ether(OTHER) / IP(dst="198.19.0.1") / UDP(), ether() / IP(dst="198.20.0.1") / UDP()):
        with pytest.raises(PcapError):
            walk([FINE, ether() / IP(dst="198.19.0.2") / UDP(), frame])
    tagged = ether() / Dot1Q() / IP(dst="198.19.0.1") / UDP()
    with pytest.raises(PcapError, match=r"packet 2 goes to 10\.1\.1\.1"):
        walk([tagged, ether() / Dot1Q() / IP(dst="10.1.1.1") / UDP()])
    # The bytes of a frame without IP equal an address that is cached; only its MAC counts.
    with pytest.raises(PcapError, match="goes to the MAC"):
        walk([FINE, Ether(dst=OTHER) / (b"\x88\xb5" + bytes(FINE)[14:])])


def test_more_destinations_than_are_cached(walk, monkeypatch):
    monkeypatch.setattr(reader, "MOST_SEEN", 5)
    frames = [ether() / IP(dst=str(ipaddress.IPv4Address("198.18.0.0") + number)) / UDP() for number in range(50)]
    assert walk(frames + frames).packets == 100
    with pytest.raises(PcapError, match="packet 101 goes to"):
        walk([*frames, *frames, ether() / IP(dst="10.0.0.1") / UDP()])


def test_tagged_pcap_written_by_linerate(make_spec, tmp_path):
    spec = make_spec("udp", packets=300, vlan=7, ip_length=1500)
    path = str(tmp_path / "a.pcap")
    write_pcap(path, spec, build_templates(spec))
    summary = read_summary(path, AllowedDestinations(["198.18.0.0/15", spec.dst_mac]))
    assert (summary.max_frame_length, summary.longest_payload) == (1518, 1500)


def test_longest_payload_excludes_one_tag(walk):
    untagged = ether() / IP(dst="198.19.0.1") / UDP() / bytes(1472)
    twice = ether() / Dot1Q() / Dot1Q() / IP(dst="198.19.0.1") / UDP() / bytes(1472)
    assert walk([untagged, FINE]).longest_payload == 1500
    assert walk([FINE, twice, untagged]).longest_payload == 1504


def test_list_may_allow_a_whole_address_family():
    everything = AllowedDestinations(["0.0.0.0/0", " 02:00:00:00:00:02 "])
    assert everything.complaint(bytes(ether() / IP(dst="8.8.8.8") / UDP())) is None
    assert "2001:2::1" in str(everything.complaint(bytes(ether() / IPv6(dst="2001:2::1") / UDP())))


def test_empty_list_allows_nothing():
    assert "not an allowed MAC (none)" in str(AllowedDestinations([]).complaint(bytes(FINE)))


@pytest.mark.parametrize("entry", ["198.18.0.1/15", "receiver1", "", "02:00:00:00:00", "02-00-00-00-00-02", "::/129"])
def test_invalid_entry_is_refused(entry):
    with pytest.raises(InputError, match=r"linerate_allow_destinations .*: is neither a MAC nor an IP address"):
        AllowedDestinations([entry])


def packet(version, to):
    return (IP if version == 4 else IPv6)(dst=to) / UDP() / bytes(20)


def gre(kind, payload, flags="0000", optional=b""):
    return GRE_IN_IP / (bytes.fromhex(flags + kind) + optional + bytes(payload))


GRE_IN_IP = IP(dst="198.18.0.1", proto=47)
VXLAN_HEADER, GENEVE_HEADER = bytes.fromhex("0800000000000500"), bytes.fromhex("0200655800000500 0001000000000000")
TUNNELS = {
    "IPv4 in IPv4": (4, lambda inner: IP(dst="198.18.0.1") / inner),
    "IPv4 in IPv6": (4, lambda inner: IPv6(dst="2001:2::1") / IPv6ExtHdrHopByHop() / inner),
    "IPv6 in IPv4": (6, lambda inner: IP(dst="198.18.0.1", proto=41) / inner),
    "IPv6 in IPv6": (6, lambda inner: IPv6(dst="2001:2::1") / inner),
    "IPv4 in IPv4 in IPv4": (4, lambda inner: IP(dst="198.18.0.1") / IP(dst="198.18.0.2") / inner),
    "GRE": (4, lambda inner: gre("0800", inner)),
    "GRE with checksum, key and number": (6, lambda inner: gre("86dd", inner, "b000", bytes(12))),
    "GRE with a frame": (4, lambda inner: gre("6558", Ether() / Dot1Q(vlan=5) / inner)),
    "MPLS in IP": (4, lambda inner: IP(dst="198.18.0.1", proto=137) / (bytes.fromhex("00001140") + bytes(inner))),
    "EtherIP": (4, lambda inner: IP(dst="198.18.0.1", proto=97) / (b"\x30\0" + bytes(Ether() / inner))),
    "authenticated": (4, lambda inner: IP(dst="198.18.0.1", proto=51) / (b"\x04\x01" + bytes(10) + bytes(inner))),
    "a fragment": (4, lambda inner: IPv6(dst="2001:2::1") / IPv6ExtHdrFragment(m=1) / inner),
    "VXLAN": (4, lambda inner: IP(dst="198.18.0.1") / UDP(dport=4789) / (VXLAN_HEADER + bytes(Ether() / inner))),
    "Geneve": (6, lambda inner: IPv6(dst="2001:2::1") / UDP(dport=6081) / (GENEVE_HEADER + bytes(Ether() / inner))),
}


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_a_packet_in_a_tunnel_goes_to_allowed_networks_only(tunnel, walk):
    version, wrapped = TUNNELS[tunnel]
    here, elsewhere = ("198.19.0.1", "8.8.8.8") if version == 4 else ("2001:2::2", "2001:db8::8")
    # Frames of the same addresses and ports before it must not hide it.
    plain = [ether() / IP(dst="198.18.0.1") / UDP(dport=port) for port in (53, 4789)]
    frames = [*plain, ether() / wrapped(packet(version, here))]
    assert walk(frames).packets == 3
    with pytest.raises(PcapError, match=f"packet 4 goes to {elsewhere}"):
        walk([*frames, ether() / wrapped(packet(version, elsewhere))])


def test_a_header_in_a_tunnel_that_may_hide_ip_is_allowed_by_its_name_only(walk):
    frame = ether() / gre("880b", bytes(40), "3001")
    with pytest.raises(PcapError, match="packet 1 has EtherType 0x880b, which may hide an IP destination"):
        walk([frame])
    assert walk([frame], AllowedDestinations([RECEIVER, "198.18.0.0/15", "0x880b"])).packets == 1
    with pytest.raises(PcapError, match="has a GRE header with a source route, which cannot be read"):
        walk([ether() / gre("0800", bytes(40), "4000")])


def test_payload_that_is_no_tunnel_is_not_looked_at(walk):
    payloads = [b"", bytes(3), bytes(64), b"\xff" * 64, bytes.fromhex("0800000000000501") + bytes(64)]
    ports = [UDP(dport=port) / payload for port in (4789, 6081) for payload in payloads]
    assert walk([ether() / IP(dst="198.18.0.1") / one for one in ports]).packets == 2 * len(payloads)
    # The destination of a later fragment's payload is in the first one.
    later = [IP(dst="198.18.0.1", proto=4, frag=9), IPv6(dst="2001:2::1") / IPv6ExtHdrFragment(offset=9, nh=4)]
    assert walk([ether() / one / bytes(20) for one in later]).packets == 2
