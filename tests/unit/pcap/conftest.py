"""Scapy as the oracle: the same pcap made from packets that are built one by one, and wrpcap."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_templates
from linerate.pcap.writer import Written, write_pcap

MACS = {"src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02"}


@lru_cache
def hosts(text: str) -> list[Any]:
    """The addresses of successive flows."""
    network = ip_network(text)
    if network.num_addresses == 1:
        return [network[0]]
    return [*islice(network.hosts(), 100_000)]


def scapy_packet(spec: PcapSpec, number: int, turns: dict[tuple[int, int], Random]) -> Packet:
    """Packet ``number`` of the pcap, its checksums left to Scapy. ``turns`` are the generators of random payloads."""
    at = number % len(spec.parts)
    stream, own = spec.parts[at], number // len(spec.parts)
    sources, destinations = hosts(stream.src_ip), hosts(stream.dst_ip)
    last = stream.last_source_port or stream.source_port
    ports = (range(stream.source_port, last + 1), range(stream.first_port, stream.last_port + 1))
    largest = max(len(one) for one in (sources, destinations, *ports))
    flow = own % (stream.flows or largest)
    link = Ether(src=stream.src_mac, dst=stream.dst_mac)
    for layer, vlan in ((Dot1AD, stream.outer_vlan), (Dot1Q, stream.vlan)):
        link = link if vlan is None else link / layer(vlan=vlan)
    source, destination = str(sources[flow % len(sources)]), str(destinations[flow % len(destinations)])
    version6 = stream.ip_version == 6
    ip = IPv6(hlim=stream.ttl) if version6 else IP(ttl=stream.ttl)
    ip.src, ip.dst = source, destination
    transport = {"tcp": TCP, "udp": UDP}[stream.protocol]
    headers = link / ip / transport(sport=ports[0][flow % len(ports[0])], dport=ports[1][flow % len(ports[1])])
    room = stream.cycle[own % len(stream.cycle)] - len(headers)
    if stream.payload == "random":
        turn = own % spec.rounds
        generator = turns.setdefault((at, turn), Random(f"{stream.seed} {at} {turn}"))
        payload = generator.randbytes(room + -room % 4)[:room]
    else:
        payload = (bytes.fromhex(stream.payload) * room)[:room]
    packet = headers / Raw(payload)
    packet.time = number / 1_000_000
    return packet


def scapy_pcap(path: Path, spec: PcapSpec) -> None:
    """Write the pcap with Scapy."""
    turns: dict[tuple[int, int], Random] = {}
    wrpcap(str(path), [scapy_packet(spec, number, turns) for number in range(spec.count)])


@pytest.fixture
def oracle(tmp_path: Path) -> Any:
    """The bytes of the pcap of a spec, written by Scapy."""

    def whole_file(spec: PcapSpec) -> bytes:
        path = tmp_path / "by_scapy.pcap"
        scapy_pcap(path, spec)
        return path.read_bytes()

    return whole_file


@pytest.fixture
def ours(tmp_path: Path) -> Any:
    """The bytes of the pcap of a spec, written by linerate, and the writer's result."""

    def whole_file(spec: PcapSpec) -> tuple[bytes, Written]:
        path = tmp_path / "ours.pcap"
        written = write_pcap(str(path), spec, build_templates(spec))
        return path.read_bytes(), written

    return whole_file


@pytest.fixture
def make_spec() -> Any:
    """A spec with default MACs; all other parameters by keyword."""

    def spec(protocol: str = "tcp", **given: Any) -> PcapSpec:
        return PcapSpec(protocol, **{**MACS, **given})

    return spec
