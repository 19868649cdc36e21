"""Streams, frame lengths, flows and destinations of a pcap, and its manifest, against what its packets hold."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network

import pytest

from linerate.errors import InputError
from linerate.pcap.capture import packets
from linerate.pcap.contents import Contents
from linerate.pcap.layout import Layout
from linerate.pcap.manifest import ensure
from linerate.pcap.ranges import spread
from linerate.pcap.spec import MOST_SLOTS
from linerate.pcap.template import build_templates

IPV6 = {"src_ip": "2001:2::1", "dst_ip": "2001:2:0:1::/64"}


@pytest.mark.parametrize(
    ("weights", "order"),
    [
        ({64: 1}, (64,)),
        ({64: 2, 1518: 1}, (64, 1518, 64)),
        ({64: 20, 1518: 10}, (64, 1518, 64)),
        ({64: 7, 594: 4, 1518: 1}, (64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64)),
    ],
)
def test_frame_lengths_are_spread_evenly(weights, order):
    assert spread(weights) == order
    assert Counter(spread(weights)).most_common() == [
        (length, weight * len(order) // sum(weights.values())) for length, weight in weights.items()
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"imix": {64: 7, 594: 4, 1518: 1}},
        {"imix": {64: 7, 594: 4, 1518: 1}, "packets": 5},
        {"dst_ip": "198.19.0.0/28", "src_ip": "198.18.0.0/29", "flows": 40, "packets": 100},
        {"dst_ip": "198.19.0.0/28", "packets": 5},
        {**IPV6, "flows": 77, "packets": 100, "outer_vlan": 9, "vlan": 8, "payload": "random"},
        {"streams": [{"vlan": 5}, {"vlan": 6, "flows": 3}, {**IPV6, "protocol": "tcp"}], "packets": 100},
        {"streams": [{"frame_length": 64}, {"frame_length": 128}], "flows": 10},
        {"streams": [{"first_port": 1, "last_port": 9}, {"first_port": 5, "last_port": 20}]},
        {"streams": [{"dst_ip": "198.19.0.1"}, {"dst_ip": "198.19.0.9"}], "packets": 1},
    ],
)
def test_the_manifest_is_what_the_packets_hold(given, make_spec, tmp_path):
    path = str(tmp_path / "a.pcap")
    spec = make_spec("udp", **given)
    manifest = ensure(path, spec, build_templates(spec)).manifest

    found = Contents()
    for packet in packets(path):
        found.add(packet.data)

    lengths = found.min_length, found.bytes / found.packets, found.max_length
    assert (manifest.min_frame_length, manifest.mean_frame_length, manifest.max_frame_length) == lengths
    assert (manifest.packets, manifest.bytes, manifest.flows) == (found.packets, found.bytes, found.flows)
    assert (set(manifest.vlans), manifest.vlan_id, manifest.vlan_tags) == (
        found.vlans,
        found.vlan_id(),
        found.vlan_tags,
    )
    assert addresses(manifest.destinations) == addresses(found.destinations())


def addresses(networks):
    return {address for network in networks for address in ip_network(network)}


def test_by_default_each_flow_has_one_packet_in_whole_cycles(make_spec):
    assert make_spec("udp", first_port=1, last_port=10).count == 10
    assert make_spec("udp", first_port=1, last_port=10, imix={64: 7, 594: 4, 1518: 1}).count == 12
    assert make_spec("udp", dst_ip="198.19.0.0/24", last_port=1024).count == 254
    assert make_spec("udp", first_port=1, last_port=10, streams=[{}, {"last_port": 30}]).count == 60


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"imix": {64: 1, 1518: MOST_SLOTS}}, "imix .*: has weights whose sum is above 1000"),
        ({"streams": [{}] * (MOST_SLOTS + 1)}, "streams: make an order that repeats after 1001 frames"),
        ({"imix": {64: 1}, "ip_length": 64}, "has no meaning with ip_length. Set one of"),
        ({"imix": "64"}, "imix '64': must be frame lengths with FCS, each with a weight"),
        ({"imix": {"short": 1}}, "must be frame lengths with FCS, each with a weight"),
        ({"imix": {63: 1}}, "imix 63: must be 64 to 65553 bytes for udp, the FCS included"),
        ({"frame_length": 65, **IPV6}, "frame_length 65: must be 66 to 65553 bytes for udp over IPv6, the FCS"),
        ({"streams": [{}, {"ttl": 0}]}, r"streams\[1\].ttl 0: must be 1 to 255"),
        ({"streams": [{"speed": 5}]}, r"streams\[0\].speed 5: is not a parameter of a pcap"),
        ({"streams": [{"streams": []}]}, r"streams\[0\].streams \[\]: is of the pcap"),
        ({"streams": ["a"]}, r"streams\[0\] 'a': must be a dictionary of parameters"),
        ({"last_source_port": 5}, "last_source_port 5: must not be below source_port 49152"),
        ({"dst_ip": "198.19.0.1/24"}, "198.19.0.1/24 has host bits set"),
        ({"dst_ip": "224.0.0.0/4"}, "must be the address of one host"),
    ],
)
def test_a_wrong_combination_is_refused(given, message, make_spec):
    with pytest.raises(InputError, match=message):
        make_spec("udp", **given)


def test_a_stream_may_have_its_own_length_and_payload(make_spec):
    streams = [{"frame_length": 128}, {"payload": "ab"}, {}]
    spec = make_spec("udp", imix={64: 1, 1518: 2}, payload="random", streams=streams)
    assert [part.cycle for part in spec.parts] == [(124,), (1514, 60, 1514), (1514, 60, 1514)]
    assert [part.payload for part in spec.parts] == ["random", "ab", "random"]
    assert len(Layout.of(spec).slots) == 9
