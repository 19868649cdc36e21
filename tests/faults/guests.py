"""Faults that need netmap, which network namespaces do not have: each with the guest test that injects it."""

from __future__ import annotations

AFTER, UNCHANGED, WITNESS = (
    "tests/vm/test_benchmark_netmap.py: test_nic_is_restored_after_netmap",
    "tests/vm/test_benchmark_netmap.py: test_nic_is_restored_after_faults",
    "tests/vm/test_benchmark_netmap.py: test_nic_of_the_sender_counts_each_trial",
)
FAULTS = [
    ("no carrier for seconds after a native run", AFTER),
    ("NIC left promiscuous by netmap", AFTER),
    ("native tx_packets in sysfs that do not change", WITNESS),
    ("frames above the MTU, which netmap sends and the receiver discards", UNCHANGED),
    ("deadline while tcpreplay waits for netmap's link", UNCHANGED),
    ("SIGKILL to the module in netmap mode", UNCHANGED),
    (
        "two senders on one netmap NIC",
        "tests/vm/test_netmap_faults.py: test_second_sender_on_one_nic_is_refused",
    ),
    ("no carrier, netmap", "tests/vm/test_netmap_faults.py: test_missing_carrier_is_refused"),
    (
        "bad pcap, which tcpreplay finds after the NIC was switched to netmap",
        "tests/vm/test_netmap_faults.py: test_bad_pcap_is_refused_before_the_nic_is_switched",
    ),
    (
        "cable pulled during a native run",
        "tests/vm/test_netmap_faults.py: test_disconnected_cable_stops_the_trial_and_its_counts_are_stored",
    ),
]
