"""The gates of a run, and JUnit XML of its trials and gates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from compared_run import LARGE, SMALL, trial
from synthetic_run import invalid, make_info, set_rate, unwitness, write_info, write_trials

from linerate.errors import InputError
from linerate.report.gates import Gate, gates, passed
from linerate.report.junit import junit, run_junit
from linerate.report.write import write_report
from linerate.results.expect import gates_of
from linerate.results.read import load_run
from linerate.results.run import Run

CASES = [SMALL[0], LARGE[0]]


def run_of(folder: Path, records: list[dict[str, Any]], *expect: dict[str, Any], strict: bool = True) -> Run:
    """A stored run of ``records`` with limits."""
    folder.mkdir(exist_ok=True)
    info = make_info(records)
    info["gates"] = json.loads(json.dumps(gates_of(strict, expect, CASES, ()).to_json()))
    write_info(folder, info)
    write_trials(folder, records)
    return load_run(folder)


def lossy(sequence: int, percent: float) -> dict[str, Any]:
    record = trial(sequence, "kernel", 10_000.0)
    set_rate(record, 10_000.0, percent)
    return record


def found(run: Run) -> list[tuple[bool, str]]:
    return [(gate.passed, gate.text) for gate in gates(run)]


def test_a_run_of_valid_trials_passes(tmp_path):
    assert found(run_of(tmp_path / "run", [trial(1, "kernel", 5.0)])) == [(True, "all 1 planned trials are valid")]


def test_an_invalid_trial_fails_the_run_unless_that_is_switched_off(tmp_path):
    records = [trial(1, "kernel", 5.0), invalid(trial(2, "native", 5.0), "it rained")]
    ((ok, text),) = found(run_of(tmp_path / "run", records))
    assert (ok, text.startswith("not valid: 1 of 2 trials (")) == (False, True)
    assert passed(gates(run_of(tmp_path / "run", records, strict=False)))


@pytest.mark.parametrize("strict", [True, False])
def test_a_run_without_a_valid_trial_fails_in_any_case(tmp_path, strict):
    records = [invalid(trial(1, "kernel", 5.0), "it rained")]
    expected = [(False, "no trial is valid; 1 of 1 planned have a result")]
    assert found(run_of(tmp_path / "run", records, strict=strict)) == expected


def test_a_planned_trial_without_a_result_fails_the_run(tmp_path):
    records = [trial(1, "kernel", 5.0), trial(2, "native", 5.0)]
    run = run_of(tmp_path / "run", records)
    write_trials(run.path, records[:1])
    ((ok, text),) = found(load_run(run.path))
    assert (ok, text.startswith("without a result: 1 of 2 trials (")) == (False, True)


@pytest.mark.parametrize(
    ("expect", "results"),
    [
        ({"case": SMALL[0], "min_pps": 9_000}, [(True, "10,000 pps, at least 9,000 pps expected")]),
        ({"case": SMALL[0], "min_pps": "11000"}, [(False, "10,000 pps, at least 11,000 pps expected")]),
        ({"engine": "netmap", "min_pps": 1}, [(False, "the run has no such result")]),
        ({"mode": "pps", "value": 5, "min_pps": 1}, [(False, "the run has no such result")]),
        (
            {"mode": "topspeed", "min_line_rate_percent": 50},
            [(False, "0.08 % of line rate, at least 50.00 % of line rate expected")],
        ),
        ({"max_loss_percent": 0}, [(True, "loss 0 %, at most 0 % expected")]),
    ],
)
def test_a_limit_is_checked_for_the_results_that_it_selects(tmp_path, expect, results):
    run = run_of(tmp_path / "run", [trial(1, "kernel", 10_000.0)], expect)
    assert found(run)[1:] == results


def test_the_loss_of_the_worst_repeat_counts_and_a_loss_that_nobody_counted_fails(tmp_path):
    run = run_of(tmp_path / "lossy", [lossy(1, 0.0), lossy(2, 2.0)], {"max_loss_percent": 1})
    assert found(run)[1:] == [(False, "loss 2 %, at most 1 % expected")]
    record = trial(1, "kernel", 5.0)
    unwitness(record)
    run = run_of(tmp_path / "unwitnessed", [record], {"max_loss_percent": 1})
    assert found(run)[1:] == [(False, "not witnessed, at most 1 % expected")]


def test_a_selected_result_without_a_valid_trial_fails(tmp_path):
    records = [trial(1, "kernel", 5.0), invalid(trial(2, "native", 5.0), "it rained")]
    run = run_of(tmp_path / "run", records, {"engine": "netmap", "min_pps": 1}, strict=False)
    assert found(run)[1:] == [(False, "no valid trial, at least 1 pps expected")]


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"case": "tpyo", "min_pps": 1}, "benchmark_expect: case 'tpyo': must be one of tcp_port_scan_64, "),
        ({"engine": "dpdk", "min_pps": 1}, "benchmark_expect: engine 'dpdk': must be one of kernel, netmap"),
        ({"goal": "ndr", "min_pps": 1}, "benchmark_expect: goal 'ndr': names a goal, and this run has none"),
        ({"case": SMALL[0]}, "benchmark_expect 'tcp_port_scan_64': has no limit. Add min_pps, "),
        ({"min_pps": 0}, "benchmark_expect: min_pps 0.0: must be a number above 0"),
        ({"min_pps": "fast"}, "benchmark_expect: min_pps 'fast': must be a number"),
        ({"min_pps": True}, "benchmark_expect: min_pps True: must be a number"),
        ({"max_loss_percent": 101}, "benchmark_expect: max_loss_percent 101.0: must be 0 to 100"),
        ({"minimum": 1}, "benchmark_expect 'minimum': must be one of case, engine, "),
        (
            {"mode": "gbps", "min_pps": 1},
            "benchmark_expect: mode 'gbps': must be one of pps, mbps, multiplier, topspeed",
        ),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_one_error(expect, message):
    with pytest.raises(InputError) as refused:
        gates_of(True, [expect], CASES, ())
    assert str(refused.value).startswith(message)


def test_junit_has_every_trial_and_every_gate(tmp_path):
    records = [
        trial(1, "kernel", 5.0),
        invalid(trial(2, "native", 5.0), "it <rained> \x00\ufffe"),
        trial(3, "native", 5.0),
    ]
    run = run_of(tmp_path / "run", records, {"case": SMALL[0], "mode": "topspeed", "engine": "kernel", "min_pps": 6})
    write_trials(run.path, records[:2])
    run = load_run(run.path)
    root = ET.fromstring(run_junit(run, gates(run)))  # noqa: S314, our own
    trials, checks = root.findall("testsuite")
    assert [trials.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "0"]
    assert [checks.get(name) for name in ("tests", "failures")] == ["2", "2"]
    assert trials.find("testcase/failure").get("message") == "not valid: it <rained> \\x00"
    assert "the trial has no result" in [one.get("message") for one in trials.iter("error")]
    messages = [one.get("message") for one in checks.iter("failure")]
    assert messages[1] == "5 pps, at least 6 pps expected"
    assert root.get("tests") == "5"


def test_an_invalid_trial_that_may_be_is_skipped_in_junit(tmp_path):
    records = [trial(1, "kernel", 5.0), invalid(trial(2, "native", 5.0), "it rained")]
    run = run_of(tmp_path / "run", records, strict=False)
    assert "<skipped" in run_junit(run, gates(run))
    assert "<failure" not in run_junit(run, gates(run))


def test_junit_without_a_case_is_a_document():
    assert ET.fromstring(junit("nothing", [])).get("tests") == "0"  # noqa: S314


def test_the_report_states_what_failed(tmp_path):
    run = run_of(tmp_path / "run", [trial(1, "kernel", 5.0)], {"min_pps": 6})
    written = write_report(run.path)
    assert written.failures == ["tcp_port_scan_64, kernel, top speed: 5 pps, at least 6 pps expected"]
    assert not written.passed
    assert "- FAIL: tcp_port_scan_64, kernel, top speed: 5 pps, at least 6 pps expected" in written.summary.read_text()
    assert json.loads(written.data.read_text())["gates"][1]["passed"] is False
    assert Gate("a", True, "b").line == "PASS: a: b"
