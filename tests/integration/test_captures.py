"""Captures of different kinds, made by Scapy, are sent with their own timing and counted to the packet."""

from __future__ import annotations

import gzip
import json
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet
from scapy.utils import wrpcap, wrpcapng
from tests.integration.trials import sent_packets

from linerate.errors import PcapError
from linerate.pcap.convert import Capture, ensure_converted
from linerate.pcap.rewrite import Rewrite

CLIENT, SERVER = "0a:00:00:00:00:01", "0a:00:00:00:00:02"
STEP = 0.05
"""Seconds between the packets of a capture."""


def there(*tags: Packet, src: str = "198.18.0.5") -> Packet:
    frame: Packet = Ether(src=CLIENT, dst=SERVER)
    for tag in tags:
        frame /= tag
    return frame / IP(src=src, dst="198.19.0.1")


def back(src: str = "198.19.0.1", dst: str = "198.18.0.5") -> Packet:
    return Ether(src=SERVER, dst=CLIENT) / IP(src=src, dst=dst)


def six() -> Packet:
    return Ether(src=CLIENT, dst=SERVER) / IPv6(src="2001:2::5", dst="2001:2::1")


CAPTURES: dict[str, list[Packet]] = {
    "ipv6": [six() / UDP() / bytes(60), six() / ICMPv6EchoRequest(data=bytes(50)), six() / TCP()] * 4,
    "vlan": [there(Dot1Q(vlan=5)) / UDP() / bytes(100)] * 12,
    "qinq": [there(Dot1AD(vlan=5), Dot1Q(vlan=6)) / UDP() / bytes(100)] * 12,
    "fragments": [
        Ether(src=CLIENT, dst=SERVER) / part
        for part in fragment(IP(src="198.18.0.5", dst="198.19.0.1", id=7) / UDP() / bytes(4000), 1400) * 4
    ],
    "icmp": [there() / ICMP() / bytes(56), back() / ICMP(type=0) / bytes(56)] * 6,
    "sizes": [there() / UDP() / bytes(length) for length in (0, 1, 18, 19, 100, 576, 1000, 1471, 1472)],
    "flows": [there(src=f"198.18.0.{host}") / UDP(dport=port) / bytes(30) for host in range(4) for port in range(3)],
    "directions": [there() / TCP(sport=9, dport=80), back() / TCP(sport=80, dport=9) / bytes(700)] * 6,
    "nanoseconds": [there() / UDP() / bytes(40)] * 12,
    "pcapng": [there() / UDP() / bytes(40)] * 12,
    "bigendian": [there() / UDP() / bytes(40)] * 12,
    "compressed": [there() / UDP() / bytes(40), Ether(src=CLIENT, dst=SERVER) / ARP()] * 6,
    "elsewhere": [
        Ether(src=CLIENT, dst=SERVER) / IP(src="10.0.0.5", dst="8.8.8.8") / TCP(),
        back("8.8.8.8", "10.0.0.5") / TCP() / bytes(900),
    ]
    * 6,
}
FILES: dict[str, Callable[[Path, list[Packet]], None]] = {
    "nanoseconds": lambda path, frames: wrpcap(str(path), frames, nano=True),
    "pcapng": lambda path, frames: wrpcapng(str(path), frames),
    "bigendian": lambda path, frames: wrpcap(str(path), frames, endianness=">"),
}
REWRITES: dict[str, dict[str, Any]] = {
    "elsewhere": {"ip": {"10.0.0.0/24": "198.18.7.0/24", "8.8.8.8": "198.19.7.7"}, "vlan": 9},
}


def capture(folder: Path, name: str) -> dict[str, Any]:
    """Write a capture; its entry in pcaps_set."""
    frames = [frame.copy() for frame in CAPTURES[name]]
    for number, frame in enumerate(frames):
        frame.time = 1_700_000_000 + number * STEP
    path = folder / f"{name}.cap"
    FILES.get(name, lambda path, frames: wrpcap(str(path), frames))(path, frames)
    if name == "compressed":
        path.write_bytes(gzip.compress(path.read_bytes()))
    rewrite = {"dst_mac": "receiver", "src_mac": "sender", **REWRITES.get(name, {})}
    return {"name": name, "src": str(path), "rewrite": rewrite}


@pytest.mark.long
def test_captures_are_sent_as_they_were_and_counted_exactly(lab, play, tmp_path):
    own_timing = [{"case": name, "engine": "kernel", "mode": "multiplier", "value": 1.0} for name in CAPTURES]
    other = [
        {"case": "sizes", "engine": "kernel", "mode": "pps", "value": 50},
        {"case": "elsewhere", "engine": "kernel", "mode": "mbps", "value": 0.2},
        {"case": "directions", "engine": "kernel", "mode": "topspeed"},
    ]
    done = play(
        "playbooks/benchmark.yml",
        pcaps_set=[capture(tmp_path, name) for name in CAPTURES],
        pcaps_dir=str(tmp_path / "pcaps"),
        benchmark_trials=own_timing + other,
        benchmark_repeats=1,
        benchmark_duration_paced=1,
        benchmark_duration_topspeed=1,
        benchmark_proof=False,
        benchmark_rate_tolerance_percent=30,
        benchmark_results_dir=str(tmp_path / "results"),
    )
    assert done.rc == 0, done.stdout
    trials = [json.loads(line) for line in (tmp_path / "results/latest/trials.jsonl").read_text().splitlines()]
    assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * len(trials)
    for trial in trials:
        sent = trial["claim"]["successful"]
        assert trial["witness"]["packets"] == sent, trial["trial_id"]
    for trial, name in zip(trials, CAPTURES):
        packets, seconds = len(CAPTURES[name]), (len(CAPTURES[name]) - 1) * STEP
        passes = -(-1 // seconds)
        assert trial["case"]["pcap_packets"] == packets
        assert trial["offered"]["packets"] == trial["claim"]["successful"] == packets * passes
        assert trial["offered"]["duration_seconds"] == pytest.approx(passes * seconds, abs=1e-5)
    assert sent_packets() == sum(trial["claim"]["successful"] for trial in trials)


@pytest.mark.long
def test_a_capture_to_foreign_addresses_needs_rewriting_or_an_allowance(lab, play, tmp_path):
    frames = [Ether(src=CLIENT, dst=SERVER) / IP(src="10.0.0.5", dst="10.0.0.6") / UDP() / bytes(30)] * 5
    wrpcap(str(tmp_path / "a.pcap"), frames)
    given = {
        "pcaps_set": [{"name": "a", "src": str(tmp_path / "a.pcap"), "rewrite": {"dst_mac": "receiver"}}],
        "pcaps_dir": str(tmp_path / "pcaps"),
        "benchmark_rates": [{"mode": "pps", "value": 100}],
        "benchmark_engines": ["kernel"],
        "benchmark_repeats": 1,
        "benchmark_duration_paced": 1,
        "benchmark_proof": False,
        "benchmark_results_dir": str(tmp_path / "results"),
    }
    refused = play("playbooks/benchmark.yml", **given)
    assert refused.rc != 0
    (error,) = refused.failures
    assert "packet 1 goes to 10.0.0.6, which is in none of the allowed networks" in error
    assert sent_packets() == 0
    allowed = play("playbooks/benchmark.yml", **given, linerate_allow_destinations=["10.0.0.0/24"])
    assert allowed.rc == 0, allowed.stdout
    assert sent_packets() == 100


FRAME = bytes(there() / UDP() / bytes(600))


def classic(captured: bytes, original: int, version: int = 4, tail: bytes = b"") -> bytes:
    """A pcap of two packets, the second one of which is ``captured``."""
    header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, version, 0, 0, 65_535, 1)
    records = ((FRAME, len(FRAME)), (captured, original))
    return header + b"".join(struct.pack("<IIII", 0, 0, len(data), real) + data for data, real in records) + tail


@pytest.mark.parametrize(
    ("content", "packets", "length"),
    [
        pytest.param(classic(FRAME[:100], len(FRAME)), 2, len(FRAME), id="truncated packets"),
        pytest.param(classic(FRAME, len(FRAME), tail=b"\0" * 7), 2, len(FRAME), id="ends within a packet"),
        pytest.param(classic(FRAME, len(FRAME), tail=bytes(40)), 2, len(FRAME), id="zeros at the end"),
        pytest.param(classic(FRAME, len(FRAME), tail=b"\xff" * 40), 2, len(FRAME), id="damaged"),
        pytest.param(classic(FRAME, len(FRAME), version=3), 2, len(FRAME), id="an old version"),
    ],
)
def test_the_command_of_the_hint_makes_the_capture_usable(content, packets, length, tmp_path):
    before, after, out = (str(tmp_path / name) for name in ("before.pcap", "after.pcap", "out.pcap"))
    Path(before).write_bytes(content)
    with pytest.raises(PcapError) as refused:
        ensure_converted(out, Capture(before, Rewrite()))
    command = re.search(r"tcprewrite( --\S+)+", refused.value.hint)
    argv = command[0].rstrip(".,;").replace("=IN", f"={before}").replace("=OUT", f"={after}").split()
    subprocess.run(argv, check=False, capture_output=True)
    manifest = ensure_converted(out, Capture(after, Rewrite())).manifest
    assert (manifest.packets, manifest.max_frame_length) == (packets, length)
