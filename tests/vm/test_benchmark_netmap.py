"""Trials through netmap in the guests: both adapters with their proof, and a NIC that is itself again after each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RATES = [{"mode": "pps", "value": 300}, {"mode": "topspeed"}]
# At top speed tcpreplay looks at the clock between passes alone, and a busy emulated guest takes long for one.
PCAPS = [
    {"name": f"udp_port_scan_{length}", "protocol": "udp", "ip_length": length, "packets": 2000}
    for length in (64, 1500)
]
WAYS = ["kernel", "netmap native", "netmap emulated"]
COUNTED_BY = {None: "sysfs", "native": "ethtool -S tx_packets", "emulated": "sysfs"}
EMULATION = "Emulated adapter for ens4 activated"


@pytest.fixture(scope="module")
def results(guests, through_netmap, tmp_path_factory) -> Path:
    """The folder of a run of short and of long frames, paced and at top speed, in each way to send."""
    folder = tmp_path_factory.mktemp("results")
    variables = {"pcaps_set": PCAPS, "benchmark_rates": RATES, "benchmark_repeats": 1}
    # The clock of a busy emulated guest does not pace well; what is tested here is the way, not the rate.
    patience = {
        "benchmark_nm_delay": 4,
        "benchmark_deadline_margin": 300,
        "benchmark_rate_tolerance_percent": 20,
    }
    done = guests(
        "playbooks/benchmark.yml", **through_netmap, **variables, **patience, benchmark_results_dir=str(folder)
    )
    assert done.rc == 0, done.stdout
    made = guests("playbooks/report.yml", report_run_dir=str(folder / "latest"))
    assert made.rc == 0, made.stdout
    return folder / "latest"


@pytest.fixture(scope="module")
def trials(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (results / "trials.jsonl").read_text().splitlines()]


def test_every_way_to_send_gives_valid_trials(trials, results):
    assert json.loads((results / "run.json").read_text())["plan"]["unavailable"] == []
    assert [trial["verdict"]["reasons"] for trial in trials] == [[]] * 12
    ways = [" ".join(part for part in (trial["engine"], trial["adapter"]["kind"]) if part) for trial in trials]
    assert ways == WAYS * len(PCAPS) * len(RATES)


def test_each_adapter_is_proven(trials):
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


def test_the_sender_s_nic_is_a_witness_of_each(trials):
    for trial in trials:
        assert trial["sender_nic"]["source"] == COUNTED_BY[trial["adapter"]["kind"]]
        assert abs(trial["disagreement"]["claim_minus_sender_nic"]) <= 20
        if trial["offered"]["mode"] == "pps":
            assert trial["loss"]["packets"] == 0


def test_after_netmap_the_nic_has_its_carrier_and_is_not_promiscuous(trials):
    for trial in trials:
        assert trial["recovery"]["carrier"]
        if trial["engine"] == "kernel":
            assert trial["recovery"]["steps"] == []
        else:
            assert "ip link set dev ens4 promisc off" in trial["recovery"]["steps"]


def test_the_report_shows_the_way_and_the_evidence_of_each(results):
    summary, page = (results / "summary.md").read_text(), (results / "report.html").read_text()
    for way in WAYS:
        assert f"udp_port_scan_64, {way} " in summary
        assert f">{way}</" in page
    for text in (summary, page):
        assert text.replace("\\", "").count("/sys/module/netmap/parameters/admode: 1") >= 1


def test_what_goes_wrong_leaves_the_nic_as_it_was(guests, through_netmap):
    """Frames over the MTU, a deadline in the middle, and a module that is killed: tests/vm/replay_faults.yml."""
    done = guests("tests/vm/replay_faults.yml", **through_netmap)
    assert done.rc == 0, done.stdout
