"""Real runs pass or fail by their gates, and a run through a device that became slower does not pass a comparison."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from linerate.cli.main import main

pytestmark = [pytest.mark.quiet, pytest.mark.long]

FRAME, PPS, SLOW_PPS = 78, 4_000, 2_000


def benchmark(play, folder: Path, **variables: Any):
    """Three repeats of one second at PPS, with a tolerance that a busy machine keeps."""
    usual = {
        "pcaps_dir": str(folder / "pcaps"),
        "pcaps_set": [{"name": "udp", "protocol": "udp", "ip_length": 64}],
        "benchmark_results_dir": str(folder / "results"),
        "benchmark_engines": ["kernel"],
        "benchmark_rates": [{"mode": "pps", "value": PPS}],
        "benchmark_duration_paced": 1,
        "benchmark_rate_tolerance_percent": 5,
    }
    return play("playbooks/benchmark.yml", **{**usual, **variables})


def limit(device: str, pps: int) -> None:
    tbf = ["tbf", "rate", f"{pps * FRAME * 8}bit", "burst", "2kb", "limit", "6kb"]
    subprocess.run(["tc", "-n", device, "qdisc", "replace", "dev", "out", "root", *tbf], check=True)


def test_a_device_that_became_slower_fails_the_comparison_and_an_equal_one_does_not(device, play, tmp_path, capsys):
    for name in ("first", "second"):
        done = benchmark(play, tmp_path, benchmark_run_id=name)
        assert done.rc == 0, done.stdout
    limit(device, SLOW_PPS)
    slow = {"benchmark_run_id": "slow", "benchmark_proof": False, "benchmark_expect": [{"max_loss_percent": 1}]}
    done = benchmark(play, tmp_path, **slow)
    assert done.rc != 0
    assert re.search(r"udp, kernel, 4,000 pps: loss [45]\d(\.\d)? %, at most 1 % expected", " ".join(done.failures))

    results, junit = str(tmp_path / "results"), tmp_path / "compared.xml"
    options = ["--results", results, "--fail-below", "0.95", "--junit", str(junit)]
    assert main(["compare", "previous", "latest", *options]) == 1
    assert "| slower | 3/3 and 3/3 |" in " ".join(capsys.readouterr().out.split())
    assert 'failures="1"' in junit.read_text()
    assert 'failures="1"' in (tmp_path / "results/slow/junit.xml").read_text()
    assert main(["compare", "first", "second", *options]) == 0
    assert "| ~ | 3/3 and 3/3 |" in " ".join(capsys.readouterr().out.split())


def test_a_run_without_a_valid_trial_fails_when_everything_is_stored(device, play, tmp_path):
    unreachable = {"benchmark_rate_tolerance_percent": 0.000001, "benchmark_fail_on_invalid": False}
    done = benchmark(play, tmp_path, benchmark_repeats=1, **unreachable)
    assert done.rc != 0
    assert "no trial is valid; 1 of 1 planned have a result" in " ".join(done.stdout.split())
    folder = (tmp_path / "results/latest").resolve()
    assert json.loads((folder / "summary.json").read_text())["gates"][0]["passed"] is False
    assert (folder / "report.html").exists()
    assert len((folder / "trials.jsonl").read_text().splitlines()) == 1
