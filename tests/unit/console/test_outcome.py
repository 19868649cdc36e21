"""The end of the view, from the stored summary."""

from __future__ import annotations

import os

import pytest
from synthetic_run import make_run

from linerate.console.outcome import Command, best_rates, failed_gates, next_command, passed, previous_run, read_summary
from linerate.report.write import write_report

COMMAND = Command("site.yml", "ansible-playbook site.yml -e a=1", "linerate")


@pytest.fixture
def reported(run_dir):
    write_report(run_dir)
    return run_dir


def test_a_whole_run_of_valid_trials_passes(reported):
    summary = read_summary(str(reported))
    assert passed(summary)
    for trials in ({"planned": 5, "ended": 4, "valid": 4}, {"planned": 4, "ended": 4, "valid": 3}):
        assert not passed({**summary, "trials": trials})
    assert not passed({**summary, "trials": {"planned": 0, "ended": 0, "valid": 0}})


def test_the_gates_of_a_run_decide(reported):
    summary = read_summary(str(reported))
    good = {"name": "valid trials", "passed": True, "text": "all"}
    bad = {"name": "benchmark_expect", "passed": False, "text": "20 pps, at least 30 pps expected"}
    assert passed({**summary, "gates": [good]})
    assert not passed({**summary, "gates": [good, bad]})
    assert failed_gates({"gates": [good, bad]}) == ["benchmark_expect: 20 pps, at least 30 pps expected"]
    assert failed_gates({}) == []


def test_the_best_rates_name_their_limit(reported):
    (line,) = best_rates(read_summary(str(reported)))
    assert "pps received" in line
    assert "limit:" in line
    assert list(best_rates({"results": []})) == []


def test_a_summary_that_cannot_be_read_is_none(tmp_path):
    assert read_summary(str(tmp_path)) is None
    (tmp_path / "summary.json").write_text("{")
    assert read_summary(str(tmp_path)) is None


def test_an_unfinished_run_is_continued_and_a_finished_one_compared(reported, tmp_path):
    resume = next_command(COMMAND, str(reported), complete=False)
    assert resume == "ansible-playbook site.yml -e a=1 -e benchmark_resume=run"
    assert previous_run(str(reported)) is None
    before = make_run(tmp_path / "before", trials=4)
    write_report(before)
    os.utime(before / "run.json", (1, 1))
    (tmp_path / "latest").symlink_to(reported)
    assert previous_run(str(reported)) == before
    assert next_command(COMMAND, str(reported), complete=True) == f"linerate compare {before} {reported}"
