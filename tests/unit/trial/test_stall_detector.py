"""What a run of tcpreplay that is hopeless looks like, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.tcpreplay.options import ReplayOptions
from linerate.tcpreplay.supervise import Capture, HopelessError, Running
from linerate.trial.stall_detector import CLOSING_SECONDS, START_SECONDS, Expected, Watch

OPENED = b"Switching network driver for ens4 to netmap bypass mode... done!\nFile Cache is enabled\n"
CLOSING = b"Switching network driver for ens4 to normal mode... "


class Run:
    """A run on ens4, watched with a clock that stands until it is moved."""

    def __init__(self, root: Path, stall: float = 3, **options) -> None:
        self.now, self.counted, self.stderr, self._root = 0.0, (0, 0), Capture(), root
        self.link(flags="0x1003", carrier="1")
        given = {"interface": "ens4", "pcap": str(root / "x.pcap"), **(options or {"topspeed": True})}
        expected = Expected.of(ReplayOptions(**given), stall)
        self.watch = Watch(expected, lambda: self.counted, lambda: self.now, str(root))

    def link(self, **attributes: str) -> None:
        folder = self._root / "sys/class/net/ens4"
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in attributes.items():
            (folder / name).write_text(f"{value}\n")

    def passes(self, seconds: float, packets: float = 0, dropped: float = 0) -> None:
        """Time in which so many packets leave, and are dropped, each second; looked at ten times a second."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.counted = (self.counted[0] + packets / 10, self.counted[1] + dropped / 10)
            self.watch.look(Running(1, self.stderr))

    def fails(self, seconds: float, **rates: float) -> str:
        with pytest.raises(HopelessError) as failed:
            self.passes(seconds, **rates)
        return str(failed.value)


@pytest.fixture
def run(tmp_path: Path):
    return lambda **given: Run(tmp_path, **given)


def test_a_run_that_sends_is_none(run):
    run().passes(600, packets=1000)


def test_an_interface_that_is_down_or_gone(run, tmp_path):
    first = run()
    first.link(flags="0x1002")
    assert first.fails(1, packets=1000) == "the interface ens4 is down"
    second = Run(tmp_path)
    (tmp_path / "sys/class/net/ens4/flags").unlink()
    assert second.fails(1, packets=1000) == "the interface ens4 is gone"


def test_a_carrier_that_is_lost_for_a_moment_and_for_good(run):
    flapping = run()
    flapping.passes(1, packets=1000)
    flapping.link(carrier="0")
    flapping.passes(0.4, packets=1000)
    flapping.link(carrier="1")
    flapping.passes(5, packets=1000)
    flapping.link(carrier="0")
    assert flapping.fails(2, packets=1000) == "the interface ens4 has lost its carrier"


def test_nothing_that_leaves_while_packets_are_dropped(run):
    assert run().fails(4, dropped=100).endswith("packets were dropped: is the receiver's MTU smaller?")
    some = run()
    some.passes(60, packets=1, dropped=100)


def test_nothing_that_leaves_any_more(run):
    stalled = run()
    stalled.passes(5, packets=1000)
    stalled.passes(3)
    assert stalled.fails(1).startswith("nothing left the interface ens4 for 3")


def test_the_first_packet_may_take_long_and_longer_where_the_pcap_is_read_into_memory(run, tmp_path):
    slow = run()
    slow.passes(START_SECONDS)
    slow.passes(5, packets=1000)
    assert "nothing left" in run().fails(START_SECONDS + 4)
    with (tmp_path / "x.pcap").open("wb") as file:
        file.truncate(1_000_000_000)
    run().passes(100)


@pytest.mark.parametrize(
    ("options", "gap"),
    [({"pps": 0.1}, 10), ({"pps": 100, "pps_multi": 500}, 5), ({"mbps": 0.05}, 10)],
    ids=["pps", "pps_multi", "mbps"],
)
def test_a_low_rate_has_long_gaps(run, options, gap):
    paced = run(**options)
    paced.passes(1, packets=10)
    paced.passes(gap)
    paced.passes(1, packets=10)
    assert "nothing left" in paced.fails(3 * gap + 4)


def test_the_gaps_of_a_capture_are_not_known(run):
    captured = run(multiplier=2)
    captured.passes(1, packets=10)
    captured.passes(3600)


def test_one_that_has_sent_all_and_does_not_end(run):
    done = run(pps=1000, limit=2000)
    done.passes(2, packets=1000)
    assert done.fails(5) == "all 2,000 packets were sent, and it did not end"


def test_a_sender_that_nothing_counts_is_not_judged_by_its_counters(run):
    native = run()
    native.counted = None
    native.watch = Watch(Expected.of(ReplayOptions(interface="ens4", pcap="x", topspeed=True)), lambda: None,
                         lambda: native.now, str(native._root))  # fmt: skip
    for _ in range(100):
        native.now += 1
        native.watch.look(Running(1, native.stderr))


def through_netmap(run, **options):
    return run(topspeed=True, netmap=True, nm_delay=10, **options)


def test_netmap_may_take_its_time_to_open_and_the_link_to_come_back(run):
    opening = through_netmap(run)
    opening.link(carrier="0")
    opening.passes(60)
    opening.link(carrier="1")
    opening.stderr.feed(OPENED)
    opening.passes(5, packets=1000)


def test_netmap_that_does_not_drain_at_the_end(run):
    """4.4.2 spins there for ever, on native adapters, about once in ten runs in reports."""
    spinning = through_netmap(run, limit=5000)
    spinning.passes(12)
    spinning.stderr.feed(OPENED)
    spinning.passes(5, packets=1000)
    assert spinning.fails(8) == "all 5,000 packets were sent, and it did not end"


def test_netmap_may_reset_the_nic_at_the_end(run):
    closing = through_netmap(run)
    closing.stderr.feed(OPENED)
    closing.passes(5, packets=1000)
    closing.stderr.feed(CLOSING)
    closing.link(carrier="0")
    closing.passes(10 + CLOSING_SECONDS)
    assert closing.fails(5) == "it sent, and did not give the interface back from netmap"


def test_a_carrier_that_is_lost_while_netmap_sends(run):
    sending = through_netmap(run)
    sending.stderr.feed(OPENED)
    sending.passes(5, packets=1000)
    sending.link(carrier="0")
    assert sending.fails(2, packets=1000) == "the interface ens4 has lost its carrier"


def test_a_flood_of_messages_is_looked_at_once(run):
    flooded = run()
    flooded.passes(0.5, packets=1000)
    flooded.link(flags="0x1002")
    flooded.stderr.feed(b"x" * 100_000)
    flooded.now += 0.01
    with pytest.raises(HopelessError, match="is down"):
        flooded.watch.look(Running(1, flooded.stderr))
