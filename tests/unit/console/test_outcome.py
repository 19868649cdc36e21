"""The end of the view, from the stored summary."""

from __future__ import annotations

import pytest
from synthetic_run import make_run, read_info, read_trials, write_info, write_trials

from linerate.console.outcome import Command, best_rates, change, failed_gates, next_command, passed, read_summary
from linerate.report.write import write_report

COMMAND = Command("site.yml", "ansible-playbook site.yml -e a=1", "linerate")


@pytest.fixture
def reported(run_dir):
    write_report(run_dir)
    return run_dir


def test_a_whole_run_of_valid_trials_passes(reported):
    assert passed(read_summary(str(reported)))
    write_trials(reported, read_trials(reported)[:3])
    write_report(reported)
    assert not passed(read_summary(str(reported)))
    write_trials(reported, [])
    write_report(reported)
    assert not passed(read_summary(str(reported)))


def test_the_gates_of_a_run_decide(reported):
    summary = read_summary(str(reported))
    good = {"name": "valid trials", "passed": True, "text": "all"}
    bad = {"name": "benchmark_expect", "passed": False, "text": "20 pps, at least 30 pps expected"}
    assert passed({**summary, "gates": [good]})
    assert not passed({**summary, "gates": [good, bad]})
    assert failed_gates({"gates": [good, bad]}) == ["benchmark_expect: 20 pps, at least 30 pps expected"]
    assert failed_gates({"gates": [good]}) == []


def test_the_best_rates_name_their_limit(reported):
    rates, limit = best_rates(read_summary(str(reported)))
    assert "pps received" in rates
    assert limit.startswith("  limit: ")
    assert list(best_rates({"results": []})) == []


def test_a_summary_that_cannot_be_read_is_none(tmp_path):
    assert read_summary(str(tmp_path)) is None
    (tmp_path / "summary.json").write_text("{")
    assert read_summary(str(tmp_path)) is None


def test_an_unfinished_run_is_continued_and_a_finished_one_compared(reported, tmp_path):
    resume = next_command(COMMAND, str(reported), complete=False)
    assert resume == "ansible-playbook site.yml -e a=1 -e benchmark_resume=run"
    assert change(read_summary(str(reported))) == []
    only = next_command(COMMAND, str(reported), complete=True)
    then = f"linerate compare {reported} {reported.parent}/latest"
    assert only == f"ansible-playbook site.yml -e a=1    (then: {then})"

    before = make_run(tmp_path / "before", trials=4)
    info = read_info(before)
    write_info(before, {**info, "created_at": "2026-01-01T00:00:00.000Z"})
    (tmp_path / "latest").symlink_to(reported)
    write_report(reported)
    assert change(read_summary(str(reported))) == ["Against before: 4 too few repeats"]
    assert next_command(COMMAND, str(reported), complete=True) == f"linerate compare {before} {reported}"
