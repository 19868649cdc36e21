"""An interrupted trial is stored where it belongs, once, and never lost."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trial_parts import sent
from trial_records import trial

from linerate.clock import utc_now
from linerate.controller.collect import Interrupted, home_of, judge, store_apart
from linerate.controller.owner import owner
from linerate.errors import InputError
from linerate.results.files import TRIAL_SCHEMA, check
from linerate.results.store import RunFolder, plain
from linerate.trial.model import Witness
from linerate.trial.verdict import Tolerance

SCHEMAS = Path(__file__).parents[3] / "schemas"
LIVING = owner(os.getpid())
DEAD = {**LIVING, "began": LIVING["began"] - 1}
FOREIGN = {**LIVING, "machine": "another", "controller": "ann@another.example"}


def interrupted(owned: Any = DEAD, leased: bool = False, **given: Any) -> Interrupted:
    return Interrupted(replace(trial(), owner=owned), replace(sent(), ended_at=utc_now(), **given), leased)


def make_run(path: Path, run_id: str = "a-run") -> Path:
    (path / "samples").mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({"run_id": run_id}))
    (path / "trials.jsonl").touch()
    return path


def test_a_trial_is_stored_in_its_run_once(tmp_path: Path) -> None:
    make_run(tmp_path / "a-run")
    home = home_of(interrupted(), tmp_path, SCHEMAS)
    assert isinstance(home.folder, RunFolder)
    assert home.reason is None
    assert home.folder.add(*judge(interrupted(), [], Tolerance()))
    again = home_of(interrupted(), tmp_path, SCHEMAS)
    assert (again.reason, again.settled) == ("is stored already", True)


@pytest.mark.parametrize(
    ("owned", "leased"), [(LIVING, False), (FOREIGN, True)], ids=["of this controller", "of another controller"]
)
def test_a_trial_of_a_run_in_progress_is_left_to_it(tmp_path: Path, owned: Any, leased: bool) -> None:
    make_run(tmp_path / "a-run")
    home = home_of(interrupted(owned, leased), tmp_path, SCHEMAS)
    assert home.reason is not None
    assert home.reason.startswith("belongs to a run in progress")
    assert not home.settled


def test_the_lease_of_an_owner_that_has_ended_means_nothing(tmp_path: Path) -> None:
    make_run(tmp_path / "a-run")
    assert home_of(interrupted(DEAD, leased=True), tmp_path, SCHEMAS).folder is not None


def test_a_run_that_was_started_in_another_folder_of_this_controller_is_found(tmp_path: Path) -> None:
    elsewhere = make_run(tmp_path / "other/results/a-run")
    home = home_of(interrupted({**DEAD, "run_dir": str(elsewhere)}), tmp_path / "results", SCHEMAS)
    assert home.folder is not None
    assert home.folder.path == elsewhere


@pytest.mark.parametrize("run_dir", [None, "relative", 7, "/nowhere"])
def test_a_folder_that_is_gone_is_no_home(tmp_path: Path, run_dir: Any) -> None:
    assert home_of(interrupted({**DEAD, "run_dir": run_dir}), tmp_path, SCHEMAS).folder is None


def test_a_folder_of_another_run_is_no_home(tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", "b-run")
    assert home_of(interrupted({**DEAD, "run_dir": str(other)}), tmp_path, SCHEMAS).folder is None


def test_a_trial_of_another_controller_is_left_to_it_for_a_week(tmp_path: Path) -> None:
    home = home_of(interrupted(FOREIGN), tmp_path, SCHEMAS)
    assert home.reason is not None
    assert home.reason.startswith("is left to ann@another.example")
    assert not home.settled
    late = interrupted(FOREIGN)
    late = replace(late, sent=replace(late.sent, ended_at=utc_now(0)))
    assert home_of(late, tmp_path, SCHEMAS).reason is None


@pytest.mark.parametrize("owned", [DEAD, None], ids=["of this controller", "of an unknown owner"])
def test_a_trial_whose_run_is_gone_is_stored_apart(tmp_path: Path, owned: Any) -> None:
    journal = interrupted(owned)
    home = home_of(journal, tmp_path, SCHEMAS)
    assert (home.folder, home.reason) == (None, None)
    result, samples = judge(journal, [], Tolerance())
    path = store_apart(journal.name, result, samples, tmp_path / "results", SCHEMAS)
    assert path == tmp_path / "results/orphaned/a-run--001-x.json"
    check(json.loads(path.read_text()), SCHEMAS / TRIAL_SCHEMA)
    assert path.with_name("a-run--001-x.csv").read_text() == samples


def test_no_run_has_the_name_of_the_folder_apart() -> None:
    with pytest.raises(InputError, match="is not a plain name"):
        plain("orphaned")


def test_its_witnesses_have_the_counts_of_their_names(tmp_path: Path) -> None:
    witnesses = (Witness("r1", "linux", "r1", "ens1"), Witness("sw", "snmp", "192.0.2.1", "1"))
    witnesses += (Witness("r2", "linux", "r2", "ens2"),)
    journal = interrupted()
    journal = replace(journal, trial=replace(journal.trial, bench=replace(journal.trial.bench, witnesses=witnesses)))
    assert [count["host"] for count in journal.counts()] == ["r1", "r2"]
    assert [count["name"] for count in journal.counts()] == ["a-run--001-x.0", "a-run--001-x.1"]
    reports = journal.reports({"a-run--001-x.1": {"msg": "gone", "failed": True}})
    assert [one.name for one in reports] == ["r1", "sw", "r2"]
    assert "gone" in str(reports[2].reason)
