"""Faults that need netmap, which the lab's namespaces do not have: each with the test that makes it in the guests."""

from __future__ import annotations

AFTER, WRONG, WITNESS = (
    "tests/vm/test_benchmark_netmap.py: test_after_netmap_the_nic_has_its_carrier_and_is_not_promiscuous",
    "tests/vm/test_benchmark_netmap.py: test_what_goes_wrong_leaves_the_nic_as_it_was",
    "tests/vm/test_benchmark_netmap.py: test_the_sender_s_nic_is_a_witness_of_each",
)
MET = "tests/vm/test_netmap_faults.py: "
FAULTS = [
    ("carrier gone for seconds after a native run", AFTER),
    ("NIC left promiscuous by netmap", AFTER),
    ("native tx_packets in sysfs standing still", WITNESS),
    ("frames above the MTU, which netmap sends and the receiver discards", WRONG),
    ("deadline while tcpreplay waits for netmap's link", WRONG),
    ("SIGKILL of the module in netmap mode", WRONG),
    ("two senders on one netmap NIC", f"{MET}test_of_two_senders_on_one_nic_the_second_is_refused"),
    ("no carrier, netmap", f"{MET}test_without_a_carrier_nothing_is_begun"),
    (
        "pcap that is bad, found by tcpreplay after the NIC was switched",
        f"{MET}test_a_bad_pcap_is_refused_before_the_nic_is_switched",
    ),
    (
        "cable pulled in the middle of a native run",
        f"{MET}test_a_cable_that_is_pulled_ends_the_trial_and_what_was_counted_is_kept",
    ),
]
