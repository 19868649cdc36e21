"""Several witnesses of one port, through the real playbook: a packet socket, and a real snmpd by versions 2c and 3."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from linerate.controller.snmp import Agent, Target
from linerate.errors import InputError
from linerate.lab.namespaces import RECEIVER
from linerate.results.store import check

pytestmark = pytest.mark.quiet

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = REPOSITORY / "schemas"
MANAGER = "linerate-manager1"
ADDRESS, PORT = "192.0.2.2", 1161
COMMUNITY, AUTH_PASSWORD, PRIV_PASSWORD = "a-community-of-the-test", "auth-password-of-the-test", "priv-password-of-it"
CONFIGURATION = f"""
rocommunity {COMMUNITY}
createUser linerate SHA-256 {AUTH_PASSWORD} AES {PRIV_PASSWORD}
rouser linerate priv
"""
CREDENTIALS = {
    "agent by 2c": {"community": COMMUNITY},
    "agent by 3": {"user": "linerate", "auth_password": AUTH_PASSWORD, "priv_password": PRIV_PASSWORD},
}


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def agent(lab: None, tmp_path: Path) -> Iterator[None]:
    """snmpd on the lab's receiver, and the namespace of a manager that reaches it by a cable of its own."""
    ip("netns", "add", MANAGER)
    ip("-n", MANAGER, "link", "add", "lrm0", "type", "veth", "peer", "name", "lrm1", "netns", RECEIVER.namespace)
    for namespace, interface, address in ((MANAGER, "lrm0", "192.0.2.1"), (RECEIVER.namespace, "lrm1", ADDRESS)):
        ip("-n", namespace, "address", "add", f"{address}/30", "dev", interface)
        ip("-n", namespace, "link", "set", interface, "up")
    configuration = tmp_path / "snmpd.conf"
    configuration.write_text(CONFIGURATION)
    configuration.chmod(0o600)
    listening = f"udp:{ADDRESS}:{PORT}"
    argv = ["ip", "netns", "exec", RECEIVER.namespace, "snmpd", "-f", "-C", "-c", str(configuration), "-Le", listening]
    environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(tmp_path / "persistent")}
    with (tmp_path / "snmpd.log").open("w") as log:
        process = subprocess.Popen(argv, env=environment, stderr=log)
    yield
    process.send_signal(signal.SIGTERM)
    process.wait()
    # By name: with its namespace it would go some time later.
    ip("-n", MANAGER, "link", "delete", "lrm0")
    ip("netns", "delete", MANAGER)


@dataclass(frozen=True)
class Answer:
    """What a piece of code said in the manager's namespace: its result, or the text of the error it met."""

    result: Any
    error: str


def ask(code: str, **target: Any) -> Answer:
    """The result of ``code``, an expression with ``agent``, asked of ``target``."""
    program = f"""
import json, sys
from linerate.controller.if_mib import *
from linerate.controller.snmp import *
from linerate.errors import LinerateError
try:
    with Agent(Target(**json.loads(sys.argv[1]))) as agent:
        print(json.dumps({code}))
except LinerateError as error:
    sys.exit(str(error))
"""
    usual = {"address": ADDRESS, "port": PORT, "community": COMMUNITY}
    given = json.dumps({**usual, **target})
    argv = ["ip", "netns", "exec", MANAGER, sys.executable, "-c", program, given]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return Answer(json.loads(done.stdout) if done.returncode == 0 else None, done.stderr)


SNMP = {"kind": "snmp", "name": "agent by 2c", "address": ADDRESS, "port": PORT, "interface": RECEIVER.interface}
VERSION_3 = {"version": "3", **CREDENTIALS["agent by 3"]}


def test_an_agent_that_cannot_count_is_one_clear_error(agent):
    for code, target, said in (
        (
            "1 if find_interface(agent, 'nope0') else 0",
            {},
            "interface 'nope0': is not known to the agent. Use one that",
        ),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {"port": 1162}, "port 1162': does not answer SNMP version 2c within 6 s"),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {"community": "wrong"}, "the community in benchmark_snmp_credentials"),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {**VERSION_3, "user": "stranger"}, "cannot be queried: Unknown USM user"),
        (
            "agent.get(['1.3.6.1.2.1.1.3.0'])",
            {**VERSION_3, "auth_password": "another-password"},
            "cannot be queried: Wrong SNMP PDU digest",
        ),
        ("agent.get(['1.3.6.1.2.1.1.3.0'])", {"address": "no.such.name.invalid"}, "cannot be resolved"),
    ):
        answer = ask(code, **target)
        assert said in answer.error, answer
        assert not any(secret in answer.error for secret in (COMMUNITY, AUTH_PASSWORD, PRIV_PASSWORD))
    assert f"{RECEIVER.interface}" in ask("find_interface(agent, 'nope0')").error


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"version": "2c"}, "needs a community for SNMP version 2c"),
        ({"version": "3", "user": "u", "auth_password": "12345678"}, "needs a priv password"),
        ({**VERSION_3, "auth_password": "short"}, "less than 8 characters"),
        ({**VERSION_3, "priv_protocol": "DES"}, "must be one of AES128, AES192, AES256"),
    ],
)
def test_credentials_that_cannot_be_right_are_refused_unasked(target, said):
    with pytest.raises(InputError, match=said):
        Agent(Target("192.0.2.9", **target))


@pytest.mark.parametrize("target", [{}, VERSION_3], ids=["2c", "3"])
def test_how_old_the_counters_of_net_snmp_may_be_is_found_out(agent, target):
    """net-snmp copies its interfaces' counters every 3 s; it is asked four times a second."""
    refresh, source = ask(f"find_refresh(agent, find_interface(agent, {RECEIVER.interface!r}))", **target).result
    assert source == "measured"
    assert 3 <= refresh < 10


def scenario(tmp_path: Path, *witnesses: dict[str, Any], **given: Any) -> dict[str, Any]:
    """One paced trial that is too short for counters some seconds old, counted by ``witnesses``."""
    return {
        "benchmark_cases": ["udp_port_scan_64"],
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
    witnesses = ({"kind": "linux"}, SNMP, {**SNMP, "name": "agent by 3", "version": "3"})
    behind = ("ip", "netns", "exec", MANAGER)
    done = play("playbooks/benchmark.yml", "-v", before=behind, **scenario(tmp_path, *witnesses))
    assert done.rc == 0, done.stdout
    run, trial = stored(tmp_path)
    # How old their counters are is asked once, so that what is planned, proven and sent is the same.
    assert done.stdout.count("TASK [benchmark : Know the agents that count") == 1
    # Their waiting for rest is none of the time that the receiver counts for.
    assert done.stdout.index("Read the agents' counters") < done.stdout.index("Count at the receiver")

    # 1.5 s is too short for counters that are 3 s old: twice that and more was sent.
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


def test_a_trial_too_short_for_the_counters_is_refused_where_that_is_asked_for(agent, play, tmp_path):
    given = scenario(tmp_path, {**SNMP, "refresh_seconds": 30}, benchmark_snmp_short_trials="refuse")
    refused = play("playbooks/benchmark.yml", before=("ip", "netns", "exec", MANAGER), **given)
    assert refused.rc != 0
    (message,) = refused.failures
    assert "paced duration 1.5: is shorter than 2 refreshes (30 s) of agent by 2c's counters" in message
    assert not (tmp_path / "results").exists()


def test_a_trial_that_nobody_counts_is_judged_by_the_sender_alone(lab, play, tmp_path):
    done = play("playbooks/benchmark.yml", **scenario(tmp_path))
    assert done.rc == 0, done.stdout
    run, trial = stored(tmp_path)
    assert (run["witnesses"], trial["witnesses"], trial["witness"], trial["loss"]) == ([], [], None, None)
    assert (trial["verdict"]["valid"], trial["verdict"]["judged_by"]) == (True, "sender alone")
    assert "not witnessed" in done.stdout
