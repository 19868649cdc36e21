"""Throughput searches through a device that tc limits: the answer is known."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.integration.devices import SHOT, drop_by_tc

pytestmark = [pytest.mark.quiet, pytest.mark.long]

FRAME = 78
LIMIT_PPS = 10_000
QUEUED = (6_000 + 2_000) // FRAME
"""Frames that the device's queue and its bucket hold."""

# Runs a command and kills it some seconds after the file of trials has so many lines.
KILLER = """
import subprocess, sys, time
path, lines, seconds, *command = sys.argv[1:]
with subprocess.Popen(command) as process:
    while process.poll() is None:
        time.sleep(0.05)
        try:
            stored = len(open(path).readlines())
        except FileNotFoundError:
            continue
        if stored >= int(lines):
            time.sleep(float(seconds))
            process.kill()
sys.exit(1)
"""
MOMENTS = ((0, 1.5), (2, 0.0), (4, 0.6), (6, 1.5), (8, 3.0))
"""Trials that are stored, and seconds since then: within the ceiling's trial, and before, in and after others."""


@pytest.fixture
def slow_device(device):
    """A device that forwards LIMIT_PPS frames of FRAME bytes, with a queue of far less than 1 % of a trial."""
    rate = f"{LIMIT_PPS * FRAME * 8}bit"
    tbf = ["tbf", "rate", rate, "burst", "2kb", "limit", "6kb"]
    subprocess.run(["tc", "-n", device, "qdisc", "add", "dev", "out", "root", *tbf], check=True)
    return device


def search(play, folder, **variables):
    results = folder / "results"
    wanted = {
        "pcaps_dir": str(folder / "pcaps"),
        "pcaps_set": [{"name": "udp", "protocol": "udp", "ip_length": 64}],
        "benchmark_results_dir": str(results),
        "benchmark_engines": ["kernel"],
        "benchmark_rates": [{"mode": "topspeed"}],
        "benchmark_repeats": 1,
        # A trial that was killed is stored as invalid, and the search sends it again.
        "benchmark_fail_on_invalid": False,
        "benchmark_duration_topspeed": 2,
        "benchmark_search": ["throughput"],
        "benchmark_search_goals": [{"name": "ndr", "final_trial_duration": 3, "duration_sum": 3}],
    }
    done = play("playbooks/benchmark.yml", **{**wanted, **variables})
    return done, results


def test_the_throughput_of_a_device_that_tc_limits(slow_device, play, tmp_path):
    done, results = search(play, tmp_path)
    assert done.rc == 0, done.stdout
    data = json.loads((results / "latest/summary.json").read_text())
    (outcome,) = data["searches"]
    assert outcome["rates"]["pps"] == pytest.approx(LIMIT_PPS, rel=0.01)
    assert outcome["limited_by"] == "path or device"


def test_a_search_that_is_killed_at_five_moments_gives_the_same_answer(slow_device, play, tmp_path):
    trials_file, stored = tmp_path / "results/killed/trials.jsonl", []
    for number, (lines, seconds) in enumerate(MOMENTS):
        killer = (sys.executable, "-c", KILLER, str(trials_file), str(lines), str(seconds))
        name = {"benchmark_resume": "killed"} if number else {"benchmark_run_id": "killed"}
        killed, results = search(play, tmp_path, before=killer, **name)
        assert killed.rc != 0, (number, killed.stdout)
        trials = trials_file.read_text().splitlines()
        assert trials[: len(stored)] == stored
        stored = trials
    another_goal = [{"name": "ndr", "final_trial_duration": 2, "duration_sum": 2}]
    other, _ = search(play, tmp_path, benchmark_resume="killed", benchmark_search_goals=another_goal)
    assert any("the searches of the run is not that of the scenario" in text for text in other.failures), other.failures
    done, _ = search(play, tmp_path, benchmark_resume="killed")
    assert done.rc == 0, done.stdout
    trials = trials_file.read_text().splitlines()
    assert trials[: len(stored)] == stored
    assert len({json.loads(line)["trial_id"] for line in trials}) == len(trials)
    (outcome,) = json.loads((results / "killed/summary.json").read_text())["searches"]
    assert outcome["rates"]["pps"] == pytest.approx(LIMIT_PPS, rel=0.01), outcome["sentence"]


@pytest.mark.parametrize("every", [2000, 200])
def test_a_small_steady_loss_is_no_ndr(slow_device, play, tmp_path, every):
    # The frames to the ports that a number divides: 0.05 % and 0.5 % of each pass of the pcap.
    drop_by_tc(slow_device, "in", "ingress", every, SHOT)
    goal = {"name": "ndr", "relative_width": 0.2, "final_trial_duration": 1, "duration_sum": 1}
    _, results = search(play, tmp_path, benchmark_engines=["kernel", "xdp"], benchmark_search_goals=[goal])
    (ndr,) = json.loads((results / "latest/summary.json").read_text())["searches"]
    # So few frames that none of them was to such a port do arrive without loss.
    assert ndr["rates"] is None or ndr["rates"]["pps"] < 2 * every, ndr["sentence"]
    assert all(point["loss_percent"] > 0 for point in ndr["points"] if point["sent"] >= 2 * every), ndr["points"]


def test_a_pdr_allows_a_known_loss(slow_device, play, tmp_path):
    drop_by_tc(slow_device, "in", "ingress", 2000, SHOT)
    goal = {"name": "pdr", "loss_ratio": 0.01, "final_trial_duration": 3, "duration_sum": 3}
    done, results = search(play, tmp_path, benchmark_engines=["kernel", "xdp"], benchmark_search_goals=[goal])
    assert done.rc == 0, done.stdout
    (pdr,) = json.loads((results / "latest/summary.json").read_text())["searches"]
    assert pdr["rates"]["pps"] == pytest.approx(LIMIT_PPS / (1 - 0.01), rel=0.01), pdr["sentence"]


def test_the_longest_burst_is_what_a_device_queues(slow_device, play, tmp_path):
    done, results = search(
        play,
        tmp_path,
        benchmark_engines=["kernel", "xdp"],
        benchmark_search=["back-to-back"],
        benchmark_bursts={"longest_seconds": 0.1, "repeats": 1},
    )
    assert done.rc == 0, done.stdout
    (outcome,) = json.loads((results / "latest/summary.json").read_text())["searches"]
    bursts = outcome["bursts"]
    assert bursts["mean"] == pytest.approx(QUEUED, rel=0.1), outcome
    assert bursts["minimum"] >= QUEUED
    assert outcome["limited_by"] == "path or device"
    assert "frames without loss (mean of 1 repeat;" in outcome["sentence"]
