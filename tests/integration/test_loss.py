"""A known loss, injected at each place of the path, is counted and attributed to that place.

The pcap is a scan of 10,000 ports. The packets to ports that a number divides are dropped: exactly 0.1 %, 1 % or 10 %
of each pass. That works without the queueing discipline netem, which many kernels do not have.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.devices import SHOT, STOLEN, drop_by_tc
from tests.integration.trials import (
    TRIAL,
    make_pcap,
    make_trial,
    run_python,
    start_count,
    stop_count,
    stored_record,
)

from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.trial.model import Case, Sending, SendMethod
from linerate.trial.plan import Setup, Timing, combine, plan

pytestmark = [pytest.mark.quiet, pytest.mark.long]

PACKETS = 10_000
LOST_OF_TWO_PASSES = {1000: 20, 100: 200, 10: 2000}
DESTINATION = "198.19.0.1"


@pytest.fixture(autouse=True)
def long_backlog() -> Iterator[None]:
    """Queues that hold a whole trial, so that the kernel of a busy machine does not drop packets by itself."""
    backlog = Path("/proc/sys/net/core/netdev_max_backlog")
    before = backlog.read_text()
    backlog.write_text(str(4 * PACKETS))
    yield
    backlog.write_text(before)


@pytest.fixture
def drop_by_xdp() -> Iterator[Callable[[int, str], None]]:
    running: list[subprocess.Popen[str]] = []

    def start(number: int, mode: str) -> None:
        script = str(Path(__file__).with_name("xdp_drop.py"))
        program = [sys.executable, script, RECEIVER.interface, str(number), mode]
        argv = ["ip", "netns", "exec", RECEIVER.namespace, *program]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "dropping\n"

    yield start
    for process in running:
        process.communicate()


def trial(tmp_path: Path, injected: int) -> dict[str, Any]:
    """The record of a trial in which ``injected`` packets are dropped on purpose.

    A busy machine loses others as well: after a pause it sends in bursts, and a veth pair queues 256 frames. So it is
    tried up to five times.
    """
    for _ in range(5):
        record = one_trial(tmp_path)
        if record["loss"] is not None and record["loss"]["packets"] <= injected:
            break
    return record


def one_trial(tmp_path: Path) -> dict[str, Any]:
    """The record of one trial: two passes of the pcap at 5,000 packets/s."""
    pcap = make_pcap(tmp_path / "scan.pcap", dst_ip=DESTINATION, packets=PACKETS)
    case = Case("scan", pcap, "0" * 64, PACKETS, 78.0, 78, 78, (DESTINATION,))
    sending = Sending(SENDER.interface, settings={"preload_pcap": True})
    setup = Setup(make_trial(pcap, topspeed=True).bench, sending, Timing({"paced": 4.0, "topspeed": 1.0}))
    combinations = combine([case], [SendMethod("kernel")], [{"mode": "pps", "value": 5_000.0}])
    (planned,) = plan(combinations, 1, setup)
    start_count("loss", destinations=[DESTINATION], min_frame_length=78, max_frame_length=78, deadline_seconds=120)
    sent = json.loads(run_python(SENDER, TRIAL, [planned.to_json(), None]))
    return stored_record(planned, sent, stop_count("loss"))


def injected_loss(record: dict[str, Any], number: int, where: str) -> dict[str, Any]:
    """The loss, which must be the injected one, at the place where it was injected."""
    loss: dict[str, Any] = record["loss"]
    assert record["claim"]["successful"] == 2 * PACKETS
    assert (loss["packets"], loss["where"]) == (LOST_OF_TWO_PASSES[number], where), loss
    assert loss["percent"] == pytest.approx(100 / number, rel=0.05)
    assert loss["by_place"] == {where: LOST_OF_TWO_PASSES[number]}
    return loss


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_in_the_device_is_attributed_to_it(device, tmp_path, number):
    drop_by_tc(device, "in", "ingress", number, SHOT)
    record = trial(tmp_path, LOST_OF_TWO_PASSES[number])
    loss = injected_loss(record, number, "path or device")
    assert "no drop counter of the receiver increased" in loss["evidence"]
    # A loss of only 0.1 % does not limit the trial.
    assert (record["verdict"]["limit"] == "path or device") == (number < 1000)


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_on_the_sender_without_an_error_to_tcpreplay_is_attributed_to_the_sender(lab, tmp_path, number):
    drop_by_tc(SENDER.namespace, SENDER.interface, "egress", number, STOLEN)
    record = trial(tmp_path, LOST_OF_TWO_PASSES[number])
    injected_loss(record, number, "sender egress")
    claims = [reason for reason in record["verdict"]["reasons"] if "the sending interface counted" in reason]
    assert bool(claims) == (number < 1000)


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_in_the_receivers_kernel_is_attributed_to_it(device, drop_by_xdp, tmp_path, number):
    drop_by_xdp(number, "generic")
    injected_loss(trial(tmp_path, LOST_OF_TWO_PASSES[number]), number, "receiver kernel")


@pytest.mark.parametrize("number", LOST_OF_TWO_PASSES)
def test_a_loss_in_the_receivers_driver_is_attributed_to_its_nic(device, drop_by_xdp, tmp_path, number):
    drop_by_xdp(number, "native")
    loss = injected_loss(trial(tmp_path, LOST_OF_TWO_PASSES[number]), number, "receiver NIC")
    assert "ethtool -S rx_queue_0_xdp_drops" in loss["evidence"][-1]


def test_losses_at_two_places_are_counted_separately(device, tmp_path):
    drop_by_tc(SENDER.namespace, SENDER.interface, "egress", 10, STOLEN)
    drop_by_tc(device, "in", "ingress", 25, SHOT)
    loss = trial(tmp_path, 2400)["loss"]
    # Every 25th port except every 50th, which the sender has already dropped.
    assert loss["by_place"] == {"sender egress": 2000, "path or device": 400}
    assert loss["where"] == "sender egress"


def test_without_a_loss_no_place_is_named(device, tmp_path):
    record = trial(tmp_path, 0)
    assert record["loss"] == {"packets": 0, "percent": 0, "where": None, "by_place": {}, "evidence": []}
    assert record["verdict"]["judged_by"] == "sender and receiver"
