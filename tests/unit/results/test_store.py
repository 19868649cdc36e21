"""Trials are stored once each, also where two are at it at the same time; and who a run belongs to."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from synthetic_run import make_info, make_trial, read_trials

from linerate.controller.owner import lives, owner
from linerate.results.model import load_run
from linerate.results.store import RunFolder
from linerate.errors import HostError

SCHEMAS = Path(__file__).parents[3] / "schemas"
CASE, RATE = ("udp_port_scan_64", 78), ("topspeed", None)


def test_a_trial_that_is_stored_is_left_as_it_is(run_dir: Path) -> None:
    record = read_trials(run_dir)[0]
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    again = {**record, "versions": {**record["versions"], "linerate": "another"}}
    assert not RunFolder(run_dir, SCHEMAS).add(again, "other samples")
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before
    assert len(load_run(run_dir).trials) == 4


def test_what_is_stored_at_the_same_time_is_all_stored_and_once(tmp_path: Path) -> None:
    records = [make_trial(number, CASE, RATE, number)[0] for number in range(1, 9)]
    folder = RunFolder.create(tmp_path, make_info(records), SCHEMAS)
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda record: folder.add(record, "side\n"), records * 2))
    assert sum(added) == 8
    assert sorted(trial["sequence"] for trial in folder.trials()) == list(range(1, 9))


def test_a_run_folder_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    record, _ = make_trial(1, CASE, RATE, 1)
    with pytest.raises(HostError, match=r"run folder .*cannot be written to: No such file or directory"):
        RunFolder(tmp_path / "gone", SCHEMAS).add(record, "")


def test_whose_a_run_is_is_known_as_long_as_that_lives() -> None:
    process = subprocess.Popen(["sleep", "600"])
    made = owner(process.pid)
    assert lives(made)
    # Of the same number, and another process.
    assert not lives({**made, "began": made["began"] - 1})
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    # It is a zombie, which stores nothing any more.
    assert not lives(made)
    process.wait()
    assert not lives(made)
    assert not lives(owner(process.pid))


@pytest.mark.parametrize("found", [None, {}, "text", 7, {"pid": "../1", "began": -1}, {"pid": 1}, {"pid": None}])
def test_what_names_no_owner_lives_nowhere(found: object) -> None:
    assert not lives(found)
