"""The parameters of a pcap: an invalid one is refused with its name, value, rule and hint."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from linerate.errors import InputError
from linerate.pcap.layout import Layout
from linerate.pcap.spec import MAX_PACKETS, PcapSpec

REQUIRED = {"protocol": "tcp", "src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02"}


def test_defaults_are_the_reference_set():
    spec = PcapSpec.of(REQUIRED)
    assert (spec.count, spec.ports, spec.flow_count, spec.cycle) == (64_511, 64_511, 64_511, (78,))


def test_text_and_numbers_are_equivalent():
    text = {"ip_length": "1500", "vlan": "7", "packets": "10", "first_port": " 5 ", "payload": "DEADBEEF"}
    numbers = {"ip_length": 1500, "vlan": 7, "packets": 10, "first_port": 5, "payload": "deadbeef"}
    assert PcapSpec.of({**REQUIRED, **text}) == PcapSpec.of({**REQUIRED, **numbers})


def test_upper_case_macs_make_the_same_pcap():
    upper = {"src_mac": "0A:00:00:00:00:01", "dst_mac": "0A:00:00:00:00:02", "protocol": "TCP"}
    lower = {name: value.lower() for name, value in upper.items()}
    assert PcapSpec.of(upper) == PcapSpec.of(lower)


def test_none_means_not_given():
    assert PcapSpec.of({**REQUIRED, "vlan": None, "packets": None, "ttl": None}) == PcapSpec.of(REQUIRED)


def test_spec_survives_a_round_trip():
    spec = PcapSpec.of({**REQUIRED, "vlan": 5, "packets": 7})
    assert PcapSpec.of(spec.parameters()) == spec


@pytest.mark.parametrize(
    ("packets", "flows"),
    [(1, 1), (10, 10), (11, 10), (1000, 10)],
)
def test_flows_are_counted_once(packets, flows):
    spec = PcapSpec.of({**REQUIRED, "first_port": 10, "last_port": 19, "packets": packets})
    assert Layout.of(spec).flows() == flows


@pytest.mark.parametrize(("protocol", "headers"), [("tcp", 40), ("udp", 28)])
def test_shortest_packet_has_no_payload(protocol, headers):
    assert PcapSpec.of({**REQUIRED, "protocol": protocol, "ip_length": headers}).payload_bytes(14 + headers) == b""
    with pytest.raises(InputError, match=f"must be {headers} to 65535 bytes"):
        PcapSpec.of({**REQUIRED, "protocol": protocol, "ip_length": headers - 1})


def test_payload_pattern_is_repeated_and_cut():
    spec = PcapSpec.of({**REQUIRED, "ip_length": 47, "payload": "0102ff"})
    assert spec.payload_bytes(14 + 47) == bytes.fromhex("0102ff0102ff01")


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("protocol", "icmp", "must be tcp or udp"),
        ("ip_length", 65_536, "must be 40 to 65535 bytes"),
        ("ip_length", "64.0", "must be a whole number"),
        ("ip_length", True, "must be a whole number"),
        ("src_mac", "02:00:00:00:00", "must be six bytes in hex"),
        ("dst_mac", "02-00-00-00-00-02", "must be six bytes in hex"),
        ("dst_mac", "02:00:00:00:00:02\n:", "must be six bytes in hex"),
        ("dst_mac", "00:00:00:00:00:00", "is not the address of a host"),
        ("src_mac", "01:00:00:00:00:01", "must not be a multicast or broadcast address"),
        ("dst_mac", "ff:ff:ff:ff:ff:ff", "must not be a multicast or broadcast address"),
        ("src_ip", "198.18.0", "must be an IP address"),
        ("dst_ip", "2001:db8::1", "must be an IPv4 address, as src_ip 198.18.0.1 is"),
        ("dst_ip", "ff02::1", "must be the address of one host"),
        ("dst_ip", "224.0.0.1", "must be the address of one host"),
        ("dst_ip", "255.255.255.255", "must be the address of one host"),
        ("src_ip", str(IPv4Address(0)), "must be the address of one host"),
        ("first_port", 0, "must be 1 to 65535"),
        ("last_port", 65_536, "must be 1 to 65535"),
        ("last_port", 1023, "must not be below first_port 1024"),
        ("source_port", 70_000, "must be 1 to 65535"),
        ("packets", 0, f"must be 1 to {MAX_PACKETS}"),
        ("packets", -1, f"must be 1 to {MAX_PACKETS}"),
        ("vlan", 4095, "must be 0 to 4094"),
        ("vlan", -1, "must be 0 to 4094"),
        ("ttl", 0, "must be 1 to 255"),
        ("ttl", 256, "must be 1 to 255"),
        ("payload", "", "must be hex digits"),
        ("payload", "0", "must be hex digits"),
        ("payload", "zz", "must be hex digits"),
        ("speed", 1, "is not a parameter of a pcap"),
    ],
)
def test_invalid_parameter_is_refused(name, value, rule):
    with pytest.raises(InputError) as caught:
        PcapSpec.of({**REQUIRED, name: value})
    assert caught.value.subject == name
    assert str(caught.value.value).strip() == str(value).strip().lower() or caught.value.value == value
    assert rule in caught.value.rule
    assert caught.value.hint


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_missing_parameter_is_refused(name):
    with pytest.raises(InputError, match=f"{name}: must be given"):
        PcapSpec.of({key: value for key, value in REQUIRED.items() if key != name})


def test_ipv6_packets_have_a_longer_header():
    spec = PcapSpec.of({**REQUIRED, "protocol": "udp", "src_ip": "2001:2::1", "dst_ip": "2001:2::2", "ip_length": 48})
    assert (spec.ip_version, spec.cycle, spec.l4_offset, spec.payload_bytes(62)) == (6, (62,), 54, b"")
    with pytest.raises(InputError, match="must be 48 to 65535 bytes for udp"):
        PcapSpec.of({**spec.parameters(), "ip_length": 47})
