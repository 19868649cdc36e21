"""Captures of a scenario are read on the controller, before a host is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import CookedLinux, Ether
from scapy.utils import wrpcap

from linerate.controller import capture_input
from linerate.controller.capture_input import check_capture
from linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations

DEVICE, OTHER = "02:00:00:00:00:05", "02:00:00:00:00:99"
ALLOWED = AllowedDestinations([*BENCHMARK_NETWORKS, DEVICE])
HERE, ELSEWHERE = (Ether(dst=OTHER, src=OTHER) / IP(dst=to) / UDP() for to in ("198.19.0.1", "8.8.8.8"))


@pytest.fixture
def answers(tmp_path: Path):
    """What is said of a capture of some frames, without its hint."""

    def answers(frames: list[Any], rewrite: dict[str, Any] | None = None, **values: Any) -> list[str]:
        wrpcap(str(tmp_path / "my.pcap"), frames)
        pcap = {"name": "mine", "src": "my.pcap", **({"rewrite": rewrite} if rewrite else {})}
        given = {"pcaps_src_dir": str(tmp_path), "linerate_receiver": "receiver1", **values}
        found = check_capture("pcaps_set[0]", pcap, given, ALLOWED)
        return [f"{error.subject} {error.value}: {error.rule}" for error in found]

    return answers


def test_a_capture_to_foreign_addresses_is_refused(answers):
    listed = "which is in none of the allowed networks (198.18.0.0/15, 2001:2::/48)"
    assert answers([HERE]) == []
    assert answers([HERE, ELSEWHERE]) == [f"pcaps_set[0].src my.pcap: packet 2 goes to 8.8.8.8, {listed}"]
    assert answers([HERE, ELSEWHERE], {"ip": {"8.8.8.8": "198.18.0.8"}}) == []


def test_the_mac_is_compared_where_all_allowed_ones_are_known(answers):
    refusal = f"pcaps_set[0].src my.pcap: packet 1 goes to the MAC {OTHER}, which is not an allowed MAC ({DEVICE})"
    alone = {"linerate_receiver": "", "pcaps_dst_mac": DEVICE}
    assert answers([HERE], **alone) == [refusal]
    assert answers([HERE], {"dst_mac": "receiver"}, **alone) == []
    assert answers([HERE], pcaps_next_hop="198.18.0.254", **alone) == []


def test_a_capture_without_ethernet_headers_needs_both_macs(answers):
    frames = [CookedLinux() / IP(dst="198.19.0.1") / UDP()]
    (refusal,) = answers(frames)
    assert refusal.endswith("has link type 113 (Linux cooked), packets without Ethernet addresses")
    assert answers(frames, {"dst_mac": "receiver", "src_mac": "sender"}) == []


def test_a_long_capture_is_read_in_part(answers, monkeypatch):
    monkeypatch.setattr(capture_input, "MOST_PACKETS", 3)
    assert answers([HERE, HERE, HERE, ELSEWHERE]) == []


def test_a_folder_that_is_not_known_yet_is_left_to_the_task(tmp_path):
    assert list(check_capture("pcaps_set[0]", {"src": "my.pcap"}, {}, ALLOWED)) == []
    (missing,) = check_capture("pcaps_set[0]", {"src": str(tmp_path / "no.pcap")}, {}, ALLOWED)
    assert missing.rule == "cannot be read: No such file or directory"
