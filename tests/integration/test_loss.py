"""A loss of a known share, made at each place of the way, is counted and blamed on that place.

The pcap is a scan of 10,000 ports, and what is dropped are the ports that a number divides: of every whole pass of it,
exactly 0.1 %, 1 % or 10 %. That needs no queueing discipline netem, which many a kernel is without.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from linerate.trial.result import build

from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_template
from linerate.pcap.writer import write_pcap
from linerate.results.store import check
from linerate.trial.plan import Case, Sending, Way, plan, product
from linerate.trial.witnesses import report
from linerate.units import GBIT

pytestmark = [pytest.mark.quiet, pytest.mark.long]

SCHEMA = Path(__file__).parents[2] / "schemas/trial.schema.json"
PACKETS = 10_000
LOST_OF_TWO_PASSES = {1000: 20, 100: 200, 10: 2000}
DESTINATION = "198.19.0.1"
# What tc makes of a frame (include/uapi/linux/pkt_cls.h): dropped, with the sender told, or not told as by netem.
SHOT, STOLEN = 2, 4

COUNT = """
import json, sys
from linerate.receiver.process import ReceiverOptions, start, stop
given = json.loads(sys.argv[1])
print(json.dumps(stop("loss").to_json())) if given is None else start(ReceiverOptions(**given))
"""
SEND = """
import json, sys
from linerate.system.run import run
from linerate.tcpreplay.options import ReplayOptions
from linerate.trial.replay import ReplayJob, replay
options = ReplayOptions(**json.loads(sys.argv[1]))
print(json.dumps(replay(ReplayJob(options, 60), run)))
"""


def command(*argv: str) -> None:
    subprocess.run(argv, check=True)


def inside(namespace: str, code: str, given: Any) -> str:
    argv = ["ip", "netns", "exec", namespace, sys.executable, "-c", code, json.dumps(given)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def room() -> Iterator[None]:
    """Queues that hold a whole trial: on a busy machine the kernel drops what it has no time for, too."""
    backlog = Path("/proc/sys/net/core/netdev_max_backlog")
    before = backlog.read_text()
    backlog.write_text(str(4 * PACKETS))
    yield
    backlog.write_text(before)


@pytest.fixture
def device(lab: None) -> Iterator[str]:
    """A device under test between the lab's two ends: a namespace with a bridge of the ports ``in`` and ``out``."""
    name = "linerate-device1"
    command("ip", "netns", "add", name)
    # As in the lab: what IPv6 says of itself would be counted as traffic.
    quiet = [f"net.ipv6.conf.{which}.disable_ipv6=1" for which in ("all", "default")]
    command("ip", "netns", "exec", name, "sysctl", "-qw", *quiet)
    command("ip", "-n", SENDER.namespace, "link", "delete", SENDER.interface)
    command("ip", "-n", name, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
    command("ip", "-n", name, "link", "set", "bridge", "up")
    for end, port in ((SENDER, "in"), (RECEIVER, "out")):
        near = ("name", end.interface, "address", end.mac, "mtu", "1500")
        peer = ("type", "veth", "peer", "name", port, "netns", name)
        command("ip", "-n", end.namespace, "link", "add", *near, *peer)
        command("ip", "-n", end.namespace, "link", "set", end.interface, "up")
        command("ip", "-n", name, "link", "set", port, "master", "bridge", "up")
    yield name
    command("ip", "netns", "delete", name)


def drop_by_tc(namespace: str, interface: str, direction: str, number: int, action: int) -> None:
    """Let tc drop the UDP ports that ``number`` divides: classic BPF on the port of the frame."""
    tc = ("tc", "-n", namespace)
    port_modulo = f"40 0 0 36,148 0 0 {number},21 0 1 0,6 0 0 {action},6 0 0 4294967295"
    command(*tc, "qdisc", "add", "dev", interface, "clsact")
    matching = ("protocol", "ip", "prio", "1", "bpf", "da", "bytecode", f"5,{port_modulo}")
    command(*tc, "filter", "add", "dev", interface, direction, *matching)


@pytest.fixture
def drop_by_xdp() -> Iterator[Callable[[int, str], None]]:
    running: list[subprocess.Popen[str]] = []

    def start(number: int, mode: str) -> None:
        script = str(Path(__file__).with_name("xdp_drop.py"))
        argv = [
            "ip",
            "netns",
            "exec",
            RECEIVER.namespace,
            sys.executable,
            script,
            RECEIVER.interface,
            str(number),
            mode,
        ]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "dropping\n"

    yield start
    for process in running:
        process.communicate()


def trial(tmp_path: Path, made: int) -> dict[str, Any]:
    """The record of a trial in which ``made`` packets are lost on purpose.

    A machine that is busy loses others as well: what stood still sends in bursts afterwards, and a veth pair queues 256
    frames. So there are five tries to lose no more than that.
    """
    for _ in range(5):
        record = one_trial(tmp_path)
        if record["loss"] is not None and record["loss"]["packets"] <= made:
            break
    return record


def one_trial(tmp_path: Path) -> dict[str, Any]:
    """The record of one trial: two passes of the pcap at 5,000 packets/s."""
    pcap = str(tmp_path / "scan.pcap")
    spec = PcapSpec(protocol="udp", src_mac=SENDER.mac, dst_mac=RECEIVER.mac, dst_ip=DESTINATION, packets=PACKETS)
    written = write_pcap(pcap, spec, build_template(spec))
    case = Case("scan", pcap, written.sha256, PACKETS, 78.0, 78, 78)
    sending = Sending({"paced": 4.0, "topspeed": 1.0}, 10 * GBIT)
    (planned,) = plan(product([case], [Way("kernel")], [{"mode": "pps", "value": 5_000.0}]), 1, sending)
    counting = {"interface": RECEIVER.interface, "destination": DESTINATION, "deadline_seconds": 120.0, "name": "loss"}
    inside(RECEIVER.namespace, COUNT, {**counting, "min_frame_length": 78, "max_frame_length": 78})
    options = {"pcap": pcap, "pps": 5_000.0, "loop": 2, "limit": 2 * PACKETS, "preload_pcap": True}
    sent = json.loads(inside(SENDER.namespace, SEND, {"interface": SENDER.interface, **options}))
    received = json.loads(inside(RECEIVER.namespace, COUNT, None))
    definition = {"name": "receiver1", "kind": "linux", "host": "receiver1", "interface": RECEIVER.interface}
    context = {
        "run_id": "r",
        "sender": {"host": "sender1", "interface": SENDER.interface},
        "receiver": {"host": "receiver1", "interface": RECEIVER.interface},
        "line_rate": {"bps": 10 * GBIT, "source": "interface"},
        "versions": {"linerate": "0", "tcpreplay": "0"},
        "fingerprint": "0" * 16,
    }
    record = build(planned.describe(), sent, [report(definition, received)], context)
    check(record, SCHEMA)
    return record


def lost(record: dict[str, Any], number: int, where: str) -> dict[str, Any]:
    """The loss, which must be the one that was made, in the place where it was made."""
    loss: dict[str, Any] = record["loss"]
    assert record["claim"]["successful"] == 2 * PACKETS
    assert (loss["packets"], loss["where"]) == (LOST_OF_TWO_PASSES[number], where), loss
    assert loss["percent"] == pytest.approx(100 / number, rel=0.05)
    assert loss["by_place"] == {where: LOST_OF_TWO_PASSES[number]}
    return loss


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_in_the_device_is_blamed_on_it(device, tmp_path, number):
    drop_by_tc(device, "in", "ingress", number, SHOT)
    record = trial(tmp_path, LOST_OF_TWO_PASSES[number])
    loss = lost(record, number, "path or device")
    assert "no drop counter of the receiver moved" in loss["evidence"]
    # A loss of just 0.1 % is none that limits.
    assert (record["verdict"]["limit"] == "path or device") == (number < 1000)


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_on_the_sender_that_tcpreplay_was_not_told_of_is_blamed_on_the_sender(lab, tmp_path, number):
    drop_by_tc(SENDER.namespace, SENDER.interface, "egress", number, STOLEN)
    record = trial(tmp_path, LOST_OF_TWO_PASSES[number])
    lost(record, number, "sender egress")
    claims = [reason for reason in record["verdict"]["reasons"] if "the sending interface counted" in reason]
    assert bool(claims) == (number < 1000)


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_in_the_receivers_kernel_is_blamed_on_it(device, drop_by_xdp, tmp_path, number):
    drop_by_xdp(number, "generic")
    lost(trial(tmp_path, LOST_OF_TWO_PASSES[number]), number, "receiver kernel")


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_in_the_receivers_driver_is_blamed_on_its_nic(device, drop_by_xdp, tmp_path, number):
    drop_by_xdp(number, "native")
    loss = lost(trial(tmp_path, LOST_OF_TWO_PASSES[number]), number, "receiver NIC")
    assert "ethtool -S rx_queue_0_xdp_drops" in loss["evidence"][-1]


def test_each_of_two_places_has_its_own_part(device, tmp_path):
    drop_by_tc(SENDER.namespace, SENDER.interface, "egress", 10, STOLEN)
    drop_by_tc(device, "in", "ingress", 25, SHOT)
    loss = trial(tmp_path, 2400)["loss"]
    # Every 25th port, but for every 50th, which the sender has dropped already.
    assert loss["by_place"] == {"sender egress": 2000, "path or device": 400}
    assert loss["where"] == "sender egress"


def test_nothing_lost_is_blamed_on_nobody(device, tmp_path):
    record = trial(tmp_path, 0)
    assert record["loss"] == {"packets": 0, "percent": 0, "where": None, "by_place": {}, "evidence": []}
    assert record["verdict"]["judged_by"] == "sender and receiver"
