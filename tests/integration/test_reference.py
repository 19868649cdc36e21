"""The reference experiment's scenario in the lab: what is available is sent and compared, and the rest is listed."""

from __future__ import annotations

import json

import pytest
import yaml
from tests.integration.conftest import REPOSITORY

from linerate.results.files import check

pytestmark = pytest.mark.quiet

SCENARIO = REPOSITORY / "scenarios/reference.yml"


def test_the_lab_is_compared_with_the_reference_experiment(lab, play, tmp_path):
    results = tmp_path / "results"
    scenario = {
        **yaml.safe_load(SCENARIO.read_text()),
        "benchmark_repeats": 1,
        "benchmark_duration_paced": 1,
        "benchmark_duration_topspeed": 1,
        "benchmark_sample_interval": 0.25,
        "benchmark_netmap_adapters": ["native"],
        "benchmark_results_dir": str(results),
        "report_results_dir": str(results),
        "pcaps_dir": str(tmp_path / "pcaps"),
    }
    for playbook in ("playbooks/benchmark.yml", "playbooks/report.yml"):
        done = play(playbook, **scenario)
        assert done.rc == 0, done.stdout
    run = json.loads((results / "latest/run.json").read_text())
    trials = [json.loads(line) for line in (results / "latest/trials.jsonl").read_text().splitlines()]
    assert [(trial["case"]["name"], trial["engine"]) for trial in trials] == [
        ("tcp_port_scan_1500", "kernel"),
        ("udp_port_scan_1500", "kernel"),
    ]
    for trial in trials:
        assert trial["case"]["pcap_packets"] == 64_511
        assert {"--mbps=10000", "--duration=1", "--preload-pcap"} <= set(trial["argv"])
        # Far less than offered, and still valid: the offered load is above the line rate of 10 Gbit/s.
        assert trial["verdict"]["valid"], trial["verdict"]
        assert trial["rates"]["sent"]["pps"] < trial["offered"]["pps"]
    (missing,) = run["plan"]["unavailable"]
    assert [one["case"] for one in missing["trials"]] == [
        f"{protocol}_port_scan_{length}" for length in (64, 1500) for protocol in ("tcp", "udp")
    ]
    data = json.loads((results / "latest/summary.json").read_text())
    check(data, REPOSITORY / "schemas/summary.schema.json")
    ours = [[one["send_method"] for one in row["ours"]] for row in data["reference"]]
    assert ours == [[], [], [], [], ["kernel"], ["kernel"]]
    for row in data["reference"][4:]:
        assert 0 < row["ours"][0]["ratio"]["value"] < 10
    assert "## Reference experiment" in (results / "latest/summary.md").read_text()
    assert len((results / "latest/trials.csv").read_text().splitlines()) == 3
