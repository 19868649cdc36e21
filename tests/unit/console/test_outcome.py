"""The end of the view, from the stored summary."""

from __future__ import annotations

import pytest
from synthetic_run import make_run, read_info, read_trials, write_info, write_trials

from linerate.console.outcome import (
    Command,
    best_rates,
    change,
    compared,
    failed_gates,
    next_command,
    passed,
    read_summary,
)
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


def test_a_run_that_searched_ends_with_what_it_found(reported):
    summary = {**read_summary(str(reported)), "searches": [{"sentence": "udp: 63.0 frames\x1b without loss"}]}
    assert list(best_rates(summary)) == ["udp: 63.0 frames\\x1b without loss"]


def test_send_methods_are_compared_with_the_first_one_where_they_did_not_keep_a_pace():
    def pair(of, to, value, paced=False, sent=None):
        found = {"value": value, "low": value - 0.1, "high": value + 0.1, "repeats": [3, 3]}
        return {"of": of, "to": to, "ratio": found, "paced": paced, "sent": sent and {**found, "value": sent}}

    methods = ["kernel", "netmap-native", "xdp-copy"]
    topspeed = [
        pair("netmap-native", "kernel", 2.5),
        pair("xdp-copy", "kernel", 1.8),
        pair("xdp-copy", methods[1], 0.7),
    ]
    lossy, paced = [pair("xdp-copy", "kernel", 1.0, sent=1.05)], [pair("xdp-copy", "kernel", 1.0, paced=True)]
    rows = [("a", "topspeed", None, topspeed), ("b", "topspeed", None, lossy), ("a", "pps", 20_000, paced)]
    comparisons = [
        {"case": case, "offered": {"mode": mode, "value": value}, "send_methods": methods, "ratios": ratios}
        for case, mode, value, ratios in rows
    ]
    assert list(compared({"comparisons": comparisons})) == [
        "netmap-native is 2.50 (2.40-2.60) times kernel: a, top speed",
        "xdp-copy is 1.80 (1.70-1.90) times kernel: a, top speed",
        "xdp-copy sends 1.05 (0.90-1.10) times kernel: b, top speed",
    ]
    assert list(compared({})) == []


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
