"""What goes wrong through netmap: what tcpreplay itself makes of it, and what we do. netmap_faults/ has the plays."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(scope="module")
def meet(guests, through_netmap, ready):
    """A function that runs a fault's play; what it told of tcpreplay itself, and of us."""
    made = guests("playbooks/pcaps.yml", **ready)
    assert made.rc == 0, made.stdout

    def run(fault: str) -> str:
        met = guests("tests/vm/netmap_faults.yml", **ready, fault=fault)
        assert met.rc == 0, met.stdout
        # As YAML tells it: folded, and quotation marks within a text twice.
        told = " ".join(met.stdout.split()).replace("''", "'")
        print(*re.findall(r"msg: '((?:tcpreplay itself|We): .*?)' (?=\S+ \[|\S+ \| )", told), sep="\n")
        return told

    return run


def test_of_two_senders_on_one_nic_the_second_is_refused(meet):
    assert "We: interface 'ens4': is in use: the trial before, since" in meet("two_senders")


def test_without_a_carrier_nothing_is_begun(meet):
    assert "We: interface 'ens4': is up and has no carrier" in meet("no_carrier")


def test_a_bad_pcap_is_refused_before_the_nic_is_switched(meet):
    assert re.search(r"We: pcap '/var/lib/linerate/pcaps/bad\.pcap': ", meet("bad_pcap"))


def test_a_cable_that_is_pulled_ends_the_trial_and_what_was_counted_is_kept(meet):
    assert "We: the interface ens4 has lost its carrier, after " in meet("cable_pulled")
