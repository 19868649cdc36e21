"""Faults that need netmap, which the lab's namespaces do not have: each with the test that makes it in the guests."""

from __future__ import annotations

AFTER, WRONG, WITNESS = (
    "tests/vm/test_benchmark_netmap.py: test_after_netmap_the_nic_has_its_carrier_and_is_not_promiscuous",
    "tests/vm/test_benchmark_netmap.py: test_what_goes_wrong_leaves_the_nic_as_it_was",
    "tests/vm/test_benchmark_netmap.py: test_the_sender_s_nic_is_a_witness_of_each",
)
LOOKED_AT = "not run in the guests; what refuses it here looks before any engine is chosen: see "
FAULTS = [
    ("carrier gone for seconds after a native run", AFTER),
    ("NIC left promiscuous by netmap", AFTER),
    ("native tx_packets in sysfs standing still", WITNESS),
    ("frames above the MTU, which netmap sends and the receiver discards", WRONG),
    ("deadline while tcpreplay waits for netmap's link", WRONG),
    ("SIGKILL of the module in netmap mode", WRONG),
    ("two senders on one netmap NIC", f"{LOOKED_AT}two senders on one interface"),
    ("no carrier, netmap", f"{LOOKED_AT}peer down: no carrier"),
    ("pcap that is bad, found by tcpreplay after the NIC was switched", f"{LOOKED_AT}the pcaps above"),
]
