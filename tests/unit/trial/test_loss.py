"""The place of a loss, from counters as each place leaves them."""

from __future__ import annotations

from typing import Any

import pytest

from linerate.trial.loss import locate

SENT = 100_000


def sender(packets: int | None = SENT, dropped: int = 0) -> dict[str, Any]:
    return {"tx_packets": packets, "tx_dropped": dropped}


def report(arrived: int, rx_packets: int | None = None, **counters: dict[str, int]) -> dict[str, Any]:
    named = {name.replace("_S", " -S").replace("IF_MIB", "IF-MIB"): moved for name, moved in counters.items()}
    nic = None if rx_packets is None else {"rx_packets": rx_packets}
    return {"name": "w", "witness": {"packets": arrived}, "nic": nic, "counters": named}


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
        # A driver that counts what it then drops.
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
        # Nobody can say whether it left the sender.
        (sender(None), report(99_000, 99_000), "unknown", {"unknown": 1000}),
        (sender(None), report(99_000, SENT), "receiver kernel", {"receiver kernel": 1000}),
    ],
)
def test_the_first_counter_that_lacks_a_packet_tells_the_place(nic, seen, where, by_place):
    loss = locate(SENT, nic, seen)
    assert (loss.packets, loss.percent, loss.where) == (1000, 1.0, where)
    assert loss.by_place == by_place
    assert sum(loss.by_place.values()) == loss.packets


def test_the_evidence_names_every_counter_on_the_way():
    seen = report(99_000, 99_000, sysfs={"rx_missed_errors": 1000, "rx_packets": 99_000}, softnet_stat={"dropped": 0})
    assert locate(SENT, sender(), seen).evidence == (
        "tcpreplay handed over 100,000 packets",
        "the sending interface counted 100,000 (0 dropped)",
        "the receiving interface counted 99,000",
        "the witness w counted 99,000",
        "moved: sysfs rx_missed_errors 1,000",
    )
    assert locate(SENT, sender(), report(99_000, 99_000)).evidence[-1] == "no drop counter of the receiver moved"


@pytest.mark.parametrize("arrived", [SENT, SENT + 40])
def test_nothing_lost_is_blamed_on_nobody(arrived):
    loss = locate(SENT, sender(), report(arrived, arrived))
    assert (loss.packets, loss.where, loss.by_place, loss.evidence) == (SENT - arrived, None, {}, ())
