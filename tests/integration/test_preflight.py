"""What is looked at before anything is sent: each fault is one error, and nothing leaves or changes the interface."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_template
from linerate.pcap.writer import write_pcap

# What the module linerate_replay does.
REPLAY = """
import json, sys
from linerate.errors import LinerateError
from linerate.system import lock
from linerate.system.run import run
from linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from linerate.tcpreplay.options import ReplayOptions
from linerate.trial.preflight import FarEnd, preflight
from linerate.trial.replay import ReplayJob, replay
given = json.loads(sys.argv[1])
lock.PATIENCE_SECONDS = given["patience"]
try:
    allowed = AllowedDestinations(given["allowed"] or [*BENCHMARK_NETWORKS, "02:00:00:00:00:02"])
    options = ReplayOptions(interface=given["interface"], **given["options"])
    job = ReplayJob(options, given["deadline"], adapter=given["adapter"])
    with lock.sole_sender(options.interface, "trial 1 of run test"):
        preflight(options.interface, [(options.pcap, given["sha256"])], FarEnd(allowed, given["mtu"]), run)
        print(json.dumps(replay(job, run)))
except LinerateError as error:
    sys.exit(str(error))
"""
SENDER = ["ip", "netns", "exec", "linerate-sender1"]
Sender = Callable[..., dict[str, Any]]


def in_sender(*command: str) -> str:
    return subprocess.run([*SENDER, *command], check=True, capture_output=True, text=True).stdout


def command(pcap: str, **given: Any) -> list[str]:
    """The command that replays ``pcap`` in the sender's namespace; further options of tcpreplay by keyword."""
    names = {
        "interface": "lrs0",
        "deadline": 30,
        "patience": 10,
        "adapter": None,
        "allowed": None,
        "sha256": None,
        "mtu": None,
    }
    told = {name: given.pop(name, default) for name, default in names.items()}
    options = {"pcap": pcap, **(given or {"topspeed": True})}
    return [*SENDER, sys.executable, "-c", REPLAY, json.dumps({**told, "options": options})]


def state(interface: str) -> dict[str, str]:
    """All that a trial could leave behind, and what was sent."""
    shown = {
        "link": in_sender("ip", "-json", "-details", "address", "show", "dev", interface),
        "offloads": in_sender("ethtool", "-k", interface),
        "qdisc": in_sender("tc", "qdisc", "show", "dev", interface),
    }
    for counter in ("tx_packets", "tx_dropped", "tx_errors"):
        shown[counter] = in_sender("cat", f"/sys/class/net/{interface}/statistics/{counter}")
    return shown


def refused(pcap: str, interface: str = "lrs0", **given: Any) -> str:
    """The one error with which it is refused. Nothing was sent, and the interface is as it was."""
    before = state(interface)
    done = subprocess.run(command(pcap, interface=interface, **given), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert state(interface) == before
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture
def pcap(tmp_path: Path) -> Callable[..., str]:
    def make(**given: Any) -> str:
        path = str(tmp_path / "test.pcap")
        macs = {"src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02"}
        spec = PcapSpec(**{"protocol": "udp", **macs, "packets": 200, **given})
        write_pcap(path, spec, build_template(spec))
        return path

    return make


def header(magic: int = 0xA1B2C3D4, linktype: int = 1) -> bytes:
    return struct.pack("<IHHIIII", magic, 2, 4, 0, 0, 65_535, linktype)


def changed(path: str, new: Callable[[bytes], bytes]) -> str:
    file = Path(path)
    file.write_bytes(new(file.read_bytes()))
    return path


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (lambda old: old[:-1], "is truncated in record 200"),
        (lambda old: old[:24], "holds no packet"),
        (lambda old: b"", "is not a pcap file, it starts with nothing"),
        (lambda old: b"\x0a\x0d\x0d\x0a" + old[4:], "is a pcapng file. Convert it: editcap -F pcap IN OUT."),
        (lambda old: header(linktype=101) + old[24:], "has link type 101, not Ethernet"),
        (lambda old: old[:36] + struct.pack("<I", 1514) + old[40:], "holds 78 of 1514 bytes of the frame in record 1"),
        (lambda old: old + b"\xff" * 16, "has a frame of 4294967295 bytes in record 201"),
    ],
    ids=["cut", "header alone", "empty", "pcapng", "raw IP", "snapped", "rubbish at the end"],
)
def test_a_pcap_that_is_not_whole(lab, pcap, new, error):
    assert error in refused(changed(pcap(), new))


def test_a_pcap_that_is_not_there(lab, tmp_path):
    assert "nope.pcap': cannot be read: No such file or directory" in refused(str(tmp_path / "nope.pcap"))


def test_a_pcap_that_is_another_than_planned(lab, pcap):
    assert "is another than planned" in refused(pcap(), sha256="0" * 64)


def test_a_nanosecond_pcap_is_understood(lab, pcap):
    path = changed(pcap(), lambda old: header(0xA1B23C4D) + old[24:])
    done = subprocess.run(command(path), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["claim"]["successful"] == 200


@pytest.mark.parametrize("tagged", [None, 5])
def test_frames_above_the_mtu_of_either_end(lab, pcap, tagged):
    path = pcap(ip_length=1500, vlan=tagged)
    told = refused(path, mtu=1499)
    assert "the receiver's interface: has an MTU of 1499 B, too small for the 1500 B" in told
    in_sender("ip", "link", "set", "lrs0", "mtu", "1400")
    assert "interface 'lrs0': has an MTU of 1400 B, too small for the 1500 B that the longest frame" in refused(path)


def test_the_longest_frame_that_fits_arrives_with_a_tag_as_well(lab, pcap):
    done = subprocess.run(command(pcap(ip_length=1500, vlan=5), mtu=1500), capture_output=True, text=True, check=True)
    sent = json.loads(done.stdout)
    assert sent["claim"]["successful"] == sent["nic"]["tx_packets"] == 200


@pytest.mark.parametrize(
    ("made", "error"),
    [
        ({"dst_ip": "10.1.2.3"}, "packet 1 goes to 10.1.2.3, which is in none of the allowed networks"),
        ({"dst_ip": "10.1.2.3", "vlan": 5}, "packet 1 goes to 10.1.2.3, which"),
        ({"dst_mac": "02:00:00:00:00:77"}, "packet 1 goes to the MAC 02:00:00:00:00:77, which is not an allowed MAC"),
    ],
)
def test_a_flood_at_somebody_else(lab, pcap, made, error):
    told = refused(pcap(**made))
    assert error in told
    assert "add this destination to linerate_allow_destinations if you may flood it" in told


def test_one_packet_astray_is_found(lab, pcap):
    astray = bytes((10, 0, 0, 1))
    path = changed(pcap(), lambda old: old[: 24 + 94 * 150 + 16 + 30] + astray + old[24 + 94 * 150 + 16 + 34 :])
    assert "packet 151 goes to 10.0.0.1" in refused(path)


def test_a_destination_that_was_allowed_is_sent_to(lab, pcap):
    path = pcap(dst_ip="10.1.2.3", dst_mac="02:00:00:00:00:77")
    allowed = ["10.1.2.0/24", "02:00:00:00:00:77"]
    done = subprocess.run(command(path, allowed=allowed), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["nic"]["tx_packets"] == 200


def test_an_interface_that_is_not_there(lab, pcap):
    done = subprocess.run(command(pcap(), interface="nope0"), capture_output=True, text=True, check=False)
    assert "interface 'nope0': does not exist on this host" in done.stderr


def test_an_interface_that_is_down(lab, pcap):
    in_sender("ip", "link", "set", "lrs0", "down")
    assert "interface 'lrs0': is down. Bring it up: ip link set dev lrs0 up." in refused(pcap())


def test_an_interface_without_a_carrier(lab, pcap):
    subprocess.run(["ip", "-n", "linerate-receiver1", "link", "set", "lrr0", "down"], check=True)
    assert "interface 'lrs0': is up and has no carrier" in refused(pcap())


def test_the_interface_of_the_default_route(lab, pcap):
    in_sender("ip", "address", "add", "198.18.0.9/24", "dev", "lrs0")
    in_sender("ip", "route", "add", "default", "via", "198.18.0.1")
    assert "interface 'lrs0': carries the default route" in refused(pcap())


def test_the_interface_of_the_ssh_session(lab, pcap, monkeypatch):
    in_sender("ip", "address", "add", "198.18.0.9/24", "dev", "lrs0")
    monkeypatch.setenv("SSH_CONNECTION", "198.18.0.1 50000 198.18.0.9 22")
    assert "interface 'lrs0': carries the SSH session" in refused(pcap())


def test_an_interface_with_an_address_in_use(lab, pcap):
    in_sender("ip", "address", "add", "192.168.7.9/24", "dev", "lrs0")
    told = refused(pcap())
    assert "interface 'lrs0': has the address 192.168.7.9, so it is in use" in told
    assert "ip address flush dev lrs0" in told


def test_addresses_of_the_test_network_are_no_hindrance(lab, pcap):
    in_sender("ip", "address", "add", "198.18.0.9/24", "dev", "lrs0")
    in_sender("ip", "address", "add", "192.168.7.9/24", "dev", "lrs0")
    allowed = ["198.18.0.0/15", "192.168.7.0/24", "02:00:00:00:00:02"]
    subprocess.run(command(pcap(), allowed=allowed), capture_output=True, check=True)


def test_a_port_of_a_bridge(lab, pcap):
    in_sender("ip", "link", "add", "name", "br0", "type", "bridge")
    in_sender("ip", "link", "set", "dev", "lrs0", "master", "br0")
    assert "interface 'lrs0': is in use by br0" in refused(pcap())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"pps": float("nan")}, "pps nan: must be a number above 0"),
        ({"pps": float("inf")}, "pps inf: must be a number above 0"),
        ({"pps": 0}, "pps 0: must be a number above 0"),
        ({"pps": -5}, "pps -5: must be a number above 0"),
        ({"pps": 1e30}, "pps 1e+30: must be 0.001 to 1,000,000,000"),
        ({"mbps": "abc"}, "mbps 'abc': must be a number above 0"),
        # tcpreplay would read it as 0, and send as fast as it can.
        ({"mbps": 1e-7}, "mbps 1e-07: must be 0.001 to 1,000,000,000"),
        ({"topspeed": True, "loop": -1}, "loop -1: must be a whole number of at least 0"),
        ({"topspeed": True, "loop": 2**40}, "loop 1099511627776: must be at most 2,147,483,647"),
        ({"topspeed": True, "loop": "many"}, "loop 'many': must be a whole number"),
        ({"topspeed": True, "loop": 0}, "loop 0: would never end"),
        ({"topspeed": True, "duration": 0}, "duration 0: must be a whole number of at least 1"),
        ({"topspeed": True, "duration": 10**9}, "duration 1000000000: must be at most 604,800"),
        ({"topspeed": True, "limit": 0}, "limit 0: must be a whole number of at least 1"),
        ({"topspeed": True, "deadline": float("nan")}, "deadline_seconds nan: must be a number above 0"),
        ({"topspeed": True, "deadline": -1}, "deadline_seconds -1: must be a number above 0"),
    ],
)
def test_rates_loops_durations_and_limits(lab, pcap, options, error):
    assert error in refused(pcap(), **options)


@pytest.mark.parametrize("netmap", [False, True])
def test_two_senders_on_one_interface(lab, pcap, netmap):
    path = pcap()
    going = subprocess.Popen(command(path, pps=20, limit=2000, loop=10), stdout=subprocess.PIPE, text=True)
    try:
        while int(in_sender("cat", "/sys/class/net/lrs0/statistics/tx_packets")) == 0:
            assert going.poll() is None
        second = {"netmap": True, "adapter": "native"} if netmap else {}
        impatient = command(path, topspeed=True, patience=0.5, **second)
        done = subprocess.run(impatient, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "interface 'lrs0': is in use: trial 1 of run test, since 20" in done.stderr
        # Of the first alone: the second would have sent all 200 in no time.
        assert going.poll() is None
    finally:
        going.kill()
        going.wait()
    # What its owner's death leaves is no lock.
    done = subprocess.run(command(path), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["claim"]["successful"] == 200
