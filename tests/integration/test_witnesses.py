"""Several witnesses of one port through the real playbook: a packet socket, and a real snmpd with SNMP 2c and 3."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration import agents
from tests.integration.agents import COMMUNITY, Answer, snmpd
from tests.integration.conftest import REPOSITORY

from linerate.controller.snmp import Agent, Target
from linerate.errors import InputError
from linerate.lab.namespaces import RECEIVER
from linerate.results.store import check

pytestmark = pytest.mark.quiet

SCHEMAS = REPOSITORY / "schemas"
MANAGER = "linerate-manager1"
ADDRESS, PORT = "192.0.2.2", 1161
AUTH_PASSWORD, PRIV_PASSWORD = "test-auth-password", "test-priv-password"
CONFIGURATION = f"""
rocommunity {COMMUNITY}
createUser linerate SHA-256 {AUTH_PASSWORD} AES {PRIV_PASSWORD}
rouser linerate priv
"""
CREDENTIALS = {
    "agent 2c": {"community": COMMUNITY},
    "agent 3": {"user": "linerate", "auth_password": AUTH_PASSWORD, "priv_password": PRIV_PASSWORD},
}


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def agent(lab: None, tmp_path: Path) -> Iterator[None]:
    """snmpd on the lab's receiver, and a namespace of a manager with its own link to it."""
    ip("netns", "add", MANAGER)
    ip("-n", MANAGER, "link", "add", "lrm0", "type", "veth", "peer", "name", "lrm1", "netns", RECEIVER.namespace)
    for namespace, interface, address in ((MANAGER, "lrm0", "192.0.2.1"), (RECEIVER.namespace, "lrm1", ADDRESS)):
        ip("-n", namespace, "address", "add", f"{address}/30", "dev", interface)
        ip("-n", namespace, "link", "set", interface, "up")
    with snmpd(RECEIVER.namespace, f"udp:{ADDRESS}:{PORT}", CONFIGURATION, tmp_path):
        yield
    # Explicitly: with its namespace it would be deleted some time later.
    ip("-n", MANAGER, "link", "delete", "lrm0")
    ip("netns", "delete", MANAGER)


def query(code: str, **target: Any) -> Answer:
    """Evaluate ``code`` in the manager's namespace."""
    return agents.query(MANAGER, code, **{"address": ADDRESS, "port": PORT, "community": COMMUNITY, **target})


SNMP = {"kind": "snmp", "name": "agent 2c", "address": ADDRESS, "port": PORT, "interface": RECEIVER.interface}
VERSION_3 = {"version": "3", **CREDENTIALS["agent 3"]}


def test_an_agent_that_cannot_be_queried_is_one_error_without_secrets(agent):
    for code, target, message in (
        (
            "1 if find_interface(agent, 'nope0') else 0",
            {},
            "interface 'nope0': is not known to the agent. Use one that",
        ),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {"port": 1162}, "port 1162': does not answer SNMP version 2c within 6 s"),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {"community": "wrong"}, "the community in benchmark_snmp_credentials"),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {**VERSION_3, "user": "stranger"}, "Unknown USM user"),
        (
            "agent.get(['1.3.6.1.2.1.1.3.0'])",
            {**VERSION_3, "auth_password": "another-password"},
            "Wrong SNMP PDU digest",
        ),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {"address": "no.such.name.invalid"}, "cannot be resolved"),
    ):
        answer = query(code, **target)
        assert message in answer.error, answer
        assert not any(secret in answer.error for secret in (COMMUNITY, AUTH_PASSWORD, PRIV_PASSWORD))
    assert f"{RECEIVER.interface}" in query("find_interface(agent, 'nope0')").error


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"version": "2c"}, "needs a community for SNMP version 2c"),
        ({"version": "3", "user": "u", "auth_password": "12345678"}, "needs a priv password"),
        ({**VERSION_3, "auth_password": "short"}, "less than 8 characters"),
        ({**VERSION_3, "priv_protocol": "DES"}, "must be one of AES128, AES192, AES256"),
    ],
)
def test_invalid_credentials_are_refused_without_a_query(target, message):
    with pytest.raises(InputError, match=message):
        Agent(Target("192.0.2.9", **target))


@pytest.mark.parametrize("target", [{}, VERSION_3], ids=["2c", "3"])
def test_the_refresh_interval_of_net_snmps_counters_is_measured(agent, target):
    """net-snmp updates its interface counters every 3 s; it is queried four times per second."""
    refresh, source = query(f"find_refresh(agent, find_interface(agent, {RECEIVER.interface!r}))", **target).result
    assert source == "measured"
    assert 3 <= refresh < 10


def scenario(tmp_path: Path, *witnesses: dict[str, Any], **given: Any) -> dict[str, Any]:
    """One paced trial, counted by ``witnesses``, that is too short for counters that are updated every few seconds."""
    return {
        "benchmark_cases": ["udp_port_scan_64"],
        "benchmark_engines": ["kernel"],
        "benchmark_rates": [{"mode": "pps", "value": 2000}],
        "benchmark_repeats": 1,
        "benchmark_duration_paced": 1.5,
        "benchmark_rate_tolerance_percent": 50,
        "benchmark_results_dir": str(tmp_path / "results"),
        "pcaps_dir": str(tmp_path / "pcaps"),
        "benchmark_witnesses": witnesses,
        "benchmark_snmp_credentials": CREDENTIALS,
        **given,
    }


def stored(tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run and its one trial."""
    run = json.loads((tmp_path / "results/latest/run.json").read_text())
    check(run, SCHEMAS / "run.schema.json")
    (trial,) = map(json.loads, (tmp_path / "results/latest/trials.jsonl").read_text().splitlines())
    check(trial, SCHEMAS / "trial.schema.json")
    return run, trial


@pytest.mark.long
def test_three_witnesses_of_one_port_agree(agent, play, tmp_path):
    witnesses = ({"kind": "linux"}, SNMP, {**SNMP, "name": "agent 3", "version": "3"})
    from_manager = ("ip", "netns", "exec", MANAGER)
    done = play("playbooks/benchmark.yml", "-v", before=from_manager, **scenario(tmp_path, *witnesses))
    assert done.rc == 0, done.stdout
    run, trial = stored(tmp_path)
    # The refresh interval is measured once, so that plan, proof and trials use the same.
    assert done.stdout.count("TASK [benchmark : Query the agents and the age of their counters") == 1
    # Waiting until the agents' counters settle does not use up the receiver's deadline.
    assert done.stdout.index("Read the agents' counters") < done.stdout.index("Start the count at the receiver")

    # 1.5 s is too short for counters that are updated every 3 s: the trial lasts at least two intervals.
    refresh = max(witness.get("refresh_seconds", 0) for witness in run["witnesses"])
    assert trial["offered"]["duration_seconds"] >= 2 * refresh >= 6
    assert "paced trials last" in run["plan"]["notices"][0]
    sent = trial["claim"]["successful"]
    assert sent == trial["offered"]["packets"]
    assert trial["verdict"]["reasons"] == []
    assert [(one["kind"], one["usable"], one["settled"], one["packets"]) for one in trial["witnesses"]] == [
        ("linux", True, True, sent),
        ("snmp", True, True, sent),
        ("snmp", True, True, sent),
    ]
    assert [(pair["packets"], pair["within"]) for pair in trial["witness_disagreement"]] == [(0, True)] * 3
    assert trial["witnesses"][1]["counters"]["IF-MIB"]["ifHCInOctets"] >= 78 * sent
    for secret in (COMMUNITY, AUTH_PASSWORD, PRIV_PASSWORD):
        assert secret not in done.stdout
        assert not any(secret in path.read_text() for path in (tmp_path / "results").rglob("*.json*"))


def test_a_trial_too_short_for_the_counters_is_refused_if_configured(agent, play, tmp_path):
    given = scenario(tmp_path, {**SNMP, "refresh_seconds": 30}, benchmark_snmp_short_trials="refuse")
    refused = play("playbooks/benchmark.yml", before=("ip", "netns", "exec", MANAGER), **given)
    assert refused.rc != 0
    (message,) = refused.failures
    assert "benchmark_duration_paced 1.5: is shorter than 2 refreshes (30 s) of agent 2c's counters" in message
    assert not (tmp_path / "results").exists()


def test_a_trial_without_witnesses_is_judged_by_the_sender_alone(lab, play, tmp_path):
    done = play("playbooks/benchmark.yml", **scenario(tmp_path))
    assert done.rc == 0, done.stdout
    run, trial = stored(tmp_path)
    assert (run["witnesses"], trial["witnesses"], trial["witness"], trial["loss"]) == ([], [], None, None)
    assert (trial["verdict"]["valid"], trial["verdict"]["judged_by"]) == (True, "sender alone")
    assert "not witnessed" in done.stdout
