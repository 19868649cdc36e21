"""Faults of trials through netmap, handled by tcpreplay itself and by linerate. The plays are in netmap_faults/."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(scope="module")
def inject(guests, through_netmap, ready):
    """A function that runs the play of a fault and returns its output."""
    generated = guests("playbooks/pcaps.yml", **ready)
    assert generated.rc == 0, generated.stdout

    def run(fault: str) -> str:
        done = guests("tests/vm/netmap_faults.yml", **ready, fault=fault)
        assert done.rc == 0, done.stdout
        # YAML folds lines and doubles quotation marks.
        output = " ".join(done.stdout.split()).replace("''", "'")
        print(*re.findall(r"msg: '((?:tcpreplay itself|linerate): .*?)' (?=\S+ \[|\S+ \| )", output), sep="\n")
        return output

    return run


def test_second_sender_on_one_nic_is_refused(inject):
    assert "linerate: interface 'ens4': is in use: the trial before, since" in inject("two_senders")


def test_missing_carrier_is_refused(inject):
    assert "linerate: interface 'ens4': is up and has no carrier" in inject("no_carrier")


def test_bad_pcap_is_refused_before_the_nic_is_switched(inject):
    assert re.search(r"linerate: pcap '/var/lib/linerate/pcaps/bad\.pcap': ", inject("bad_pcap"))


def test_disconnected_cable_stops_the_trial_and_its_counts_are_stored(inject):
    assert "linerate: the interface ens4 has lost its carrier, after " in inject("cable_pulled")
