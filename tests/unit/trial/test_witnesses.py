"""Which witnesses there are, who of them decides, and how far they disagree."""

from __future__ import annotations

from typing import Any

import pytest

from linerate.errors import InputError
from linerate.trial.evidence import WitnessReport
from linerate.trial.model import Witness
from linerate.trial.witnesses import define, fit, found_out, primary, report

INTERFACES = {"receiver1": "ens17", "receiver2": "ens18"}
SNMP = {"kind": "snmp", "address": "192.0.2.9", "interface": "port2"}


def test_a_linux_witness_is_the_receiver_unless_it_names_another():
    given = [{"kind": "linux"}, {"kind": "linux", "host": "receiver2", "name": "second"}]
    assert define(given, "receiver1", INTERFACES) == [
        {"name": "receiver1", "kind": "linux", "host": "receiver1", "interface": "ens17"},
        {"name": "second", "kind": "linux", "host": "receiver2", "interface": "ens18"},
    ]


def test_an_snmp_witness_is_complete():
    (made,) = define([{**SNMP, "version": 3, "refresh_seconds": 30}], None, {})
    assert made == {
        "name": "192.0.2.9", "kind": "snmp", "host": "192.0.2.9", "interface": "port2", "port": 161, "version": "3",
        "refresh_seconds": 30.0,
    }  # fmt: skip


@pytest.mark.parametrize("given", [[], [{"kind": "none"}]])
def test_nobody_is_a_choice(given):
    assert define(given, "receiver1", INTERFACES) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"kind": "solaris"}], "kind of a witness 'solaris': must be one of linux, snmp, none"),
        ([{"kind": "none"}, {"kind": "linux"}], "stands beside others"),
        ([{"kind": "linux"}, {"kind": "linux"}], "witness 'receiver1': is there twice"),
        ([{"kind": "linux", "host": "stranger"}], "'stranger': has no receiving interface"),
        ([{"kind": "snmp", "interface": "port2"}], "has no address"),
        ([{**SNMP, "version": "1"}], "SNMP version '1': must be one of 2c, 3"),
        ([{**SNMP, "community": "secret"}], "snmp witness 'community': is not one of address"),
    ],
)
def test_a_witness_that_cannot_be_one_is_refused(given, message):
    with pytest.raises(InputError) as refused:
        define(given, "receiver1", INTERFACES)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_was_found_out_of_an_agent_counts_and_before_that_what_was_given():
    defined = define([{"kind": "linux"}, {**SNMP, "refresh_seconds": 30}], "receiver1", INTERFACES)
    answer = {"refresh_seconds": 12.5, "refresh_source": "measured", "agent": {"name": "switch1"}}
    assert found_out(defined, [answer]) == [defined[0], {**defined[1], **answer}]
    assert found_out(defined, []) == defined
    with pytest.raises(InputError, match=r"is shorter than 2 refreshes \(30 s\) of 192.0.2.9's counters"):
        fit({"paced": 5}, found_out(defined, []), "refuse")


def counted(name: str, kind: str, packets: int, **result: Any) -> WitnessReport:
    witness = Witness(name, kind, name, "i", refresh_seconds=10.0)
    return report(witness, {"witness": {"method": "if_mib", "packets": packets, "matches": "all"}, **result})


def test_the_first_linux_witness_that_could_count_decides():
    fails = counted("a", "linux", 5, usable=False, reason="gone")
    agent, host = counted("b", "snmp", 6), counted("c", "linux", 7)
    assert primary([fails, agent, host]) is host
    assert primary([fails, agent]) is agent
    assert primary([fails]) is None
    assert primary([]) is None
    assert (fails.usable, fails.reason) == (False, "gone")
