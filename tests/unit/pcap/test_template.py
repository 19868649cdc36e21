"""A template must match the parameters exactly, or the manifest would not describe the pcap."""

from __future__ import annotations

import sys

import pytest

from linerate.errors import HostError, InputError
from linerate.pcap.layout import Layout
from linerate.pcap.template import build_templates, check_templates

L4 = 14 + 20


def check(spec, templates):
    check_templates(Layout.of(spec), templates)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("vlan", [None, 0, 4094])
@pytest.mark.parametrize("ip_length", [40, 41, 1500])
def test_matching_template_is_accepted(protocol, vlan, ip_length, make_spec):
    spec = make_spec(protocol, vlan=vlan, ip_length=ip_length)
    templates = build_templates(spec)
    assert [len(template) for template in templates] == [*spec.cycle]
    check(spec, templates)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"dst_mac": "02:00:00:00:00:03"}, "MAC addresses"),
        ({"src_mac": "02:00:00:00:00:03"}, "MAC addresses"),
        ({"ip_length": 65}, "78 bytes"),
        ({"vlan": 1, "ip_length": 60}, "EtherType"),
        ({"protocol": "udp"}, "protocol"),
        ({"ttl": 63}, "time to live"),
        ({"src_ip": "198.18.0.3"}, "IP addresses"),
        ({"dst_ip": "198.18.0.3"}, "IP addresses"),
        ({"source_port": 5}, "ports"),
        ({"first_port": 5}, "ports"),
        ({"payload": "01"}, "payload"),
    ],
)
def test_template_of_other_parameters_is_refused(change, field, make_spec):
    other = build_templates(make_spec(**change))
    with pytest.raises(InputError, match=field):
        check(make_spec(), other)


@pytest.mark.parametrize(
    ("offset", "field"),
    [
        (14, "IP header length"),
        (15, "IP header checksum"),
        (24, "IP header checksum"),
        (L4 + 5, "TCP checksum"),
        (L4 + 16, "TCP checksum"),
    ],
)
def test_damaged_template_is_refused(offset, field, make_spec):
    template = bytearray(build_templates(make_spec())[0])
    template[offset] ^= 1
    with pytest.raises(InputError, match=field):
        check(make_spec(), [bytes(template)])


IPV6 = {"src_ip": "2001:2::1", "dst_ip": "2001:2:0:1::1"}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("vlan", [None, 7])
@pytest.mark.parametrize("ip_length", [60, 61, 1500])
def test_an_ipv6_template_is_what_scapy_builds(protocol, vlan, ip_length, make_spec):
    spec = make_spec(protocol, vlan=vlan, ip_length=ip_length, **IPV6)
    templates = build_templates(spec)
    assert [len(template) for template in templates] == [14 + ip_length + (0 if vlan is None else 4)]
    check(spec, templates)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ttl": 63}, "hop limit"),
        ({"protocol": "udp"}, "protocol"),
        ({"src_ip": "2001:2::3"}, "IP addresses"),
        ({"dst_ip": "2001:2::3"}, "IP addresses"),
        ({"src_ip": "198.18.0.1", "dst_ip": "198.19.0.1"}, "EtherType"),
    ],
)
def test_an_ipv6_template_of_other_parameters_is_refused(change, field, make_spec):
    with pytest.raises(InputError, match=field):
        check(make_spec(**IPV6), build_templates(make_spec(**{**IPV6, **change})))


def test_untagged_template_for_a_tagged_pcap_is_refused(make_spec):
    with pytest.raises(InputError, match="VLAN tag"):
        check(make_spec(vlan=9), build_templates(make_spec(ip_length=68)))


def test_missing_scapy_is_named(make_spec, monkeypatch):
    monkeypatch.setitem(sys.modules, "scapy.layers.l2", None)
    with pytest.raises(HostError, match=r"'scapy.layers.l2'.*Install scapy"):
        build_templates(make_spec())
