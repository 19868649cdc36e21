"""A short benchmark by the real site.yml, with real tcpreplay."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.conftest import REPOSITORY
from tests.integration.trials import sent_packets

from linerate.results.files import check

pytestmark = pytest.mark.quiet

SCHEMAS = REPOSITORY / "schemas"
PREPARATION = {
    "Create the embedded lab",
    "Install the software of the senders",
    "Tune the senders",
    "Verify the senders",
    "Generate the pcaps",
}


def short(tmp_path: Path, **given: Any) -> dict[str, Any]:
    """A scenario of a few seconds, with a wide rate tolerance: how well a busy machine keeps a rate is not tested.

    An option that is None has its default.
    """
    scenario = {
        "benchmark_engines": ["kernel"],
        "benchmark_repeats": 1,
        "benchmark_rates": [{"mode": "pps", "value": 2000}, {"mode": "mbps", "value": 5}, {"mode": "topspeed"}],
        "benchmark_duration_paced": 1.5,
        "benchmark_duration_topspeed": 1,
        "benchmark_sample_interval": 0.25,
        "benchmark_rate_tolerance_percent": 50,
        "benchmark_results_dir": str(tmp_path / "results"),
        "report_results_dir": str(tmp_path / "results"),
        "pcaps_dir": str(tmp_path / "pcaps"),
        **given,
    }
    return {name: value for name, value in scenario.items() if value is not None}


def stored(results: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    latest = results / "latest"
    run = json.loads((latest / "run.json").read_text())
    check(run, SCHEMAS / "run.schema.json")
    trials = [json.loads(line) for line in (latest / "trials.jsonl").read_text().splitlines()]
    for trial in trials:
        check(trial, SCHEMAS / "trial.schema.json")
    return run, trials


def test_site_yml_runs_from_an_empty_machine_to_the_report(namespaces, play, tmp_path):
    results = tmp_path / "results"
    part = {"benchmark_cases": ["udp_port_scan_64", "tcp_port_scan_1500"], "benchmark_engines": None}
    done = play("site.yml", **short(tmp_path, **part))
    try:
        assert done.rc == 0, done.stdout
        run, trials = stored(results)
        assert run["lab"]["backend"] == "netns"
        assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * 12
        for trial in trials:
            sent = trial["claim"]["successful"]
            assert trial["witness"]["packets"] == sent == trial["sender_nic"]["tx_packets"]
            assert (trial["loss"]["packets"], trial["loss"]["where"]) == (0, None)
            assert sent == (trial["offered"]["packets"] or sent)
            rows = list(csv.DictReader((results / "latest" / trial["samples"]).open()))
            for side in ("sender", "receiver"):
                curve = [row for row in rows if row["side"] == side]
                assert len(curve) > 2
                assert 0 < sum(int(row["packets"]) for row in curve) <= sent
        if not Path("/proc/modules").exists():
            reason = "not available on this host: the kernel has no loadable modules"
            assert {"engine": "netmap", "reason": reason} in run["plan"]["unavailable"]
            assert f"Send method netmap: {reason}" in done.stdout
        assert "**12 of 12 trials valid.**" in done.stdout
        assert Counter(trial["engine"] for trial in trials) == {"kernel": 6, "xdp": 6}
        ratios = [
            (pair["of"], pair["to"], pair["paced"])
            for comparison in json.loads((results / "latest/summary.json").read_text())["comparisons"]
            for pair in comparison["ratios"]
        ]
        assert ratios == [("xdp-copy", "kernel", paced) for paced in (True, True, False)] * 2
        assert (results / "latest/report.html").read_text().count("<svg") >= 4

        # Few trials are enough for the second run: its preparation is the same.
        part = {"benchmark_cases": ["tcp_port_scan_1500"], "benchmark_rates": [{"mode": "pps", "value": 2000}]}
        engines = ["kernel", {"engine": "xdp", "processes": 2, "adapter": "copy"}]
        again = play("site.yml", **short(tmp_path, **part, benchmark_engines=engines))
        assert again.rc == 0, again.stdout
        assert {key: count for key, count in again.changed.items() if key[0] in PREPARATION} == {}
        assert len([path for path in results.iterdir() if path.name != "latest"]) == 2
        _, trials = stored(results)
        assert [(trial["engine"], trial["processes"], len(trial["parts"])) for trial in trials] == [
            ("kernel", 1, 0),
            ("xdp", 2, 2),
        ]
        assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * 2
        assert [trial["witness"]["packets"] for trial in trials] == [trial["claim"]["successful"] for trial in trials]
    finally:
        play("playbooks/lab_down.yml")


def test_each_sender_has_its_own_run_and_report(lab, play, tmp_path):
    scenario = short(tmp_path, benchmark_cases=["tcp_port_scan_64"], benchmark_rates=[{"mode": "pps", "value": 2000}])
    # The lab's only sender under a second name.
    second = tmp_path / "second.yml"
    host = {"linerate_netns": "linerate-sender1", "linerate_receiver": "receiver1"}
    second.write_text(yaml.safe_dump({"senders": {"hosts": {"sender2": host}}}))
    done = play("playbooks/benchmark.yml", "-i", str(REPOSITORY / "inventory/lab"), "-i", str(second), **scenario)
    assert done.rc == 0, done.stdout
    runs = {path.name[-7:]: path for path in (tmp_path / "results").iterdir() if path.name != "latest"}
    assert set(runs) == {"sender1", "sender2"}
    for path in runs.values():
        assert "**1 of 1 trial valid.**" in (path / "summary.md").read_text()
        assert {"report.html", "summary.json", "trials.csv"} <= {file.name for file in path.iterdir()}
        assert f"Report: {path}/report.html" in done.stdout


# A loopback interface on which no other process sends.
OWN_LOOPBACK = (
    "unshare",
    "--net",
    "--mount",
    "sh",
    "-c",
    'mount -t sysfs sysfs /sys && ip link set lo up && exec "$@"',
    "sh",
)


@pytest.mark.long
def test_site_yml_without_the_privilege_to_create_namespaces(play, tmp_path):
    scenario = short(tmp_path, benchmark_cases=["tcp_port_scan_1500"], benchmark_engines=None)
    done = play("site.yml", drop=("net_admin", "sys_admin"), before=OWN_LOOPBACK, **scenario)
    assert done.rc == 0, done.stdout
    run, trials = stored(tmp_path / "results")
    assert run["lab"]["backend"] == "loopback"
    assert "CAP_NET_ADMIN" in run["lab"]["reason"]
    assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * 6
    assert {trial["sender"]["interface"] for trial in trials} == {"lo"}
    assert "No packet left this host" in (tmp_path / "results/latest/report.html").read_text()


@pytest.fixture
def python39_inventory(tmp_path: Path) -> str:
    found = sorted(Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))
    if not found:
        pytest.skip("needs Python 3.9")
    hosts = {name: {"ansible_python_interpreter": str(found[-1])} for name in ("sender1", "receiver1")}
    inventory = tmp_path / "python39.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    return str(inventory)


def test_hosts_with_python_3_9_and_without_scapy(lab, play, tmp_path, python39_inventory):
    scenario = short(tmp_path, benchmark_cases=["tcp_port_scan_64"], benchmark_rates=[{"mode": "pps", "value": 2000}])
    done = play(
        "playbooks/benchmark.yml", "-i", str(REPOSITORY / "inventory/lab"), "-i", python39_inventory, **scenario
    )
    assert done.rc == 0, done.stdout
    run, trials = stored(tmp_path / "results")
    sender = run["environment"]["sender"]
    assert sender["python"].startswith("3.9.")
    assert sender["machine"]["kind"] in ("bare metal", "guest")
    assert (sender["attachment"]["kind"], sender["attachment"]["pcie"]) == ("software", None)
    assert "Attachment: software, " in done.stdout
    assert [trial["verdict"]["valid"] for trial in trials] == [True]


def test_check_mode_prints_the_plan_and_sends_nothing(lab, play, tmp_path):
    scenario = short(tmp_path, benchmark_cases=["tcp_port_scan_64"])
    made = play("playbooks/pcaps.yml", **scenario)
    assert made.rc == 0, made.stdout
    before = sent_packets()
    checked = play("playbooks/benchmark.yml", "--check", **scenario)
    assert checked.rc == 0, checked.stdout
    assert "3 trials: at most" in checked.stdout
    assert not (tmp_path / "results").exists()
    assert sent_packets() == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"benchmark_cases": ["nope"]}, "benchmark_cases 'nope': is not one of pcaps_set"),
        ({"benchmark_replay_settings": {"warp": 2}}, "benchmark_replay_settings 'warp': must be one of "),
    ],
)
def test_an_invalid_scenario_is_one_error_before_anything_is_sent(lab, play, tmp_path, given, message):
    refused = play("playbooks/benchmark.yml", **short(tmp_path, **given))
    assert refused.rc != 0
    assert message in " ".join(refused.failures)
    assert not (tmp_path / "results").exists()
