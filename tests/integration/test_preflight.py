"""The checks before sending: each fault is one error, no packet is sent, and the interface is not changed."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import inside, ip, make_pcap, python, sent_packets, set_link

from linerate.lab.namespaces import RECEIVER, SENDER

# What the module linerate_replay does.
REPLAY = """
import json, sys
from linerate.errors import LinerateError
from linerate.system import lock
from linerate.system.run import run
from linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from linerate.trial.ad_hoc import ad_hoc_trial
from linerate.trial.preflight import FarEnd, preflight
from linerate.trial.replay import replay
given = json.loads(sys.argv[1])
lock.PATIENCE_SECONDS = given["patience"]
try:
    allowed = AllowedDestinations(given["allowed"] or [*BENCHMARK_NETWORKS, "02:00:00:00:00:02"])
    usual = {"interface": given["interface"], "deadline_seconds": given["deadline"], "adapter": given["adapter"]}
    trial = ad_hoc_trial({**usual, "allow_destinations": [], **given["options"]})
    with lock.sole_sender(trial.sending.interface, "trial 1 of run test"):
        preflight(trial.sending.interface, [(trial.case.pcap, given["sha256"])], FarEnd(allowed, given["mtu"]), run)
        print(json.dumps(replay(trial, run).to_json()))
except LinerateError as error:
    sys.exit(str(error))
"""


def command(pcap: str, **given: Any) -> list[str]:
    """The command that replays ``pcap`` in the sender's namespace, with tcpreplay's other options by keyword."""
    defaults = {
        "interface": "lrs0",
        "deadline": 30,
        "patience": 10,
        "adapter": None,
        "allowed": None,
        "sha256": None,
        "mtu": None,
    }
    job = {name: given.pop(name, default) for name, default in defaults.items()}
    options = {"pcap": pcap, **(given or {"topspeed": True})}
    return python(SENDER, REPLAY, {**job, "options": options})


def state() -> dict[str, Any]:
    """The settings of the sending interface, and its counters."""
    return {
        "link": inside(SENDER, "ip", "-json", "-details", "address", "show", "dev", "lrs0"),
        "offloads": inside(SENDER, "ethtool", "-k", "lrs0"),
        "qdisc": inside(SENDER, "tc", "qdisc", "show", "dev", "lrs0"),
        **{counter: sent_packets(counter) for counter in ("tx_packets", "tx_dropped", "tx_errors")},
    }


def refusal(pcap: str, **given: Any) -> str:
    """The one error of a replay that is refused: no packet is sent, and the interface is not changed."""
    before = state()
    done = subprocess.run(command(pcap, **given), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert state() == before
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def sent(pcap: str, **given: Any) -> dict[str, Any]:
    """The result of a replay that is not refused."""
    done = subprocess.run(command(pcap, **given), capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture
def pcap(tmp_path: Path) -> Callable[..., str]:
    return partial(make_pcap, tmp_path / "test.pcap", packets=200)


def header(magic: int = 0xA1B2C3D4, linktype: int = 1) -> bytes:
    return struct.pack("<IHHIIII", magic, 2, 4, 0, 0, 65_535, linktype)


def changed(path: str, new: Callable[[bytes], bytes]) -> str:
    """Replace the content of the file by what ``new`` makes of it."""
    file = Path(path)
    file.write_bytes(new(file.read_bytes()))
    return path


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (lambda old: old[:-1], " record 200"),
        (lambda old: old[:24], "holds no packet"),
        (lambda old: b"", "pcap file, it starts with nothing"),
        (lambda old: b"\x0a\x0d\x0d\x0a" + old[4:], "is a pcapng file. Convert it: linerate pcap --from IN OUT"),
        (lambda old: header(linktype=101) + old[24:], "has link type 101, not Ethernet"),
        (lambda old: old[:36] + struct.pack("<I", 1514) + old[40:], "holds 78 of 1514 bytes of the frame in record 1"),
        (lambda old: old + b"\xff" * 16, "has a frame of 4294967295 bytes in record 201"),
    ],
    ids=["cut", "header alone", "empty", "pcapng", "raw IP", "truncated at capture", "garbage at the end"],
)
def test_a_damaged_pcap_is_refused(lab, pcap, new, error):
    assert error in refusal(changed(pcap(), new))


def test_a_missing_pcap_is_refused(lab, tmp_path):
    assert "nope.pcap': cannot be read: No such file or directory" in refusal(str(tmp_path / "nope.pcap"))


def test_a_pcap_other_than_planned_is_refused(lab, pcap):
    assert "SHA-256 is not" in refusal(pcap(), sha256="0" * 64)


def test_a_pcap_with_nanosecond_timestamps_is_sent(lab, pcap):
    path = changed(pcap(), lambda old: header(0xA1B23C4D) + old[24:])
    assert sent(path)["claim"]["successful"] == 200


@pytest.mark.parametrize("tagged", [None, 5])
def test_frames_above_the_mtu_of_either_end_are_refused(lab, pcap, tagged):
    path = pcap(ip_length=1500, vlan=tagged)
    error = refusal(path, mtu=1499)
    assert "the receiver's interface: has an MTU of 1499 B, too small for the 1500 B" in error
    set_link(SENDER, "mtu", "1400")
    assert "interface 'lrs0': has an MTU of 1400 B, too small for the 1500 B that the longest frame" in refusal(path)


def test_a_vlan_tag_does_not_count_against_the_mtu(lab, pcap):
    result = sent(pcap(ip_length=1500, vlan=5), mtu=1500)
    assert result["claim"]["successful"] == result["nic"]["tx_packets"] == 200


@pytest.mark.parametrize(
    ("made", "error"),
    [
        ({"dst_ip": "10.1.2.3"}, "packet 1 goes to 10.1.2.3, which is in none of the"),
        ({"dst_ip": "10.1.2.3", "vlan": 5}, "packet 1 goes to 10.1.2.3, which"),
        ({"dst_mac": "02:00:00:00:00:77"}, "packet 1 goes to the MAC 02:00:00:00:00:77, which is not an allowed MAC"),
    ],
)
def test_a_destination_that_is_not_allowed_is_refused(lab, pcap, made, error):
    message = refusal(pcap(**made))
    assert error in message
    assert "linerate_allow_destinations" in message


def test_a_single_packet_to_another_destination_is_refused(lab, pcap):
    astray = bytes((10, 0, 0, 1))
    path = changed(pcap(), lambda old: old[: 24 + 94 * 150 + 16 + 30] + astray + old[24 + 94 * 150 + 16 + 34 :])
    assert "packet 151 goes to 10.0.0.1" in refusal(path)


def test_an_allowed_destination_is_sent_to(lab, pcap):
    path = pcap(dst_ip="10.1.2.3", dst_mac="02:00:00:00:00:77")
    allowed = ["10.1.2.0/24", "02:00:00:00:00:77"]
    assert sent(path, allowed=allowed)["nic"]["tx_packets"] == 200


def test_a_missing_interface_is_refused(lab, pcap):
    done = subprocess.run(command(pcap(), interface="nope0"), capture_output=True, text=True, check=False)
    assert "interface 'nope0': does not exist on this host" in done.stderr


def test_an_interface_that_is_down_is_refused(lab, pcap):
    set_link(SENDER, "down")
    assert "interface 'lrs0': is down. Bring it up: ip link set dev lrs0 up." in refusal(pcap())


def test_an_interface_without_carrier_is_refused(lab, pcap):
    set_link(RECEIVER, "down")
    assert "interface 'lrs0': is up and has no carrier" in refusal(pcap())


def test_the_interface_of_the_default_route_is_refused(lab, pcap):
    ip(SENDER, "address", "add", "198.18.0.9/24", "dev", "lrs0")
    ip(SENDER, "route", "add", "default", "via", "198.18.0.1")
    assert "interface 'lrs0': carries the default route" in refusal(pcap())


def test_the_interface_of_the_ssh_session_is_refused(lab, pcap, monkeypatch):
    ip(SENDER, "address", "add", "198.18.0.9/24", "dev", "lrs0")
    monkeypatch.setenv("SSH_CONNECTION", "198.18.0.1 50000 198.18.0.9 22")
    assert "interface 'lrs0': carries the SSH session" in refusal(pcap())


def test_an_interface_with_an_address_in_use_is_refused(lab, pcap):
    ip(SENDER, "address", "add", "192.168.7.9/24", "dev", "lrs0")
    error = refusal(pcap())
    assert "interface 'lrs0': has the address 192.168.7.9, so it is in use" in error
    assert "ip address flush dev lrs0" in error


def test_an_interface_with_an_address_of_the_test_network_is_accepted(lab, pcap):
    ip(SENDER, "address", "add", "198.18.0.9/24", "dev", "lrs0")
    ip(SENDER, "address", "add", "192.168.7.9/24", "dev", "lrs0")
    allowed = ["198.18.0.0/15", "192.168.7.0/24", "02:00:00:00:00:02"]
    assert sent(pcap(), allowed=allowed)["nic"]["tx_packets"] == 200


def test_a_port_of_a_bridge_is_refused(lab, pcap):
    ip(SENDER, "link", "add", "name", "br0", "type", "bridge")
    set_link(SENDER, "master", "br0")
    assert "interface 'lrs0': is in use by br0" in refusal(pcap())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"pps": float("nan")}, "pps nan: must be a number above 0"),
        ({"pps": float("inf")}, "pps inf: must be a number above 0"),
        ({"pps": 0}, "pps 0: must be a number above 0"),
        ({"pps": -5}, "pps -5: must be a number above 0"),
        ({"pps": 1e30}, "pps 1e+30: must be 0.001 to 1,000,000,000"),
        ({"mbps": "abc"}, "mbps 'abc': must be a number above 0"),
        # tcpreplay would read this as 0, and send at top speed.
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
def test_a_number_out_of_range_is_refused(lab, pcap, options, error):
    assert error in refusal(pcap(), **options)


@pytest.mark.parametrize("netmap", [False, True])
def test_a_second_sender_on_the_interface_is_refused(lab, pcap, netmap):
    path = pcap()
    first = subprocess.Popen(command(path, pps=20, limit=2000, loop=10), stdout=subprocess.PIPE, text=True)
    try:
        while sent_packets() == 0:
            assert first.poll() is None
        second = {"netmap": True, "adapter": "native"} if netmap else {}
        impatient = command(path, topspeed=True, patience=0.5, **second)
        done = subprocess.run(impatient, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "interface 'lrs0': is in use: trial 1 of run test, since 20" in done.stderr
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
    # The lock ends with its owner.
    assert sent(path)["claim"]["successful"] == 200
