"""Proof of arrival by the real role: trials start only after the receiver has counted a burst; and check mode."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.conftest import REPOSITORY
from tests.integration.trials import inside, ip, sent_packets, set_link

from linerate.lab.namespaces import RECEIVER, SENDER


@pytest.fixture
def scenario(tmp_path: Path) -> dict[str, Any]:
    return {
        "benchmark_repeats": 1,
        "benchmark_engines": ["kernel"],
        "benchmark_rates": [{"mode": "pps", "value": 1000}, {"mode": "topspeed"}],
        "benchmark_duration_paced": 1,
        "benchmark_duration_topspeed": 1,
        "benchmark_rate_tolerance_percent": 50,
        "benchmark_results_dir": str(tmp_path / "results"),
        "benchmark_cases": ["udp_port_scan_64", "udp_port_scan_1500"],
        "pcaps_dir": str(tmp_path / "pcaps"),
        "pcaps_packets": 500,
    }


def inventory(tmp_path: Path, **receiver: Any) -> tuple[str, ...]:
    """Options for the lab's inventory with more variables of the receiver."""
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": {"receiver1": receiver}}}))
    return ("-i", str(REPOSITORY / "inventory/lab"), "-i", str(path))


def only_error(done: Any) -> str:
    """The message of the one task that failed."""
    assert done.rc != 0, done.stdout
    assert len(done.failures) == 1, done.failures
    return " ".join(done.failures[0].split())


@pytest.mark.long
def test_each_destination_and_vlan_is_proven_once_with_its_longest_frames(lab, play, tmp_path, scenario):
    pcaps = [
        {"name": "short", "protocol": "udp", "ip_length": 64},
        {"name": "long", "protocol": "udp", "ip_length": 1500},
        {"name": "tagged", "protocol": "udp", "ip_length": 64, "dst_ip": "198.19.0.2", "vlan": 10},
    ]
    names = [pcap["name"] for pcap in pcaps]
    done = play("playbooks/benchmark.yml", **{**scenario, "pcaps_set": pcaps, "benchmark_cases": names})
    assert done.rc == 0, done.stdout
    output = " ".join(done.stdout.split())
    assert re.findall(r"Proof of arrival, ([^,]*) packets counted", output) == [
        "kernel to 198.19.0.1: 100 of 100",
        "kernel to 198.19.0.2 in VLAN 10: 100 of 100",
    ]
    trials = [json.loads(line) for line in (tmp_path / "results/latest/trials.jsonl").read_text().splitlines()]
    assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * 6
    # No trial counts the packets of a burst.
    assert sent_packets() == 200 + sum(trial["claim"]["successful"] for trial in trials)
    octets = sent_packets("tx_bytes")
    in_trials = sum(trial["claim"]["successful"] * trial["case"]["max_frame_length"] for trial in trials)
    assert octets - in_trials == 100 * 1514 + 100 * 82


@pytest.fixture
def other_port(lab: None) -> Iterator[str]:
    """Another interface of the receiver, with a carrier, but not connected to the sender."""
    ip(RECEIVER, "link", "add", "name", "lrx0", "type", "veth", "peer", "name", "lrx1")
    for name in ("lrx0", "lrx1"):
        ip(RECEIVER, "link", "set", "dev", name, "up")
    yield "lrx0"
    ip(RECEIVER, "link", "delete", "dev", "lrx0")


def test_a_cable_to_another_port_stops_the_run(other_port, play, tmp_path, scenario):
    done = play("playbooks/benchmark.yml", *inventory(tmp_path, linerate_interface=other_port), **scenario)
    error = only_error(done)
    assert "proof of arrival 'kernel to 198.19.0.1': only 0 of 100 packets arrived" in error
    assert "tcpreplay claims 100 sent, 0 failed; sender1 lrs0 sent 100 and dropped 0; " in error
    assert "receiver1 lrx0 received 0, dropped 0, with errors 0; of these 0 are IPv4 to 198.19.0.1" in error
    assert "They left the sender and did not reach the receiver. Check the cable" in error
    assert sent_packets() == 100
    assert not (tmp_path / "results").exists()


def test_frames_dropped_in_the_senders_queue_stop_the_run(lab, play, tmp_path, scenario):
    inside(SENDER, "tc", "qdisc", "add", "dev", "lrs0", "root", "blackhole")
    error = only_error(play("playbooks/benchmark.yml", **scenario))
    assert "only 0 of 100 packets arrived" in error
    assert "They did not leave the sending interface. Check its link" in error
    assert sent_packets() == 0
    assert not (tmp_path / "results").exists()


def test_a_tcpreplay_that_does_not_send_stops_the_run(lab, play, tmp_path, scenario):
    stub = tmp_path / "tcpreplay"
    stub.write_text('#!/bin/sh\ncase $1 in --intf1=*) exit 0;; esac\nexec tcpreplay "$@"\n')
    stub.chmod(0o755)
    error = only_error(play("playbooks/benchmark.yml", benchmark_tcpreplay=str(stub), **scenario))
    assert "tcpreplay claims nothing" in error
    assert "tcpreplay did not send them" in error
    assert not (tmp_path / "results").exists()


@pytest.mark.long
def test_a_destination_that_is_not_allowed_stops_the_run_before_the_burst(lab, play, tmp_path, scenario):
    pcaps = [
        {"name": "udp_port_scan_64", "protocol": "udp", "ip_length": 64},
        {"name": "udp_port_scan_1500", "protocol": "udp", "ip_length": 1500, "dst_ip": "192.0.2.9"},
    ]
    error = only_error(play("playbooks/benchmark.yml", pcaps_set=pcaps, **scenario))
    assert "pcaps_set[1].dst_ip '192.0.2.9': is in none of the allowed networks" in error
    assert sent_packets() == 0
    allowed = ["198.18.0.0/15", "192.0.2.0/24"]
    done = play("playbooks/benchmark.yml", pcaps_set=pcaps, linerate_allow_destinations=allowed, **scenario)
    assert done.rc == 0, done.stdout


def test_a_receiver_with_a_smaller_mtu_stops_the_run_before_the_burst(lab, play, tmp_path, scenario):
    set_link(RECEIVER, "mtu", "1400")
    error = only_error(play("playbooks/benchmark.yml", **scenario))
    assert "the receiver's interface: has an MTU of 1400 B, too small for the 1500 B" in error
    assert sent_packets() == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"benchmark_repeats": 10**9}, "benchmark_repeats 1000000000: must be at most 1,000"),
        ({"benchmark_proof_packets": 0}, "benchmark_proof_packets 0: must be a whole number of at least 1"),
    ],
)
def test_a_number_out_of_range_is_one_error(lab, play, tmp_path, scenario, given, message):
    assert message in only_error(play("playbooks/benchmark.yml", **{**scenario, **given}))
    assert sent_packets() == 0
    assert not (tmp_path / "results").exists()


def test_check_mode_prints_the_plan_and_changes_nothing(lab, play, tmp_path, scenario):
    checked = play("playbooks/benchmark.yml", "--check", **scenario)
    assert checked.rc == 0, checked.stdout
    shown = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", checked.stdout).splitlines()]
    pcap = f"{tmp_path}/pcaps/udp_port_scan_64.pcap"
    first = shown.index(
        "001-udp_port_scan_64-kernel-1000pps-r1: 1,000 packets, 0.1 MB (pcap, no FCS), in 1 s, 1,000 pps"
    )
    assert shown[first + 1] == f"tcpreplay --intf1=lrs0 --pps=1000 --loop=2 --limit=1000 --preload-pcap {pcap}"
    assert shown[first + 2].endswith(
        "at most 12,254,902 packets, 955.9 MB (pcap, no FCS), in 1 s, at most 12,254,902 pps"
    )
    assert shown[first + 8] == "4 trials: at most 13,069,646 packets, 2,188.0 MB (pcap, no FCS), about 12 s"
    assert sent_packets() == 0
    assert not (tmp_path / "pcaps").exists()
    assert not (tmp_path / "results").exists()
    assert "Proof of arrival" not in checked.stdout


def test_check_mode_accepts_a_pcap_that_the_run_would_write_again(lab, play, tmp_path, scenario):
    assert play("playbooks/pcaps.yml", **scenario).rc == 0
    # Damaged: as it is, preflight refuses it.
    old = tmp_path / "pcaps/udp_port_scan_64.pcap"
    before = old.read_bytes()
    old.write_bytes(before[:-1])
    checked = play("playbooks/benchmark.yml", "--check", **scenario)
    assert checked.rc == 0, checked.stdout
    assert old.read_bytes() == before[:-1]
