"""A stored run that was changed is rejected, or has the same numbers as before.

Numbers that no other number depends on are in ``ALONE``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_run import (
    make_run,
    read_info,
    read_trials,
    set_rate,
    through_netmap,
    write_info,
    write_trials,
)

from linerate.errors import LinerateError
from linerate.report.html import report_html
from linerate.report.summary import summary_markdown
from linerate.results.consistency import contradiction, unplanned
from linerate.results.model import TrialResult
from linerate.results.read import load_run
from linerate.results.run import PlannedTrial, Run
from linerate.results.store import RunFolder

SCHEMAS = Path(__file__).parents[3] / "schemas"
SAMPLES = "side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps\n"
ALONE = re.compile(
    r"process\..*|curve\..*|sender_cpu_percent|sender_core_busy_percent|recovery\..*|claim\.(failed|truncated|retried_\w+)|"
    r"sender_nic\.tx_(bytes|dropped|errors)|receiver_nic\.rx_(bytes|dropped|errors)|"
    r"timing\.(sender|receiver)\.(low|high)"
)


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a record with the path to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from numbers(inner, f"{path}.{place}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


def put(record: dict[str, Any], path: str, number: float) -> dict[str, Any]:
    changed = deepcopy(record)
    *parents, last = path.split(".")
    inner: Any = changed
    for key in parents:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    inner[last] = number
    return changed


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = make_run(tmp_path / "run", 3)
    records = read_trials(folder)
    set_rate(records[1], 123_456.2, 1.5)
    records[2] = through_netmap(records[2], "native")
    write_trials(folder, records)
    return folder


def load(folder: Path) -> Run | None:
    """The run; None where it is rejected. Any other exception is a defect."""
    try:
        return load_run(folder)
    except LinerateError:
        return None


def test_a_change_of_a_number_that_others_depend_on_is_detected(run_dir: Path) -> None:
    planned = {trial["trial_id"]: trial for trial in read_info(run_dir)["plan"]["trials"]}
    for record in read_trials(run_dir):
        assert load(run_dir) is not None
        for path, number in numbers(record):
            for change in (number + 1, number * 1.001 + 0.01, -number - 1, number * 10 + 1, 0 if number else 7):
                other = math.ceil(change) if isinstance(number, int) else change
                changed = put(record, path, other)
                result, plan = TrialResult.from_json(changed), PlannedTrial.from_json(planned[record["trial_id"]])
                found = contradiction(result) or unplanned(result, plan)
                assert found or ALONE.fullmatch(path), f"{path}: {number} became {other}"


@settings(max_examples=250)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=3), st.sampled_from(["run.json", "trials.jsonl", "csv"]))
def test_any_bytes_in_any_file_are_handled(
    tmp_path_factory: pytest.TempPathFactory, at: int, new: bytes, name: str
) -> None:
    folder = make_run(tmp_path_factory.mktemp("fuzz") / "run", 1)
    path = next((folder / "samples").iterdir()) if name == "csv" else folder / name
    content = path.read_bytes()
    at %= len(content)
    path.write_bytes(content[:at] + new + content[at + len(new) :])
    run = load(folder)
    if run is not None:
        summary_markdown(run)
        for trial in run.trials:
            assert contradiction(trial) is None


def test_every_cut_of_a_line_is_rejected(run_dir: Path) -> None:
    stored = run_dir / "trials.jsonl"
    line = stored.read_text().split("\n")[0]
    for size in range(1, len(line), 7):
        stored.write_text(line[:size])
        assert load(run_dir) is None


@pytest.mark.parametrize("value", [None, True, [], {}, "x", -1, 1e308, 2**62])
def test_any_type_of_value_anywhere_is_rejected_or_shown(run_dir: Path, value: Any) -> None:
    record = read_trials(run_dir)[0]
    for path, _ in numbers(record):
        (run_dir / "trials.jsonl").write_text(json.dumps(put(record, path, value)) + "\n")
        run = load(run_dir)
        if run is not None:
            assert summary_markdown(run)
            assert report_html(run)


@pytest.mark.parametrize("text", ["", "\n\n", "{", "[]", "null", '"x"', "\ufeff{}", "\0", "{}\n{}", "[" * 10**5])
def test_lines_that_are_not_trials_are_rejected(run_dir: Path, text: str) -> None:
    (run_dir / "trials.jsonl").write_text(text)
    if not text.strip():
        assert load_run(run_dir).trials == ()
        return
    with pytest.raises(LinerateError, match=r"trials\.jsonl line 1"):
        load_run(run_dir)


def test_a_missing_or_unreadable_store_is_an_error(run_dir: Path) -> None:
    (run_dir / "trials.jsonl").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(LinerateError, match=r"trials\.jsonl"):
        load_run(run_dir)
    with pytest.raises(LinerateError, match=r"trials\.jsonl"):
        RunFolder(run_dir, SCHEMAS).stored()
    (run_dir / "trials.jsonl").unlink()
    with pytest.raises(LinerateError, match="No such file or directory"):
        RunFolder(run_dir, SCHEMAS).stored()


def test_a_result_is_stored_as_one_line_whatever_its_text(run_dir: Path) -> None:
    record = read_trials(run_dir)[0]
    record["case"]["name"] = "two\nlines\u2028\u2029\x85\x1c"
    other = json.loads(json.dumps(record).replace("001-", "009-"))
    write_trials(run_dir, [])
    info = read_info(run_dir)
    info["plan"]["trials"][0]["case"]["name"] = record["case"]["name"]
    write_info(run_dir, info)
    folder = RunFolder(run_dir, SCHEMAS)
    for one in (record, other):
        (run_dir / one["samples"]).unlink(missing_ok=True)
        assert folder.add(TrialResult.from_json(one), SAMPLES)
    assert [trial.case.name for trial in load_run(run_dir).trials] == [record["case"]["name"]] * 2
