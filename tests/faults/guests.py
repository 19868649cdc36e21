"""Faults that need netmap, which network namespaces do not have: each with the guest test that injects it."""

from __future__ import annotations

AFTER, UNCHANGED, WITNESS = (
    "tests/vm/test_benchmark_netmap.py: test_after_netmap_the_nic_has_its_carrier_and_is_not_promiscuous",
    "tests/vm/test_benchmark_netmap.py: test_what_goes_wrong_leaves_the_nic_as_it_was",
    "tests/vm/test_benchmark_netmap.py: test_the_sender_s_nic_is_a_witness_of_each",
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
        "tests/vm/test_netmap_faults.py: test_of_two_senders_on_one_nic_the_second_is_refused",
    ),
    ("no carrier, netmap", "tests/vm/test_netmap_faults.py: test_without_a_carrier_nothing_is_begun"),
    (
        "bad pcap, which tcpreplay finds after the NIC was switched to netmap",
        "tests/vm/test_netmap_faults.py: test_a_bad_pcap_is_refused_before_the_nic_is_switched",
    ),
    (
        "cable pulled during a native run",
        "tests/vm/test_netmap_faults.py: test_a_cable_that_is_pulled_ends_the_trial_and_what_was_counted_is_kept",
    ),
]
