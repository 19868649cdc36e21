"""The witnesses of a scenario, what each reports, and which one decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from linerate.errors import InputError
from linerate.nic.counters import ReceiverNic
from linerate.receiver.packet_counter import Count
from linerate.receiver.sampler import Sample
from linerate.trial.evidence import WitnessReport
from linerate.trial.model import Port, Witness
from linerate.trial.witnesses import (
    at_device,
    at_receiver,
    define,
    fit,
    primary,
    receiving_port,
    report,
    reports_of,
    with_agents,
)

INTERFACES = {"receiver1": "ens17", "receiver2": "ens18"}
SNMP = {"kind": "snmp", "address": "192.0.2.9", "interface": "port2"}


def test_a_linux_witness_is_the_receiver_unless_it_names_another():
    given = [{"kind": "linux"}, {"kind": "linux", "host": "receiver2", "name": "second"}]
    assert define(given, "receiver1", INTERFACES) == (
        Witness("receiver1", "linux", "receiver1", "ens17"),
        Witness("second", "linux", "receiver2", "ens18"),
    )


def test_an_snmp_witness_is_complete():
    (made,) = define([{**SNMP, "version": 3, "refresh_seconds": 30}], None, {})
    assert made == Witness(
        name="192.0.2.9",
        kind="snmp",
        host="192.0.2.9",
        interface="port2",
        port=161,
        version="3",
        refresh_seconds=30.0,
    )
    (default,) = define([SNMP], None, {})
    assert (default.port, default.version, default.refresh_seconds) == (161, "2c", 0.0)


@pytest.mark.parametrize(("interface", "name"), [(1, "1"), (0, "0"), ("1.10", "1.10"), ("ifIndex=7", "ifIndex=7")])
def test_the_interface_of_an_agent_may_be_a_number(interface, name):
    assert define([{**SNMP, "interface": interface}], None, {})[0].interface == name


@pytest.mark.parametrize("interface", [1.1, True, False])
def test_an_interface_that_yaml_changed_is_refused(interface):
    with pytest.raises(InputError, match=f"interface of a witness {interface}: is not a text: .* Write it in quotes"):
        define([{**SNMP, "interface": interface}], None, {})


@pytest.mark.parametrize("given", [[], [{"kind": "none"}]])
def test_a_scenario_may_have_no_witness(given):
    assert define(given, "receiver1", INTERFACES) == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"kind": "solaris"}], "kind of a witness 'solaris': must be one of linux, snmp, none"),
        ([{"kind": "none"}, {"kind": "linux"}], "excludes others"),
        ([{"kind": "linux"}, {"kind": "linux"}], "witness 'receiver1': is defined twice"),
        ([{"kind": "linux", "host": "stranger"}], "'stranger': has no receiving interface"),
        ([{"kind": "snmp", "interface": "port2"}], "has no address"),
        ([{**SNMP, "position": "middle"}], "position of a witness 'middle': must be one of receiver, device"),
        ([{**SNMP, "position": "device"}], "'192.0.2.9': counts at a device, and no other one at the receiver"),
        ([{**SNMP, "version": "1"}], "SNMP version '1': must be one of 2c, 3"),
        ([{**SNMP, "community": "secret"}], "snmp witness 'community': is not one of address"),
    ],
)
def test_an_unusable_definition_is_refused(given, message):
    with pytest.raises(InputError) as refused:
        define(given, "receiver1", INTERFACES)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_answer_of_an_agent_overrides_its_definition():
    defined = define([{"kind": "linux"}, {**SNMP, "refresh_seconds": 30}], "receiver1", INTERFACES)
    answer = {"refresh_seconds": 12.5, "refresh_source": "measured", "agent": {"name": "switch1"}}
    returned = {**answer, "changed": False, "failed": False}
    assert with_agents(defined, [returned]) == (defined[0], replace(defined[1], **answer))
    assert with_agents(defined, []) == defined
    with pytest.raises(InputError, match=r"is shorter than 2 refreshes \(30 s\) of 192.0.2.9's counters"):
        fit({"paced": 5}, with_agents(defined, []), "refuse")


def test_trials_that_are_too_short_for_the_slowest_counters_are_lengthened():
    agents = (Witness("slow", "snmp", "a", "i", refresh_seconds=12.2), Witness("fast", "snmp", "b", "i"))
    durations, notices = fit({"paced": 5, "topspeed": 60}, agents, "lengthen")
    assert durations == {"paced": 25, "topspeed": 60}
    assert notices == [
        "paced trials last 25 s instead of 5 s, which is shorter than 2 refreshes (12.2 s) of slow's counters."
    ]
    assert fit({"paced": 5}, (), "lengthen") == ({"paced": 5}, [])
    with pytest.raises(InputError, match="short trials 'warp': must be one of lengthen, refuse"):
        fit({"paced": 5}, (), "warp")


def test_packets_are_for_the_port_of_the_deciding_witness_else_of_the_receiver():
    host, agent = Witness("h", "linux", "receiver1", "ens17"), Witness("a", "snmp", "192.0.2.9", "port2")
    receiver = {"name": "receiver2", "nic": {"interface": "ens18"}}
    assert receiving_port([agent, host], receiver) == Port("receiver1", "ens17")
    assert receiving_port([agent], receiver) == Port("192.0.2.9", "port2")
    assert receiving_port([], receiver) == Port("receiver2", "ens18")
    assert receiving_port([], None) is None


def test_the_result_of_a_module_becomes_a_typed_report():
    witness = Witness("a", "linux", "a", "i")
    nic = {"source": "ethtool", "rx_packets": 7, "rx_bytes": 546, "rx_dropped": 0, "rx_errors": 0}
    sample = {"elapsed_seconds": 1.0, "interval_seconds": 1.0, "packets": 5, "bytes": 390, "pps": 5.0}
    result = {
        "witness": {"method": "packet_socket", "packets": 5, "matches": "all"},
        "nic": nic,
        "samples": [sample],
        "counters": {"sysfs": {"rx_dropped": 2}},
        "changed": True,
    }
    assert reports_of([[witness.to_json(), result]]) == [
        WitnessReport(
            name="a",
            kind="linux",
            host="a",
            interface="i",
            usable=True,
            reason=None,
            refresh_seconds=None,
            settled=True,
            witness=Count("packet_socket", 5, "all"),
            nic=ReceiverNic(**nic),
            counters={"sysfs": {"rx_dropped": 2}},
            samples=(Sample(1.0, 1.0, 5, 390),),
        )
    ]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"failed": True, "msg": "timed out"}, "timed out"),
        ({"usable": False, "reason": "reset"}, "reset"),
        ({}, "it gave no count"),
    ],
)
def test_a_witness_without_a_count_has_the_reason(result, reason):
    made = report(Witness("a", "linux", "a", "i"), result)
    assert (made.usable, made.reason, made.witness, made.counted, made.samples) == (False, reason, None, None, ())


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


def test_a_witness_at_a_device_does_not_decide():
    device, receiver = define([{**SNMP, "position": "device"}, {"kind": "linux"}], "receiver1", INTERFACES)
    assert receiving_port([device, receiver], None) == Port("receiver1", "ens17")
    counted = {"usable": True, "witness": {"method": "if_mib", "packets": 9, "matches": "all"}}
    reports = [report(device, counted), report(receiver, {"msg": "gone"})]
    assert (primary(reports), at_device(reports)) == (None, reports[0])
    assert at_receiver(reports) == [reports[1]]
