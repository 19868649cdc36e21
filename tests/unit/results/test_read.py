"""A run loads as a whole, or the error names file, line and rule."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from synthetic_run import invalid, make_run, read_info, read_trials, write_info, write_trials

from linerate.errors import ResultError
from linerate.results.read import load_run


@pytest.mark.parametrize("trials", [0, 4, 40])
def test_every_trial_and_sample_is_there(tmp_path: Path, trials: int) -> None:
    run = load_run(make_run(tmp_path / "run", trials))
    assert [trial.sequence for trial in run.trials] == list(range(1, trials + 1))
    assert [len(samples or ()) for samples in run.samples.values()] == [10] * trials
    assert run.missing == ()


def test_a_symbolic_link_to_a_run_is_followed(run_dir: Path) -> None:
    latest = run_dir.parent / "latest"
    latest.symlink_to(run_dir.name)
    assert load_run(latest).path == run_dir


def test_trials_are_in_the_order_they_ran(run_dir: Path) -> None:
    write_trials(run_dir, list(reversed(read_trials(run_dir))))
    assert [trial.sequence for trial in load_run(run_dir).trials] == [1, 2, 3, 4]


def test_an_unfinished_run_loads_and_names_what_is_missing(run_dir: Path) -> None:
    records = read_trials(run_dir)
    write_trials(run_dir, [records[0], invalid(records[1], "no statistics")])
    (run_dir / records[0]["samples"]).unlink()
    run = load_run(run_dir)
    assert run.missing == tuple(record["trial_id"] for record in records[2:])
    assert run.samples[run.trials[0].trial_id] is None
    assert (run.trials[1].rates.sent, run.trials[1].rates.received, run.trials[1].loss) == (None, None, None)
    assert not run.trials[1].witnessed
    assert run.trials[1].verdict.reasons == ("no statistics",)


def test_a_run_without_trials_file_has_no_trials(run_dir: Path) -> None:
    (run_dir / "trials.jsonl").unlink()
    assert load_run(run_dir).trials == ()


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"contains no run\.json, so it is not a run"):
        load_run(tmp_path / "latest")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{", "must be one JSON value"),
        ("[" * 100_000, "must be one JSON value"),
        ("[]", "is not of type 'object'"),
        ("{}", "is a required property"),
        ('{"sequence": NaN}', "NaN is not a finite number"),
        ('{"sequence": 1e999}', "1e999 is not a finite number"),
        ('{"sequence": ' + "9" * 400 + "}", "is too large a number"),
    ],
)
def test_a_bad_line_is_named(run_dir: Path, line: str, rule: str) -> None:
    lines = (run_dir / "trials.jsonl").read_text().splitlines()
    lines[2] = line
    (run_dir / "trials.jsonl").write_text("\n".join(lines))
    with pytest.raises(ResultError) as caught:
        load_run(run_dir)
    assert caught.value.subject == f"{run_dir}/trials.jsonl line 3"
    assert rule in caught.value.rule
    assert len(str(caught.value)) < 600


def test_the_field_that_breaks_the_schema_is_named(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[1]["loss"]["where"] = "the basement of the other building"
    (run_dir / "trials.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(ResultError, match=r"line 2 'the basement of the other building': loss\.where: breaks enum"):
        load_run(run_dir)


def test_a_valid_trial_with_reasons_is_rejected(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[0]["verdict"]["reasons"] = ["but"]
    write_trials(run_dir, records)
    with pytest.raises(ResultError, match=r"line 1 .*verdict\.reasons"):
        load_run(run_dir)


def test_a_trial_of_another_run_is_rejected(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[3]["run_id"] = "other"
    write_trials(run_dir, records)
    with pytest.raises(ResultError, match="line 4 'other': run_id must be 'synthetic-run'"):
        load_run(run_dir)


def test_a_trial_stored_twice_is_rejected(run_dir: Path) -> None:
    records = read_trials(run_dir)
    write_trials(run_dir, [*records, records[1]])
    with pytest.raises(ResultError, match=r"line 5 .* trial_id is already used by line 2"):
        load_run(run_dir)


def test_a_line_separator_inside_a_string_does_not_end_the_line(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[0]["case"]["name"] = "one\u2028two"
    write_trials(run_dir, records)
    (run_dir / "trials.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
    assert load_run(run_dir).trials[0].case.name == "one\u2028two"


def test_run_json_is_validated(run_dir: Path) -> None:
    info = read_info(run_dir)
    info["environment"]["sender"]["cpus"] = 0
    write_info(run_dir, info)
    with pytest.raises(ResultError, match=r"run\.json.*environment\.sender\.cpus: 0 is less than the minimum of 1"):
        load_run(run_dir)


def test_bytes_that_are_not_text_are_rejected(run_dir: Path) -> None:
    (run_dir / "run.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ResultError, match=r"run\.json.*cannot be read as UTF-8"):
        load_run(run_dir)


@pytest.mark.parametrize(
    "row",
    [
        "sender,1,1,5,5",
        "router,1,1,5,5,5",
        "sender,1,1,5,nan,5",
        "sender,1,1,-5,5,5",
        "sender,1,1,1.5,5,5",
        "sender,x,1,5,5,5",
    ],
)
def test_a_bad_sample_is_named(run_dir: Path, row: str) -> None:
    path = run_dir / read_trials(run_dir)[0]["samples"]
    path.write_text("side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps\nsender,1,1,5,5,5\n" + row + "\n")
    with pytest.raises(ResultError) as caught:
        load_run(run_dir)
    assert caught.value.subject == f"{path} line 3"


def test_another_samples_header_is_rejected(run_dir: Path) -> None:
    path = run_dir / read_trials(run_dir)[0]["samples"]
    path.write_text("side,seconds\n")
    with pytest.raises(
        ResultError, match=r"line 1 .*must be side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps"
    ):
        load_run(run_dir)


def test_an_interval_before_sending_began_is_a_sample(run_dir: Path) -> None:
    path = run_dir / read_trials(run_dir)[0]["samples"]
    path.write_text("side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps\nreceiver,-0.2,1,0,0,0\n")
    run = load_run(run_dir)
    samples = run.samples[run.trials[0].trial_id]
    assert samples is not None
    assert samples[0].elapsed_seconds == -0.2


def test_schemas_may_be_in_another_folder(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"schema .*run\.schema\.json.*cannot be read"):
        load_run(run_dir, schemas=tmp_path)
    shutil.copytree(Path(__file__).parents[3] / "schemas", tmp_path / "schemas")
    assert len(load_run(run_dir, schemas=tmp_path / "schemas").trials) == 4


@pytest.mark.parametrize(
    ("path", "number", "rule"),
    [
        (("claim", "packets"), 50_001, "claim contradicts itself: 50001 in 5.0 seconds is not 10000.00 pps"),
        (("claim", "successful"), 49_999, "claim.successful is 49999, but claim.packets is 50000"),
        (("witness", "packets"), 49_999, "loss.packets is 0, but the counts give 1"),
        (("rates", "sent", "l1_bps"), 1, "rates.sent.l1_bps is 1, but the counts give 8160000.0"),
        (("partial",), True, "partial is True, but the counts give False"),
        (("cv_percent",), 7, "cv_percent is 7, but the counts give "),
        (("processes",), 2, "method.processes is 2, but the plan says 1"),
        (("offered", "pps"), 1000, "offered.pps is 1000, but the plan says 10000.0"),
    ],
)
def test_a_changed_number_is_named(run_dir: Path, path: tuple[str, ...], number: int, rule: str) -> None:
    records = read_trials(run_dir)
    inner = records[0]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = number
    (run_dir / "trials.jsonl").write_text(json.dumps(records[0]) + "\n")
    with pytest.raises(ResultError, match=f"line 1 .*contradicts itself: {re.escape(rule)}"):
        load_run(run_dir)
