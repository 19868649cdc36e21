"""Frames count at the receiver although the path changed their length; captures of several destinations count whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import wrpcap
from tests.integration.devices import altering
from tests.integration.trials import (
    TRIAL,
    inside,
    make_pcap,
    make_trial,
    run_python,
    start_count,
    stop_count,
    stored_record,
)

from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.pcap.reader import read_summary
from linerate.trial.loss import UNEXPLAINED
from linerate.trial.model import Case, Sending, SendMethod
from linerate.trial.plan import Setup, Timing, combine, plan

DESTINATION = "198.19.0.1"
BROADCAST = "ff:ff:ff:ff:ff:ff"
PPS = 400.0


def sent(pcap: str, destinations: tuple[str, ...], vlan_tags: int = 0) -> dict[str, Any]:
    """The record of a trial that sends ``pcap`` twice, counted by the receiver as the role has it count."""
    summary = read_summary(pcap)
    lengths = (summary.mean_frame_length, summary.min_frame_length, summary.max_frame_length)
    case = Case("frames", pcap, summary.sha256, summary.packets, *lengths, destinations, vlan_tags=vlan_tags)
    allowed = ["198.18.0.0/15", "2001:2::/48", SENDER.mac, RECEIVER.mac, BROADCAST]
    bench = make_trial(pcap, topspeed=True, allow_destinations=allowed).bench
    setup = Setup(bench, Sending(SENDER.interface), Timing({"paced": 2 * summary.packets / PPS, "topspeed": 1.0}))
    (planned,) = plan(combine([case], [SendMethod("kernel")], [{"mode": "pps", "value": PPS}]), 1, setup)
    start_count(
        "frames",
        destinations=case.destinations,
        min_frame_length=case.min_frame_length,
        max_frame_length=case.max_frame_length,
        vlan_tags=case.vlan_tags,
    )
    seen = json.loads(run_python(SENDER, TRIAL, [planned.to_json(), None]))
    record = stored_record(planned, seen, stop_count("frames"))
    assert record["claim"]["successful"] == 2 * summary.packets
    return record


@pytest.mark.parametrize(
    ("change", "spec", "arriving"),
    [
        ("padding", {"ip_length": 28}, 60),
        ("padding and FCS", {"ip_length": 28}, 64),
        ("none", {"ip_length": 64, "vlan": 10}, 78),
        ("padding", {"ip_length": 28, "vlan": 10}, 60),
        ("padding to 64", {"ip_length": 28, "vlan": 10}, 64),
    ],
    ids=["padded", "padded, with FCS", "untagged", "untagged and padded", "untagged and padded, with FCS"],
)
def test_frames_count_as_the_path_changed_them(lab, tmp_path, change, spec, arriving):
    with altering(change):
        record = sent(make_pcap(tmp_path / "x.pcap", packets=100, **spec), (DESTINATION,), 1 if "vlan" in spec else 0)
    assert record["loss"]["packets"] == 0, record
    assert record["receiver_nic"]["rx_bytes"] == 200 * arriving


def test_frames_of_another_length_do_not_count_and_the_evidence_names_it(lab, tmp_path):
    with altering("seven bytes more"):
        loss = sent(make_pcap(tmp_path / "x.pcap", packets=100), (DESTINATION,))["loss"]
    assert (loss["packets"], loss["where"]) == (200, "receiver kernel")
    assert f"the witness receiver1 counted 0 (IPv4 to {DESTINATION}, 78 or 82 B)" in loss["evidence"]
    assert loss["evidence"][-1] == UNEXPLAINED


def mixed_capture(path: Path) -> str:
    """Both directions of a conversation, IPv6, two tags, and ARP: 6 frames of 42 to 1514 bytes."""
    there, back = Ether(src=SENDER.mac, dst=RECEIVER.mac), Ether(src=RECEIVER.mac, dst=SENDER.mac)
    udp, tcp = UDP(sport=1024, dport=9), TCP(sport=9, dport=1024, flags="A")
    frames = [
        there / IP(src="198.18.0.1", dst=DESTINATION) / udp / Raw(bytes(1472)),
        back / IP(src=DESTINATION, dst="198.18.0.1") / tcp,
        there / IPv6(src="2001:2::1", dst="2001:2::2") / udp / Raw(bytes(40)),
        there / Dot1Q(vlan=5, type=0x8100) / Dot1Q(vlan=6) / IP(src="198.18.0.1", dst=DESTINATION) / udp,
        back / Dot1Q(vlan=5) / IPv6(src="2001:2::2", dst="2001:2::1") / udp,
        Ether(src=SENDER.mac, dst=BROADCAST) / ARP(psrc="198.18.0.1", pdst="198.18.0.77"),
    ]
    wrpcap(str(path), frames)
    return str(path)


def test_a_capture_of_several_destinations_and_both_directions_counts_whole(lab, tmp_path):
    pcap = mixed_capture(tmp_path / "mixed.pcap")
    all_of_them = (DESTINATION, "198.18.0.1", "2001:2::2", "2001:2::1", BROADCAST)
    loss = sent(pcap, all_of_them, vlan_tags=2)["loss"]
    assert loss["packets"] == 0, loss
    # One direction of IPv4: with and without tags.
    loss = sent(pcap, (DESTINATION,), vlan_tags=2)["loss"]
    assert loss["packets"] == 8, loss


def test_the_receiving_interface_is_promiscuous_while_a_count_needs_it(lab):
    start_count("one", promiscuous=True)
    assert promiscuity() == 1
    assert stop_count("one")["witness"]["packets"] == 0
    assert promiscuity() == 0


def promiscuity() -> int:
    described = json.loads(inside(RECEIVER, "ip", "-json", "-d", "link", "show", "dev", RECEIVER.interface))
    return int(described[0]["promiscuity"])
