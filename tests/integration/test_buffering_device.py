"""A device that buffers: what it delivers is measured at the receiver, at the receiver's own pace."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import Trial, inside, ip, make_pcap, start_count, stop_count, stored_record

from linerate.lab.namespaces import RECEIVER, discarding
from linerate.trial.model import Case

pytestmark = pytest.mark.quiet

BEHIND, FAR_MAC = "lrr1", "02:00:00:00:00:99"
SENT_PPS, DEVICE_PPS, FRAME = 10_000, 5_000, 78


@pytest.fixture
def device(lab: None) -> Iterator[None]:
    """A bridge behind the lab's cable that forwards at half the rate, with room for all that waits."""
    # The bridge takes the frames that the lab's receiver discards.
    inside(RECEIVER, *f"tc qdisc delete dev {RECEIVER.interface} clsact".split())
    for end in (("name", "br0", "type", "bridge"), ("name", "out0", "type", "veth", "peer", "name", BEHIND)):
        ip(RECEIVER, "link", "add", *end)
    for port in (RECEIVER.interface, "out0"):
        ip(RECEIVER, "link", "set", "dev", port, "master", "br0")
    for one in ("br0", "out0", BEHIND):
        ip(RECEIVER, "link", "set", "dev", one, "up")
    rate = f"{DEVICE_PPS * FRAME * 8}bit"
    inside(RECEIVER, *f"tc qdisc add dev out0 root tbf rate {rate} burst 2kb limit 10mb".split())
    yield
    for name in ("br0", "out0"):
        ip(RECEIVER, "link", "delete", "dev", name)
    for command in discarding(RECEIVER):
        subprocess.run(command, check=True)


def measured(tmp_path: Path) -> dict[str, Any]:
    """The record of one second of sending."""
    pcap = make_pcap(tmp_path / "test.pcap", dst_mac=FAR_MAC)
    start_count("buffering", interface=BEHIND)
    allowed = ["198.18.0.0/15", FAR_MAC]
    trial = Trial(pcap, pps=SENT_PPS, loop=5, limit=SENT_PPS, allow_destinations=allowed)
    case = Case("buffered", pcap, "0" * 64, 2000, float(FRAME), FRAME, FRAME, ("198.19.0.1",))
    return stored_record(replace(trial.trial, case=case), trial.result(), stop_count("buffering"))


def test_a_device_that_buffers_shows_the_rate_of_the_receiver(device: None, tmp_path: Path) -> None:
    record = measured(tmp_path)
    sent, received = (record["rates"][side]["pps"] for side in ("sent", "received"))
    assert sent == pytest.approx(SENT_PPS, rel=0.02)
    assert received == pytest.approx(DEVICE_PPS, rel=0.02)
    assert record["loss"]["packets"] == 0
    assert (record["timing"]["received_rate"], record["verdict"]["limit"]) == ("receiver", "path or device")
    assert record["curve"]["received"]["mean_pps"] == received
