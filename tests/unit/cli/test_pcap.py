"""``linerate pcap`` at a shell: the file, the manifest on standard output, one line on failure."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap, wrpcapng

from linerate.pcap.reader import read_summary


@pytest.fixture
def linerate_pcap(tmp_path):
    def call(*argv, file_size_limit=resource.RLIM_INFINITY):
        return subprocess.run(
            [sys.executable, "-m", "linerate.cli.main", "pcap", *argv],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, resource.RLIM_INFINITY)),
        )

    return call


def test_writes_the_pcap_and_prints_its_manifest(linerate_pcap, tmp_path):
    done = linerate_pcap("--protocol", "tcp", "--ip-length", "64", "out.pcap")
    assert done.returncode == 0
    manifest = json.loads(done.stdout)
    summary = read_summary(str(tmp_path / "out.pcap"))
    assert manifest["packets"] == summary.packets == 64_511
    assert manifest["sha256"] == summary.sha256
    assert manifest == json.loads((tmp_path / "out.pcap.json").read_text())


def test_every_option_reaches_the_pcap(linerate_pcap):
    given = {
        "protocol": "udp",
        "ip_length": 100,
        "packets": 30,
        "first_port": 10,
        "last_port": 19,
        "source_port": 7,
        "src_ip": "10.0.0.1",
        "dst_ip": "10.0.0.2",
        "src_mac": "0a:00:00:00:00:01",
        "dst_mac": "0a:00:00:00:00:02",
        "vlan": 12,
        "payload": "random",
        "ttl": 3,
        "outer_vlan": 13,
        "last_source_port": 9,
        "flows": 6,
        "seed": 5,
    }
    argv = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    done = linerate_pcap(*argv, "--stream", "dst-ip=10.0.0.3;ttl=4", "--stream", "frame_length=99", "out.pcap")
    streams = [{"dst_ip": "10.0.0.3", "ttl": 4}, {"frame_length": 99}]
    assert json.loads(done.stdout)["parameters"] == {**given, "streams": streams}


def test_mixed_frame_lengths(linerate_pcap):
    done = linerate_pcap("--protocol", "udp", "--imix", "64:7,594:4,1518:1", "--packets", "24", "out.pcap")
    manifest = json.loads(done.stdout)
    assert manifest["parameters"]["imix"] == {"64": 7, "594": 4, "1518": 1}
    lengths = [manifest[f"{kind}_frame_length"] for kind in ("min", "mean", "max")]
    assert lengths == [60, (7 * 60 + 4 * 590 + 1514) / 12, 1514]


def test_a_second_call_does_not_change_the_file(linerate_pcap, tmp_path):
    argv = ("--protocol", "udp", "--packets", "10", "out.pcap")
    first = linerate_pcap(*argv)
    inode = (tmp_path / "out.pcap").stat().st_ino
    second = linerate_pcap(*argv)
    assert "written, the pcap did not exist" in first.stderr
    assert "unchanged, it matches" in second.stderr
    assert second.stdout == first.stdout
    assert (tmp_path / "out.pcap").stat().st_ino == inode


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--ip-length", "39"), "ip_length 39: must be 40 to 65535 bytes for tcp"),
        (("--ip-length", "many"), "ip_length 'many': must be a whole number"),
        (("--dst-mac", "ff:ff:ff:ff:ff:ff"), "must not be a multicast or broadcast address"),
        (("--packets", "0"), "packets 0: must be 1 to"),
        (("--vlan", "4095"), "vlan 4095: must be 0 to 4094"),
        (("--imix", "64"), "imix '64': must be frame lengths with FCS, each with a weight of 1 or more"),
        (("--frame-length", "64", "--imix", "64:1"), "imix '64:1': has no meaning with frame_length"),
        (("--stream", "dst_ip"), "--stream 'dst_ip': must be NAME=VALUE"),
        (("--stream", "packets=5"), "streams[0].packets 5: is of the pcap, not of one stream"),
    ],
)
def test_bad_value_is_one_line_and_no_file(argv, message, linerate_pcap, tmp_path):
    done = linerate_pcap("--protocol", "tcp", *argv, "out.pcap")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_one_line_and_no_file(linerate_pcap, tmp_path):
    done = linerate_pcap("--protocol", "tcp", "out.pcap", file_size_limit=1_000_000)
    assert done.returncode == 3
    assert "file 'out.pcap': cannot be written: File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_one_line(linerate_pcap):
    done = linerate_pcap("--protocol", "tcp", "none/out.pcap")
    assert done.returncode == 3
    assert "file 'none/out.pcap': cannot be written: No such file or directory" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def capture(tmp_path):
    frame = Ether(src="02:00:00:00:00:08", dst="02:00:00:00:00:09") / IP(src="10.0.0.1", dst="10.0.0.2") / UDP()
    frames = [frame / bytes(length) for length in (20, 400)]
    for number, one in enumerate(frames):
        one.time = 1_700_000_000 + number / 2
    wrpcapng(str(tmp_path / "in.pcapng"), frames)
    return "in.pcapng"


def test_a_capture_is_converted(linerate_pcap, capture, tmp_path):
    argv = ("--from", capture, "--map-ip", "10.0.0.0/24=198.18.0.0/24", "--dst-mac", "02:00:00:00:00:02")
    done = linerate_pcap(*argv, "--vlan", "7", "out.pcap")
    assert "linerate pcap: out.pcap: written, the pcap did not exist" in done.stderr
    manifest = json.loads(done.stdout)
    assert manifest == json.loads((tmp_path / "out.pcap.json").read_text())
    assert (manifest["packets"], manifest["duration_seconds"], manifest["mean_pps"]) == (2, 0.5, 4.0)
    assert (manifest["destinations"], manifest["vlans"], manifest["flows"]) == (["198.18.0.2"], [7], 1)
    first, second = rdpcap(str(tmp_path / "out.pcap"))
    assert (first.src, first.dst, first.vlan, first[IP].src) == (
        "02:00:00:00:00:08",
        "02:00:00:00:00:02",
        7,
        "198.18.0.1",
    )
    assert float(second.time - first.time) == 0.5
    assert "unchanged, it matches" in linerate_pcap(*argv, "--vlan", "7", "out.pcap").stderr
    assert "written, the manifest differs in rewrite" in linerate_pcap(*argv, "out.pcap").stderr


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (("--protocol", "udp"), 2, "--protocol 'udp': has no meaning with --from"),
        (("--map-ip", "10.0.0.0/24"), 2, "rewrite ip '10.0.0.0/24: ': is not valid"),
        (("--vlan", "none"), 2, "rewrite vlan 'none': must be 0 to 4094, or untagged"),
        (("--from", "missing.pcap"), 3, "capture 'missing.pcap': cannot be read"),
        (("--from", "/dev/zero"), 3, "capture '/dev/zero': is not a regular file"),
    ],
)
def test_a_bad_conversion_is_one_line_and_no_file(argv, status, message, linerate_pcap, capture, tmp_path):
    done = linerate_pcap("--from", capture, *argv, "out.pcap")
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.pcap").exists()


def test_the_capture_is_not_replaced(linerate_pcap, capture):
    assert "is the capture itself" in linerate_pcap("--from", capture, capture).stderr
    assert "needs a capture" in linerate_pcap("--protocol", "udp", "--map-ip", "a=b", "out.pcap").stderr
    assert "protocol: must be given" in linerate_pcap("out.pcap").stderr
