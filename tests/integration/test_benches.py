"""The inventories of benches, as a user copies them, through the whole site.yml: checked, run, and run again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.conftest import REPOSITORY, Played

from linerate.lab.namespaces import Lab, absent, present
from linerate.lab.topology import TOPOLOGIES
from linerate.results.store import check
from linerate.system.run import run as run_command

SCHEMAS = REPOSITORY / "schemas"
MEASURING = {"Validate the scenario", "Run the benchmark"}
"""The plays that change something in each run: they plan, send and store."""
RATE = 2000
UDP_64 = {"name": "udp_port_scan_64", "protocol": "udp", "ip_length": 64}


@dataclass(frozen=True)
class Bench:
    """An inventory in its lab. ``site`` runs playbooks on it with a scenario of some seconds."""

    name: str
    lab: Lab
    results: Path
    site: Callable[..., Played]

    def stored(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The newest run and its only trial, validated against their schemas."""
        run = json.loads((self.results / "latest/run.json").read_text())
        check(run, SCHEMAS / "run.schema.json")
        (trial,) = map(json.loads, (self.results / "latest/trials.jsonl").read_text().splitlines())
        check(trial, SCHEMAS / "trial.schema.json")
        return run, trial

    def summary(self) -> str:
        return (self.results / "latest/summary.md").read_text()


@dataclass(frozen=True)
class Expected:
    """What the trial of a bench shows: the witnesses that count all packets, by name and position, and the rest."""

    witnesses: dict[str, str]
    judged_by: str
    receiver: str
    extra: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, namespaces: None, play: Any, free_port: int, tmp_path: Path
) -> Iterator[Bench]:
    """The bench of ``request.param``, an inventory. Its lab is created first, as nothing else exists in check mode."""
    inventory = REPOSITORY / "inventory" / request.param
    topology = yaml.safe_load((inventory / "group_vars/all.yml").read_text())["lab_topology"]
    lab = Lab(TOPOLOGIES[topology], snmp_port=free_port)
    scenario = {
        "benchmark_engines": ["kernel"],
        "benchmark_repeats": 1,
        "benchmark_rates": [{"mode": "pps", "value": RATE}],
        "benchmark_duration_paced": 1.5,
        "benchmark_rate_tolerance_percent": 50,
        "benchmark_results_dir": str(tmp_path / "results"),
        "report_results_dir": str(tmp_path / "results"),
        "pcaps_dir": str(tmp_path / "pcaps"),
        "lab_snmp_port": lab.snmp_port,
    }

    def site(*options: str, playbook: str = "site.yml", **given: Any) -> Played:
        done: Played = play(playbook, "-i", str(inventory), *options, **{**scenario, **given})
        return done

    present(run_command, lab)
    yield Bench(request.param, lab, tmp_path / "results", site)
    absent(run_command, lab)


def verify_three_runs(bench: Bench, expected: Expected) -> dict[str, Any]:
    """Check mode sends nothing, the first run measures, and the second changes nothing but its own run; its trial."""
    case = expected.extra or {"benchmark_cases": [UDP_64["name"]], "pcaps_set": [UDP_64]}
    checked = bench.site("--check", **case)
    assert checked.rc == 0, checked.stdout
    assert "1 trials: " in checked.stdout
    assert not bench.results.exists()

    first = bench.site(**case)
    assert first.rc == 0, first.stdout
    verify_trial(bench, first, expected)

    # What is proven is proven: the second run is about what it changes.
    second = bench.site(benchmark_proof=False, **case)
    assert second.rc == 0, second.stdout
    assert {play for play, _ in second.changed} <= MEASURING, second.changed
    return bench.stored()[1]


def verify_trial(bench: Bench, done: Played, expected: Expected) -> None:
    run, trial = bench.stored()
    assert run["lab"]["backend"] == "netns"
    sent = trial["claim"]["successful"]
    assert sent == trial["offered"]["packets"] == trial["sender_nic"]["tx_packets"]
    assert trial["verdict"]["reasons"] == []
    assert trial["verdict"]["judged_by"] == expected.judged_by
    counted = {one["name"]: (one["position"], one["packets"]) for one in trial["witnesses"]}
    assert {name: position for name, (position, _) in counted.items()} == expected.witnesses
    # Into a device's port there may also be its neighbours' ARP.
    assert all(0 <= packets - sent <= (20 if position == "device" else 0) for position, packets in counted.values())
    assert ("Proof of arrival, kernel to" in done.stdout) == bool(expected.witnesses)
    assert expected.receiver in bench.summary()


FIREWALL = {"address": "127.0.0.1", "interface": "lrd0", "refresh_seconds": 4, "kind": "snmp"}
COMMUNITY = {"community": "linerate-lab"}


@pytest.mark.long
@pytest.mark.parametrize("bench", ["firewall-snmp"], indirect=True)
def test_a_firewall_alone_counts_by_snmp(bench):
    receiver = "Receiver is not a host of the inventory: counted by firewall (snmp, 127.0.0.1 lrd0)"
    trial = verify_three_runs(bench, Expected({"firewall": "receiver"}, "sender and receiver", receiver))
    assert trial["receiver"] == {"host": "127.0.0.1", "interface": "lrd0"}
    assert trial["witness"]["method"] == "if_mib"
    assert (trial["loss"]["packets"], trial["loss"]["where"]) == (0, None)


@pytest.mark.long
@pytest.mark.parametrize("bench", ["firewall-snmp"], indirect=True)
def test_both_versions_of_snmp_count_the_same(bench):
    credentials = yaml.safe_load((REPOSITORY / "inventory/firewall-snmp/group_vars/senders.yml").read_text())
    named = {**credentials["benchmark_snmp_credentials"], "firewall 2c": COMMUNITY}
    agent = {**FIREWALL, "port": bench.lab.snmp_port}
    witnesses = [{**agent, "name": "firewall", "version": "3"}, {**agent, "name": "firewall 2c", "version": "2c"}]
    given = {"benchmark_witnesses": witnesses, "benchmark_snmp_credentials": named}
    given |= {"benchmark_cases": ["udp_port_scan_64"], "benchmark_proof": False}
    done = bench.site(playbook="playbooks/benchmark.yml", **given)
    assert done.rc == 0, done.stdout
    trial = bench.stored()[1]
    assert [one["packets"] for one in trial["witnesses"]] == [trial["claim"]["successful"]] * 2
    assert [(pair["packets"], pair["within"]) for pair in trial["witness_disagreement"]] == [(0, True)]


@pytest.mark.long
@pytest.mark.parametrize("bench", ["firewall-snmp"], indirect=True)
def test_the_reference_experiment_on_its_own_bench(bench):
    """The cases that this machine can send are counted by the firewall; the others are listed with the reason."""
    reference = yaml.safe_load((REPOSITORY / "scenarios/reference.yml").read_text())
    short = {"benchmark_repeats": 1, "benchmark_duration_paced": 1, "benchmark_duration_topspeed": 1}
    done = bench.site(**{**reference, **short, "benchmark_netmap_adapters": ["native"]})
    assert done.rc == 0, done.stdout
    trials = [json.loads(line) for line in (bench.results / "latest/trials.jsonl").read_text().splitlines()]
    kernel = [trial for trial in trials if trial["engine"] == "kernel"]
    assert [trial["case"]["name"] for trial in kernel] == ["tcp_port_scan_1500", "udp_port_scan_1500"]
    assert [trial["witness"]["method"] for trial in trials] == ["if_mib"] * len(trials)
    assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * len(trials)
    rows = json.loads((bench.results / "latest/summary.json").read_text())["reference"]
    assert len(rows) == 6
    assert [row["ours"][0]["send_method"] for row in rows[4:]] == ["kernel", "kernel"]
    assert "## Reference experiment" in bench.summary()


@pytest.mark.parametrize("bench", ["firewall-snmp"], indirect=True)
def test_a_next_hop_that_does_not_answer_is_one_error(bench):
    refused = bench.site(playbook="playbooks/pcaps.yml", linerate_next_hop="198.18.0.99")
    assert refused.rc != 0
    (message,) = refused.failures
    assert message.startswith("next hop '198.18.0.99': does not answer on lrs0 within 3 s. Check the cable")


@pytest.mark.long
@pytest.mark.parametrize("bench", ["device-between"], indirect=True)
def test_a_device_between_is_counted_on_both_sides(bench):
    witnesses = {"receiver1": "receiver", "device": "device"}
    trial = verify_three_runs(bench, Expected(witnesses, "sender and receiver", "Receiver receiver1: "))
    assert trial["witness"]["method"] == "packet_socket"
    assert trial["witness_disagreement"] == []


@pytest.mark.long
@pytest.mark.parametrize("bench", ["device-between"], indirect=True)
def test_a_loss_in_the_device_is_located_there(bench):
    device = bench.lab.topology.device
    drop = ("ip", "netns", "exec", device, "tc", "qdisc", "add", "dev", "lrd1", "root", "tbf")
    done = run_command((*drop, "rate", "400kbit", "burst", "2000", "limit", "2000"))
    assert done.returncode == 0, done.stderr
    done = bench.site(playbook="playbooks/benchmark.yml", benchmark_cases=["udp_port_scan_64"], benchmark_proof=False)
    assert done.rc == 0, done.stdout
    trial = bench.stored()[1]
    loss = trial["loss"]
    assert loss["packets"] > trial["claim"]["successful"] / 4
    assert loss["where"] == trial["verdict"]["limit"] == "device or path after it"
    assert loss["by_place"].get("path to device", 0) == 0


@pytest.mark.long
@pytest.mark.parametrize("bench", ["second-port"], indirect=True)
def test_the_senders_own_second_port_receives(bench):
    trial = verify_three_runs(bench, Expected({"sender1": "receiver"}, "sender and receiver", "Receiver sender1: "))
    assert (trial["sender"]["interface"], trial["receiver"]["interface"]) == ("lrs0", "lrr0")


@pytest.mark.parametrize("bench", ["second-port"], indirect=True)
def test_the_sending_port_is_no_receiver(bench):
    refused = bench.site(playbook="playbooks/benchmark.yml", linerate_receiver_interface="lrs0")
    assert refused.rc != 0
    assert "linux witness 'sender1 lrs0': is the port that sends. Set linerate_receiver_interface" in " ".join(
        refused.failures
    )


@pytest.mark.long
@pytest.mark.parametrize("bench", ["no-witness"], indirect=True)
def test_without_a_witness_the_report_says_so(bench):
    trial = verify_three_runs(bench, Expected({}, "sender alone", "nobody counts what arrives (not witnessed)"))
    assert (trial["receiver"], trial["witness"], trial["loss"]) == (None, None, None)
    assert "Not witnessed at the receiver, judged by the sender alone: 1 of 1 trial" in bench.summary()


@pytest.mark.long
@pytest.mark.parametrize("bench", ["ipv6"], indirect=True)
def test_a_bench_with_ipv6_only(bench):
    witnesses = {"receiver1": "receiver", "device": "device"}
    extra = {"benchmark_cases": ["udp_port_scan_ipv6_84"]}
    trial = verify_three_runs(bench, Expected(witnesses, "sender and receiver", "Receiver receiver1: ", extra))
    assert trial["witness"]["matches"].startswith("IPv6 to 2001:2:0:1::1")
