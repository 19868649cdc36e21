"""IF-MIB counters as real agents show them: some seconds old, reset, wrapped, or missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from linerate.controller.if_mib import (
    ASSUMED_REFRESH_SECONDS,
    Clock,
    count,
    find_interface,
    find_refresh,
    read_at_rest,
)
from linerate.errors import HostError

IF_NAME, IF_DESCR, IF_ALIAS = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.31.1.1.1.18"
OCTETS, UNICAST = "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.31.1.1.1.7"
DISCARDS, DISCONTINUITY, UPTIME = "1.3.6.1.2.1.2.2.1.13", "1.3.6.1.2.1.31.1.1.1.19", "1.3.6.1.2.1.1.3.0"


class SimulatedAgent:
    """Two interfaces: 1 receives, 2 carries the queries. Counters are copied every ``refresh`` seconds."""

    def __init__(self, refresh: float, manages: bool = True) -> None:
        self.time = 0.0
        self._refresh, self._manages = refresh, manages
        self.arrive: list[tuple[float, int]] = []
        """Times and numbers of the packets that arrive on interface 1."""
        self.values: dict[str, Any] = {
            f"{IF_NAME}.1": "port1",
            f"{IF_NAME}.2": "mgmt",
            f"{IF_DESCR}.1": "Port 1",
            f"{IF_DESCR}.2": "Port 2",
            f"{IF_ALIAS}.1": "to the lab",
            f"{IF_ALIAS}.2": "to the lab",
            f"{DISCONTINUITY}.1": 0,
        }
        self.without: set[str] = set()

    def clock(self) -> Clock:
        return Clock(lambda: self.time, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.time += seconds

    def _now(self) -> dict[str, Any]:
        copied = self.time // self._refresh * self._refresh
        packets = sum(amount for when, amount in self.arrive if when <= copied)
        managing = int(1000 * copied) if self._manages else 0
        counted = {f"{OCTETS}.1": 78 * packets, f"{UNICAST}.1": packets, f"{OCTETS}.2": managing, f"{UNICAST}.2": 0}
        seen = {**self.values, **counted, f"{DISCARDS}.1": 0, UPTIME: int(100 * self.time)}
        return {oid: value for oid, value in seen.items() if oid.rpartition(".")[0] not in self.without}

    def get(self, oids: Sequence[str]) -> dict[str, Any]:
        now = self._now()
        return {oid: now[oid] for oid in oids if oid in now}

    def walk(self, column: str) -> dict[str, Any]:
        return {oid[len(column) + 1 :]: value for oid, value in self._now().items() if oid.startswith(f"{column}.")}


def test_interface_is_found_by_name_or_description():
    agent = SimulatedAgent(1)
    assert [find_interface(agent, name) for name in ("port1", "mgmt", "Port 2")] == [1, 2, 2]
    with pytest.raises(HostError, match="is the ifAlias of 2 interfaces"):
        find_interface(agent, "to the lab")
    with pytest.raises(HostError, match=r"'port9': is not known .*\. Use one that the agent has: port1, mgmt\."):
        find_interface(agent, "port9")
    with pytest.raises(HostError, match=r"'2': is not known .*: port1, mgmt, ifIndex=2\."):
        find_interface(agent, "2")


def test_interface_is_found_in_the_column_that_is_named():
    agent = SimulatedAgent(1)
    agent.values.update({f"{IF_NAME}.1": "2", f"{IF_NAME}.2": "1 "})
    names = ("1", "2", "ifIndex=1", "ifIndex=2", "ifName=1", "ifDescr=Port 1", "ifDescr=Port 2")
    assert [find_interface(agent, name) for name in names] == [2, 1, 1, 2, 2, 1, 2]
    with pytest.raises(HostError, match=r"'ifIndex=3': is not known to the agent\. Use one that the agent has: 1, 2"):
        find_interface(agent, "ifIndex=3")
    with pytest.raises(HostError, match="'ifName=Port 1': is not known"):
        find_interface(agent, "ifName=Port 1")


def test_a_name_of_several_interfaces_is_refused_with_the_ways_to_choose():
    agent = SimulatedAgent(1)
    agent.values[f"{IF_NAME}.2"] = "port1"
    hint = r"Name one by ifIndex or ifDescr: ifIndex=1 \(ifDescr=Port 1\), ifIndex=2 \(ifDescr=Port 2\)\."
    with pytest.raises(HostError, match=rf"'port1': is the ifName of 2 interfaces of the agent\. {hint}"):
        find_interface(agent, "port1")


def test_interface_without_64_bit_counters_is_refused():
    agent = SimulatedAgent(1)
    agent.without = {UNICAST}
    with pytest.raises(HostError, match=r"'port1': has no 64-bit counters \(ifHCInUcastPkts\)"):
        find_interface(agent, "port1")


@pytest.mark.parametrize("refresh", [1, 3, 10, 30])
def test_refresh_is_measured_from_the_traffic_of_the_queries(refresh):
    agent = SimulatedAgent(refresh)
    found, source = find_refresh(agent, 1, agent.clock())
    assert source == "measured"
    assert refresh <= found <= refresh + 0.6


def test_refresh_is_assumed_if_no_counter_moves():
    agent = SimulatedAgent(1, manages=False)
    assert find_refresh(agent, 1, agent.clock()) == (ASSUMED_REFRESH_SECONDS, "assumed")


@pytest.mark.parametrize("begin", [0.0, 4.9, 9.9])
def test_settled_reading_includes_all_earlier_traffic(begin):
    agent = SimulatedAgent(10)
    agent.time, agent.arrive = begin, [(begin, 600), (begin + 0.1, 400)]
    reading = read_at_rest(agent, 1, 10.3, agent.clock())
    assert (reading["settled"], reading["counters"]["ifHCInUcastPkts"]) == (True, 1000)


def test_interface_that_never_settles():
    agent = SimulatedAgent(1)
    agent.arrive = [(float(second), 10) for second in range(1000)]
    assert not read_at_rest(agent, 1, 1.3, agent.clock())["settled"]


def reading(packets: int, **changed: Any) -> dict[str, Any]:
    counters = {"ifHCInOctets": 78 * packets, "ifHCInUcastPkts": packets, "ifInDiscards": 0, **changed.pop("more", {})}
    usual = {"ifindex": 1, "discontinuity": 0, "uptime": 100, "settled": True, "at": 1000.0}
    return {"counters": counters, **usual, **changed}


def test_count_between_two_readings():
    found = count(reading(100), reading(350, at=1010.0, uptime=1100, more={"ifHCInMulticastPkts": 9}), "port1")
    assert (found["usable"], found["reason"], found["settled"]) == (True, None, True)
    # The increase of a counter that the first reading lacks is not known.
    assert found["witness"]["packets"] == 250
    assert found["counters"]["IF-MIB"]["ifHCInOctets"] == 78 * 250


def test_counter_may_wrap():
    before = reading(0, more={"ifHCInUcastPkts": 2**64 - 10, "ifInDiscards": 2**32 - 1})
    after = reading(0, more={"ifHCInUcastPkts": 40, "ifHCInOctets": 50 * 78, "ifInDiscards": 4})
    found = count(before, after, "port1")
    assert (found["witness"]["packets"], found["counters"]["IF-MIB"]["ifInDiscards"]) == (50, 5)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (reading(40), "ifHCInOctets decreased from 7,800 to 3,120"),
        (
            reading(40, more={"ifHCInOctets": 7801}),
            "ifHCInUcastPkts decreased from 100 to 40",
        ),
        (reading(350, ifindex=7), "the interface's ifIndex changed from 1 to 7"),
        (reading(350, discontinuity=77), "ifCounterDiscontinuityTime changed from 0 to 77"),
        (reading(350, uptime=3), "the agent was restarted: sysUpTime went from 100 to 3"),
        (
            {**reading(350), "counters": {}},
            "the interface lost ifHCInOctets, ifHCInUcastPkts, ifInDiscards between the readings",
        ),
    ],
)
def test_readings_that_do_not_compare_are_not_usable(after, reason):
    found = count(reading(100), after, "port1")
    assert (found["usable"], found["reason"], found["witness"], found["counters"]) == (False, reason, None, {})


CONTRADICT = "its counters contradict each other, or other traffic arrives: "


@pytest.mark.parametrize(
    ("packets", "octets", "frame_lengths", "reason"),
    [
        (0, 7_800, None, "the packet counters stood still while 7,800 octets were counted"),
        (0, 64, (60, 60), "the packet counters stood still while 64 octets were counted"),
        (10, 0, None, "the octet counter stood still while 10 packets were counted"),
        (1_000, 90_000_000, None, "90,000,000 octets in 1,000 packets are 90,000.0 per packet, not 1 to 65,582"),
        # The packet counter is of one packet in ten; the octet counter has 32 bits and wrapped.
        (1_000, 780_000, (78, 78), "780,000 octets in 1,000 packets are 780.0 per packet, not 56 to 110"),
        (10_000_000, 15_140_000_000 % 2**32, (1514, 1514), "are 225.5 per packet, not 1,492 to 1,546"),
    ],
)
def test_counters_that_contradict_each_other_are_not_usable(packets, octets, frame_lengths, reason):
    after = reading(0, at=1010.0, uptime=1100, more={"ifHCInUcastPkts": packets, "ifHCInOctets": octets})
    found = count(reading(0), after, "port1", frame_lengths)
    assert (found["usable"], found["witness"], found["counters"]) == (False, None, {})
    assert found["reason"].startswith(CONTRADICT)
    assert reason in found["reason"]


@pytest.mark.parametrize("per_packet", [64, 78, 82, 102])
@pytest.mark.parametrize("packets", [1, 100, 1_000_000])
def test_agents_may_count_octets_with_or_without_headers(packets, per_packet):
    octets = per_packet * packets
    for others in ([], [1514] * 5, [64] * 20):
        more = {"ifHCInUcastPkts": packets + len(others), "ifHCInOctets": octets + sum(others)}
        assert count(reading(0), reading(0, at=1010.0, uptime=1100, more=more), "port1", (78, 78))["usable"]


def test_a_packet_counter_that_is_about_to_be_refreshed_is_usable():
    more = {"ifHCInOctets": 780}
    assert count(reading(0), reading(0, settled=False, more=more), "port1", (78, 78))["usable"]
    assert not count(reading(0), reading(0, more=more), "port1", (78, 78))["usable"]


def test_a_long_counter_of_32_bits_that_wraps_is_not_usable():
    before = reading(0, more={"ifHCInOctets": 2**32 - 780, "ifHCInUcastPkts": 5})
    after = reading(0, at=1010.0, uptime=1100, more={"ifHCInOctets": 780, "ifHCInUcastPkts": 25})
    reason = "ifHCInOctets decreased from 4,294,966,516 to 780 (it has 32 bits, and wrapped)"
    assert count(before, after, "port1")["reason"] == reason


def test_an_agent_without_an_octet_counter_is_not_usable():
    found = count(
        {**reading(0), "counters": {"ifHCInUcastPkts": 1}}, {**reading(0), "counters": {"ifHCInUcastPkts": 9}}, "p"
    )
    assert found["reason"] == "the agent has no ifHCInOctets to check the packets by"
