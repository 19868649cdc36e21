"""Counting sent frames by the source that moves: a native netmap adapter bypasses the kernel's counters."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.nic.counters import ReceiverNic, SenderNic, SentCounters, contradiction, driver_statistics
from linerate.system.run import run


class Nic:
    """ens4 as the kernel and its driver count it."""

    def __init__(self, root: Path, **driver: int) -> None:
        self.root = str(root)
        self.folder = root / "sys/class/net/ens4/statistics"
        self.folder.mkdir(parents=True)
        self.driver = driver
        for name in ("tx_packets", "tx_bytes", "tx_dropped", "tx_errors"):
            (self.folder / name).write_text("7\n")

    def kernel(self, packets: int) -> None:
        (self.folder / "tx_packets").write_text(f"{7 + packets}\n")
        (self.folder / "tx_bytes").write_text(f"{7 + 78 * packets}\n")

    def counters(self, partly: bool = False) -> SentCounters:
        return SentCounters("ens4", self.root, lambda interface: dict(self.driver), partly)


def test_kernel_counters_are_used_if_they_move(tmp_path):
    nic = Nic(tmp_path, tx_packets=100, tx_bytes=9000)
    counters = nic.counters()
    nic.kernel(1000)
    # The NIC sent two frames of its own.
    nic.driver.update(tx_packets=1102, tx_bytes=9000 + 82 * 1002)
    assert counters.read() == SenderNic("sysfs", 1000, 78_000, 0, 0)


def test_hardware_counters_are_used_if_the_kernel_is_bypassed(tmp_path):
    nic = Nic(tmp_path, tx_packets=100, tx_bytes=9000)
    counters = nic.counters()
    # The kernel sent one frame before netmap took the rings.
    nic.kernel(1)
    nic.driver.update(tx_packets=1101, tx_bytes=9000 + 82_000)
    assert counters.read() == SenderNic("ethtool -S tx_packets", 1001, 82_000, 0, 0)
    assert counters.has_hardware


@pytest.mark.parametrize(
    ("partly", "source", "packets"), [(False, "sysfs", 750), (True, "ethtool -S tx_packets", 1000)]
)
def test_hardware_counters_are_used_if_the_kernel_may_miss_a_part(tmp_path, partly, source, packets):
    nic = Nic(tmp_path, tx_packets=100, tx_bytes=9000)
    counters = nic.counters(partly)
    nic.kernel(750)
    nic.driver.update(tx_packets=1100, tx_bytes=9000 + 82_000)
    found = counters.read()
    assert (found.source, found.tx_packets) == (source, packets)


def test_ixgbe_hardware_counter_precedes_the_mirror_of_the_kernel(tmp_path):
    nic = Nic(tmp_path, tx_packets=7, tx_bytes=7, tx_pkts_nic=50, tx_bytes_nic=500)
    counters = nic.counters()
    nic.driver.update(tx_pkts_nic=1050, tx_bytes_nic=82_500)
    assert counters.read() == SenderNic("ethtool -S tx_pkts_nic", 1000, 82_000, 0, 0)


def test_kernel_counters_are_used_without_driver_counters(tmp_path):
    counters = Nic(tmp_path).counters()
    assert not counters.has_hardware
    assert counters.read() == SenderNic("sysfs", 0, 0, 0, 0)


@pytest.mark.parametrize("interface", sorted(path.name for path in Path("/sys/class/net").iterdir()))
def test_driver_counters_match_ethtool(interface):
    shown = run(["ethtool", "-S", interface]).stdout.splitlines()[1:]
    assert list(driver_statistics(interface)) == [line.rpartition(":")[0].strip() for line in shown]


def test_missing_interface_has_no_driver_counters():
    assert driver_statistics("nope0") == {}


@pytest.mark.parametrize(
    ("packets", "octets", "reason"),
    [
        (0, 0, None),
        (1_000, 78_000, None),
        (1_000, 14_000, None),
        (1_000, 65_000_000, None),
        # A packet that arrived after one counter was read and before the other.
        (0, 1514, None),
        (1, 0, None),
        (0, 78_000, "the packet counters stood still while 78,000 octets were counted"),
        (1_000, 0, "the octet counter stood still while 1,000 packets were counted"),
        (1_000, 1_000, "1,000 octets in 1,000 packets are 1.0 per packet, not 14 to 65,550"),
        (1_000, 10**9, "1,000,000,000 octets in 1,000 packets are 1,000,000.0 per packet, not 14 to 65,550"),
    ],
)
def test_packets_and_octets_that_cannot_both_be_right(packets, octets, reason):
    assert contradiction(packets, octets) == reason


def test_a_sender_whose_counters_contradict_each_other_counts_nothing(tmp_path):
    nic = Nic(tmp_path)
    counters = nic.counters()
    (nic.folder / "tx_bytes").write_text("78007\n")
    source = "sysfs is not usable: the packet counters stood still while 78,000 octets were counted"
    assert counters.read().checked() == SenderNic(source, None, None, None, None)
    nic.kernel(1000)
    assert counters.read().checked() == SenderNic("sysfs", 1000, 78_000, 0, 0)


@pytest.mark.parametrize(
    ("gained", "source"),
    [
        ({"rx_packets": 100, "rx_bytes": 7800}, "sysfs"),
        ({"rx_bytes": 78_000}, "sysfs is not usable: the packet counters stood still while 78,000 octets were counted"),
        (
            {"rx_packets": 5 - 2**31, "rx_bytes": 7800},
            "sysfs is not usable: rx_packets decreased from 2,147,483,648 to 5 (it has 32 bits, and wrapped)",
        ),
        ({"rx_dropped": -3}, "sysfs is not usable: rx_dropped decreased from 7 to 4"),
    ],
)
def test_what_a_receiving_interface_counted(gained, source):
    before = {"rx_packets": 2**31, "rx_bytes": 0, "rx_dropped": 7, "rx_errors": 0}
    after = {name: value + gained.get(name, 0) for name, value in before.items()}
    found = ReceiverNic.between(before, after, "sysfs")
    assert found.source == source
    assert found.rx_packets == (100 if source == "sysfs" else None)


@pytest.mark.parametrize(("seen", "usable"), [(100, True), (102, True), (103, False)])
def test_a_receiving_interface_counts_what_the_kernel_received_from_it(seen, usable):
    before = dict.fromkeys(("rx_packets", "rx_bytes", "rx_dropped", "rx_errors"), 0)
    found = ReceiverNic.between(before, {**before, "rx_packets": 100, "rx_bytes": 7800}, "sysfs", seen)
    behind = f"sysfs is not usable: 100 packets are fewer than the {seen} that the kernel received from it"
    assert found.source == ("sysfs" if usable else behind)
