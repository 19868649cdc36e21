"""A real snmpd that answers as odd agents do: counters that stand still, and names that are hard to match."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Callable

import pytest
from tests.integration.agents import COMMUNITY, query, snmpd
from tests.integration.trials import inside

from linerate.lab.namespaces import RECEIVER

NAMESPACE, ADDRESS, PORT = "linerate-agent1", "127.0.0.1", 1161
TARGET: dict[str, Any] = {"address": ADDRESS, "port": PORT, "community": COMMUNITY}
IF_NAME, IF_DESCR, IF_ALIAS = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.31.1.1.1.18"
OCTETS = "1.3.6.1.2.1.31.1.1.1.6"
PACKETS = tuple(f"1.3.6.1.2.1.31.1.1.1.{column}" for column in (7, 8, 9))
LOOPBACK, PORT1 = 1, 7
BETWEEN = f"count(read_at_rest(agent, {LOOPBACK}, 2), read_at_rest(agent, {LOOPBACK}, 2), 'lo')"
Odd = Callable[[str], AbstractContextManager[None]]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def odd_agent(namespaces: None, tmp_path: Path) -> Iterator[Odd]:
    """A function that starts snmpd with further configuration. Its queries move the counters of its loopback."""
    ip("netns", "add", NAMESPACE)
    ip("-n", NAMESPACE, "link", "set", "lo", "up")
    ip("-n", NAMESPACE, "link", "add", "port1", "index", str(PORT1), "type", "veth", "peer", "name", "port2")
    yield lambda more: snmpd(NAMESPACE, f"udp:{ADDRESS}:{PORT}", f"rocommunity {COMMUNITY}\n{more}\n", tmp_path)
    ip("netns", "delete", NAMESPACE)


def override(column: str, index: int, kind: str, value: object) -> str:
    return f"override {column}.{index} {kind} {value}\n"


def standing_still(index: int, *columns: str) -> str:
    return "".join(override(column, index, "counter", 0) for column in columns)


def test_counters_of_an_agent_that_agree_are_usable(odd_agent):
    with odd_agent(""):
        found = query(NAMESPACE, BETWEEN, **TARGET).result
    assert (found["usable"], found["reason"]) == (True, None)
    assert found["witness"]["packets"] > 0


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (PACKETS, "the packet counters stood still while "),
        ((OCTETS,), "the octet counter stood still while "),
    ],
    ids=["packets", "octets"],
)
def test_an_agent_whose_counters_stand_still_is_not_usable(odd_agent, columns, reason):
    with odd_agent(standing_still(LOOPBACK, *columns)):
        found = query(NAMESPACE, BETWEEN, **TARGET).result
    assert (found["usable"], found["witness"]) == (False, None)
    assert reason in found["reason"]


def test_names_that_are_numbers_ended_by_nul_or_not_ascii(odd_agent):
    names = override(IF_NAME, LOOPBACK, "octet_str", '"7"') + override(IF_NAME, PORT1, "octet_str", '"1"')
    names += override(IF_DESCR, LOOPBACK, "octet_str", "0x506f7274203100")
    names += override(IF_ALIAS, LOOPBACK, "octet_str", f"0x{'Gerät'.encode().hex()}")
    names += override(IF_ALIAS, PORT1, "octet_str", f"0x{'Büro'.encode('latin-1').hex()}")
    wanted = ["7", "1", "Port 1", "Gerät", "Büro", "ifIndex=1", "ifIndex=7"]
    with odd_agent(names):
        found = query(NAMESPACE, f"[find_interface(agent, name) for name in {wanted!r}]", **TARGET)
    assert found.result == [LOOPBACK, PORT1, LOOPBACK, LOOPBACK, PORT1, LOOPBACK, PORT1], found.error


def test_a_name_of_two_interfaces_is_refused_with_the_ways_to_choose(odd_agent):
    names = "".join(override(IF_NAME, index, "octet_str", '"port"') for index in (LOOPBACK, PORT1))
    with odd_agent(names):
        error = query(NAMESPACE, "find_interface(agent, 'port')", **TARGET).error
        chosen = query(NAMESPACE, "[find_interface(agent, name) for name in ('ifIndex=7', 'ifDescr=lo')]", **TARGET)
    assert "interface 'port': is the ifName of 2 interfaces of the agent. Name one by ifIndex or ifDescr" in error
    assert "ifIndex=1 (ifDescr=lo), ifIndex=7 (ifDescr=port1)" in error
    assert chosen.result == [PORT1, LOOPBACK]


@pytest.mark.long
def test_a_run_whose_only_witness_stands_still_stops_at_its_proof(lab, play, tmp_path):
    interface = RECEIVER.interface
    index = int(inside(RECEIVER, "cat", f"/sys/class/net/{interface}/ifindex"))
    configuration = f"rocommunity {COMMUNITY}\n{standing_still(index, *PACKETS)}"
    witness = {"kind": "snmp", "name": "dut", "address": ADDRESS, "port": PORT, "interface": interface}
    scenario = {
        "benchmark_cases": ["udp_port_scan_64"],
        "benchmark_engines": ["kernel"],
        "benchmark_rates": [{"mode": "pps", "value": 2000}],
        "benchmark_repeats": 1,
        "benchmark_results_dir": str(tmp_path / "results"),
        "pcaps_dir": str(tmp_path / "pcaps"),
        "benchmark_witnesses": [{**witness, "refresh_seconds": 4}],
        "benchmark_snmp_credentials": {"dut": {"community": COMMUNITY}},
    }
    with snmpd(RECEIVER.namespace, f"udp:{ADDRESS}:{PORT}", configuration, tmp_path):
        done = play("playbooks/benchmark.yml", before=("ip", "netns", "exec", RECEIVER.namespace), **scenario)
    assert done.rc != 0
    (message,) = done.failures
    assert "proof of arrival 'kernel to 198.19.0.1': no witness could count (dut: its counters contradict" in message
    assert "the packet counters stood still while 7,800 octets were counted" in message
    assert not (tmp_path / "results").exists()
