"""Scapy as the oracle: the same pcap made from packets that are built one by one, and wrpcap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_template
from linerate.pcap.writer import Written, write_pcap

MACS = {"src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02"}


def scapy_packet(spec: PcapSpec, number: int) -> Packet:
    """Packet ``number`` of the pcap, its checksums left to Scapy."""
    port = spec.first_port + number % spec.ports
    link = Ether(src=spec.src_mac, dst=spec.dst_mac)
    if spec.vlan is not None:
        link = link / Dot1Q(vlan=spec.vlan)
    layer = {"tcp": TCP, "udp": UDP}[spec.protocol]
    if spec.ip_version == 6:
        network = IPv6(src=spec.src_ip, dst=spec.dst_ip, hlim=spec.ttl)
    else:
        network = IP(src=spec.src_ip, dst=spec.dst_ip, ttl=spec.ttl)
    headers = link / network / layer(sport=spec.source_port, dport=port)
    pattern = bytes.fromhex(spec.payload)
    room = spec.ip_length - ({4: 20, 6: 40}[spec.ip_version] + {"tcp": 20, "udp": 8}[spec.protocol])
    packet = headers / Raw((pattern * room)[:room])
    packet.time = number / 1_000_000
    return packet


def scapy_pcap(path: Path, spec: PcapSpec) -> None:
    """Write the pcap with Scapy."""
    wrpcap(str(path), [scapy_packet(spec, number) for number in range(spec.count)])


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
        written = write_pcap(str(path), spec, build_template(spec))
        return path.read_bytes(), written

    return whole_file


@pytest.fixture
def make_spec() -> Any:
    """A spec with default MACs; all other parameters by keyword."""

    def spec(protocol: str = "tcp", **given: Any) -> PcapSpec:
        return PcapSpec(protocol, **{**MACS, **given})

    return spec
