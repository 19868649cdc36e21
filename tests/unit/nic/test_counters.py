"""The counter that moves is the one believed: a native adapter of netmap leaves the kernel's standing still."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.nic.counters import SentCounters, driver_statistics
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


def test_the_kernel_s_counters_are_believed_where_they_move(tmp_path):
    nic = Nic(tmp_path, tx_packets=100, tx_bytes=9000)
    counters = nic.counters()
    nic.kernel(1000)
    # The NIC sent something of its own besides.
    nic.driver.update(tx_packets=1102, tx_bytes=9000 + 82 * 1002)
    source, moved = counters.read()
    assert (source, moved["tx_packets"], moved["tx_bytes"]) == ("sysfs", 1000, 78_000)


def test_the_nic_s_are_where_frames_pass_the_kernel_by(tmp_path):
    nic = Nic(tmp_path, tx_packets=100, tx_bytes=9000)
    counters = nic.counters()
    # One frame of the kernel's own, before netmap took the rings.
    nic.kernel(1)
    nic.driver.update(tx_packets=1101, tx_bytes=9000 + 82_000)
    source, moved = counters.read()
    assert source == "ethtool -S tx_packets"
    assert moved == {"tx_packets": 1001, "tx_bytes": 82_000, "tx_dropped": 0, "tx_errors": 0}
    assert counters.has_hardware


def test_ixgbe_s_own_counter_comes_before_the_one_that_mirrors_the_kernel_s(tmp_path):
    nic = Nic(tmp_path, tx_packets=7, tx_bytes=7, tx_pkts_nic=50, tx_bytes_nic=500)
    counters = nic.counters()
    nic.driver.update(tx_pkts_nic=1050, tx_bytes_nic=82_500)
    source, moved = counters.read()
    assert (source, moved["tx_packets"], moved["tx_bytes"]) == ("ethtool -S tx_pkts_nic", 1000, 82_000)


def test_a_driver_that_counts_nothing_leaves_the_kernel_s(tmp_path):
    counters = Nic(tmp_path).counters()
    assert not counters.has_hardware
    assert counters.read() == ("sysfs", dict.fromkeys(("tx_packets", "tx_bytes", "tx_dropped", "tx_errors"), 0))


@pytest.mark.parametrize("interface", sorted(path.name for path in Path("/sys/class/net").iterdir()))
def test_the_driver_s_counters_are_those_that_ethtool_shows(interface):
    shown = run(["ethtool", "-S", interface]).stdout.splitlines()[1:]
    assert list(driver_statistics(interface)) == [line.rpartition(":")[0].strip() for line in shown]


def test_an_interface_that_is_not_there_counts_nothing():
    assert driver_statistics("nope0") == {}
