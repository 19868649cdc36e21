"""Trials through netmap in the guests: evidence of both adapters, and a restored NIC after each trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RATES = [{"mode": "pps", "value": 300}, {"mode": "topspeed"}]
# At top speed tcpreplay checks the clock only between passes, which take long in a busy emulated guest.
PCAPS = [
    {"name": f"udp_port_scan_{length}", "protocol": "udp", "ip_length": length, "packets": 2000}
    for length in (64, 1500)
]
SEND_METHODS = ["kernel", "netmap-native", "netmap-emulated"]
COUNTED_BY = {None: "sysfs", "native": "ethtool -S tx_packets", "emulated": "sysfs"}
EMULATION = "Emulated adapter for ens4 activated"


@pytest.fixture(scope="module")
def results(guests, through_netmap, tmp_path_factory) -> Path:
    """The folder of a run of short and long frames, paced and at top speed, with each send method."""
    folder = tmp_path_factory.mktemp("results")
    variables = {
        "pcaps_set": PCAPS,
        "benchmark_engines": ["kernel", "netmap"],
        "benchmark_rates": RATES,
        "benchmark_repeats": 1,
    }
    # A busy emulated guest cannot pace precisely; this tests the send method, not the rate.
    tolerances = {
        "benchmark_nm_delay": 4,
        "benchmark_deadline_margin": 300,
        "benchmark_rate_tolerance_percent": 20,
    }
    done = guests(
        "playbooks/benchmark.yml", **through_netmap, **variables, **tolerances, benchmark_results_dir=str(folder)
    )
    assert done.rc == 0, done.stdout
    reported = guests("playbooks/report.yml", report_run_dir=str(folder / "latest"))
    assert reported.rc == 0, reported.stdout
    return folder / "latest"


@pytest.fixture(scope="module")
def trials(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (results / "trials.jsonl").read_text().splitlines()]


def test_every_send_method_gives_valid_trials(trials, results):
    assert json.loads((results / "run.json").read_text())["plan"]["unavailable"] == []
    assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * 12
    methods = ["-".join(part for part in (trial["engine"], trial["adapter"]["kind"]) if part) for trial in trials]
    assert methods == SEND_METHODS * len(PCAPS) * len(RATES)


def test_evidence_of_each_adapter(trials):
    for trial in trials:
        adapter, evidence = trial["adapter"], "; ".join(trial["adapter"]["evidence"])
        assert adapter["found"] == adapter["kind"]
        assert adapter["driver"] == "e1000"
        if adapter["kind"] == "native":
            assert "admode: 1" in evidence
            assert "holders/e1000: present" in evidence
            assert f"no '{EMULATION}'" in evidence
        if adapter["kind"] == "emulated":
            assert "admode: 2" in evidence
            assert "while sending: netmapemu" in evidence
            assert f"dmesg: {EMULATION}" in evidence


def test_nic_of_the_sender_counts_each_trial(trials):
    for trial in trials:
        assert trial["sender_nic"]["source"] == COUNTED_BY[trial["adapter"]["kind"]]
        assert abs(trial["disagreement"]["claim_minus_sender_nic"]) <= 20
        if trial["offered"]["mode"] == "pps":
            assert trial["loss"]["packets"] == 0


def test_nic_is_restored_after_netmap(trials):
    for trial in trials:
        assert trial["recovery"]["carrier"]
        if trial["engine"] == "kernel":
            assert trial["recovery"]["steps"] == []
        else:
            assert "ip link set dev ens4 promisc off" in trial["recovery"]["steps"]


def test_report_shows_send_method_and_evidence(results):
    summary, page = (results / "summary.md").read_text(), (results / "report.html").read_text()
    for method in SEND_METHODS:
        assert f"udp_port_scan_64, {method} " in summary
        assert f">{method}</" in page
    for text in (summary, page):
        assert text.replace("\\", "").count("/sys/module/netmap/parameters/admode: 1") >= 1


def test_nic_is_restored_after_faults(guests, through_netmap):
    """Frames longer than the MTU, a deadline during a trial, and a killed module: tests/vm/replay_faults.yml."""
    done = guests("tests/vm/replay_faults.yml", **through_netmap)
    assert done.rc == 0, done.stdout
