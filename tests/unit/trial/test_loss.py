"""The place of a loss, by the counters of every place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_run import make_report

from linerate.nic.counters import ReceiverNic, SenderNic
from linerate.trial.evidence import WitnessReport
from linerate.trial.loss import UNEXPLAINED, locate
from linerate.trial.model import AT_DEVICE

SENT = 100_000


def sender(packets: int | None = SENT, dropped: int = 0) -> SenderNic:
    return SenderNic("sysfs", packets, 0, dropped, 0)


def report(arrived: int, rx_packets: int | None = None, **counters: dict[str, int]) -> WitnessReport:
    named = {name.replace("_S", " -S").replace("IF_MIB", "IF-MIB"): group for name, group in counters.items()}
    nic = None if rx_packets is None else ReceiverNic("sysfs", rx_packets, 0, 0, 0)
    return replace(make_report(arrived, nic), name="w", counters=named)


@pytest.mark.parametrize(
    ("nic", "seen", "where", "by_place"),
    [
        (sender(99_000), report(99_000, 99_000), "sender egress", {"sender egress": 1000}),
        (sender(), report(99_000, 99_000), "path or device", {"path or device": 1000}),
        (sender(), report(99_000, 99_000, sysfs={"rx_missed_errors": 1000}), "receiver NIC", {"receiver NIC": 1000}),
        (
            sender(),
            report(99_000, 99_000, ethtool_S={"rx_queue_0_drops": 600, "rx_queue_1_drops": 400, "tx_drops": 9}),
            "receiver NIC",
            {"receiver NIC": 1000},
        ),
        # A driver that counts frames and then drops them.
        (sender(), report(99_000, SENT, ethtool_S={"rx_xdp_drops": 1000}), "receiver NIC", {"receiver NIC": 1000}),
        (sender(), report(99_000, SENT), "receiver kernel", {"receiver kernel": 1000}),
        (
            sender(),
            report(99_000, 99_000, sysfs={"rx_dropped": 1000}, softnet_stat={"dropped": 1000}),
            "receiver kernel",
            {"receiver kernel": 1000},
        ),
        (
            sender(),
            report(99_000, 99_800, sysfs={"rx_missed_errors": 50}),
            "receiver kernel",
            {"receiver NIC": 50, "path or device": 150, "receiver kernel": 800},
        ),
        (sender(), report(99_000, IF_MIB={"ifInDiscards": 0}), "path or device", {"path or device": 1000}),
        (
            sender(99_900),
            report(99_000, IF_MIB={"ifInDiscards": 700, "ifInErrors": 50}),
            "receiver NIC",
            {"sender egress": 100, "receiver NIC": 750, "path or device": 150},
        ),
        # No counter shows whether it left the sender.
        (sender(None), report(99_000, 99_000), "unknown", {"unknown": 1000}),
        (sender(None), report(99_000, SENT), "receiver kernel", {"receiver kernel": 1000}),
    ],
)
def test_the_first_counter_that_lacks_a_packet_tells_the_place(nic, seen, where, by_place):
    loss = locate(SENT, nic, seen)
    assert (loss.packets, loss.percent, loss.where) == (1000, 1.0, where)
    assert loss.by_place == by_place
    assert sum(loss.by_place.values()) == loss.packets


@pytest.mark.parametrize(
    "name",
    [
        "rx_missed_errors", "alloc_rx_buff_failed", "rx_fifo_errors", "rx_crc_errors",  # e1000, e1000e, igb, ixgbe
        "rx_queue_0_drops", "rx_queue_0_alloc_failed",  # igb, veth, virtio_net
        "rx_no_dma_resources", "alloc_rx_page_failed", "rx_fcoe_dropped",  # ixgbe
        "port.rx_dropped", "veb.rx_discards", "rx_alloc_fail", "rx_pg_alloc_fail",  # i40e, ice
        "rx_dropped.nic", "rx_crc_errors.nic",  # ice
        "rx_out_of_buffer", "rx_discards_phy", "rx_prio0_buf_discard", "rx_steer_missed_packets", "rx_xdp_drop",  # mlx5
        "rx_buff_alloc_err", "rx0_buff_alloc_err", "rx_oversize_pkts_sw_drop",  # mlx5
        "rx_queue_0_xdp_drops", "rx0_drops",  # veth, virtio_net
    ],
)  # fmt: skip
def test_drops_of_a_driver_are_attributed_to_the_receiving_nic(name):
    loss = locate(SENT, sender(), report(99_000, 99_000, ethtool_S={name: 1000}))
    assert loss.by_place == {"receiver NIC": 1000}
    assert loss.evidence[-1] == f"drop counters: ethtool -S {name} 1,000"


@pytest.mark.parametrize(
    "name",
    [
        "fdir_miss", "alloc_rx_page", "fdir_overflow",  # ixgbe
        "rx_no_buffer_count", "rx_long_byte_count",  # e1000, e1000e, igb, ixgbe
        "rx_pp_alloc_fast", "rx_pp_alloc_slow_high_order", "rx_pp_alloc_empty", "rx0_pp_alloc_refill",  # mlx5, veth
        "rx_cache_reuse", "rx_arfs_err", "tx0_dropped", "tx_queue_dropped",  # mlx5
        "port.tx_dropped_link_down", "veb.tx_discards", "port.fdir_sb_match",  # i40e
        "tx_dropped_link_down.nic", "tx_fifo_errors", "tx_queue_0_xdp_tx_drops",  # ice, e1000, virtio_net
    ],
)  # fmt: skip
def test_other_counters_of_a_driver_are_not_drops(name):
    loss = locate(SENT, sender(), report(99_000, 99_000, ethtool_S={name: 1000}))
    assert loss.by_place == {"path or device": 1000}
    assert loss.evidence[-1] == "no drop counter of the receiver increased"


def test_the_evidence_names_every_counter_along_the_path():
    seen = report(99_000, 99_000, sysfs={"rx_missed_errors": 1000, "rx_packets": 99_000}, softnet_stat={"dropped": 0})
    assert locate(SENT, sender(), seen).evidence == (
        "the sender handed over 100,000 packets",
        "the sending interface counted 100,000 (0 dropped)",
        "the receiving interface counted 99,000",
        "the witness w counted 99,000 (frames from 198.18.0.1)",
        "drop counters: sysfs rx_missed_errors 1,000",
    )
    assert locate(SENT, sender(), report(99_000, 99_000)).evidence[-1] == "no drop counter of the receiver increased"


@pytest.mark.parametrize("arrived", [SENT, SENT + 40])
def test_without_a_loss_there_is_no_place(arrived):
    loss = locate(SENT, sender(), report(arrived, arrived))
    assert (loss.packets, loss.where, loss.by_place, loss.evidence) == (SENT - arrived, None, {}, ())


def test_a_loss_in_the_kernel_without_a_counter_may_be_frames_that_were_changed():
    evidence = locate(SENT, sender(), report(0, SENT)).evidence
    assert evidence[-3:] == (
        "the witness w counted 0 (frames from 198.18.0.1)",
        "no drop counter of the receiver increased",
        UNEXPLAINED,
    )
    assert UNEXPLAINED not in locate(SENT, sender(), report(0, SENT, sysfs={"rx_dropped": SENT})).evidence


def test_a_receiving_interface_whose_counters_contradict_each_other_tells_no_place():
    nic = ReceiverNic("sysfs is not usable: rx_packets decreased from 9 to 5", None, None, None, None)
    found = locate(SENT, sender(), replace(report(99_000, sysfs={"rx_dropped": 100}), nic=nic))
    assert found.by_place == {"receiver kernel": 100, "path or device": 900}
    assert "the receiving interface: sysfs is not usable: rx_packets decreased from 9 to 5" in found.evidence


@pytest.mark.parametrize(
    ("nic", "at_device", "seen", "by_place"),
    [
        (sender(), 99_000, report(99_000, 99_000), {"path to device": 1000}),
        (sender(), SENT, report(99_000, 99_000), {"device or path after it": 1000}),
        (sender(), 99_400, report(99_000, 99_000), {"path to device": 600, "device or path after it": 400}),
        # Other traffic into the device's port, such as ARP.
        (sender(), SENT + 7, report(99_000, 99_000), {"device or path after it": 1000}),
        (
            sender(99_900),
            99_800,
            report(99_000, 99_500),
            {"sender egress": 100, "path to device": 100, "device or path after it": 300, "receiver kernel": 500},
        ),
        (sender(), 99_500, report(99_000), {"path to device": 500, "device or path after it": 500}),
        (sender(None), 99_500, report(99_000), {"unknown": 500, "device or path after it": 500}),
    ],
)
def test_a_witness_at_the_device_divides_the_path(nic, at_device, seen, by_place):
    device = replace(report(at_device), name="device", position=AT_DEVICE)
    loss = locate(SENT, nic, seen, device)
    assert loss.by_place == by_place
    assert sum(loss.by_place.values()) == loss.packets == 1000
    assert f"the witness device at the device counted {at_device:,}" in loss.evidence
