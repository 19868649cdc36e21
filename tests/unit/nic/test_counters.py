"""Counting sent frames by the source that moves: a native netmap adapter bypasses the kernel's counters."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.nic.counters import SenderNic, SentCounters, driver_statistics
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

    def counters(self) -> SentCounters:
        return SentCounters("ens4", self.root, lambda interface: dict(self.driver))


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
