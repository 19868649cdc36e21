"""Trials are stored once each, also by several processes at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_run import make_info, make_result, read_trials

from linerate.errors import HostError, ResultError
from linerate.results import store
from linerate.results.model import TrialResult
from linerate.results.read import load_run
from linerate.results.store import INDEX, RunFolder, Stored
from linerate.trial.verdict import Verdict

SCHEMAS = Path(__file__).parents[3] / "schemas"
CASE, RATE = ("udp_port_scan_64", 78), ("topspeed", None)
HEADER = "side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps\n"


def results(number: int) -> list[TrialResult]:
    return [make_result(place, CASE, RATE, place)[0] for place in range(1, number + 1)]


def create(folder: Path, trials: list[TrialResult]) -> RunFolder:
    return RunFolder.create(folder, make_info([trial.to_json() for trial in trials]), SCHEMAS)


def test_a_stored_trial_is_not_changed(run_dir: Path) -> None:
    first = TrialResult.from_json(read_trials(run_dir)[0])
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    again = replace(first, versions={**first.versions, "linerate": "another"})
    assert not RunFolder(run_dir, SCHEMAS).add(again, "other samples")
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before
    assert len(load_run(run_dir).trials) == 4


def test_trials_that_are_stored_at_the_same_time_are_all_stored_and_once(tmp_path: Path) -> None:
    trials = results(8)
    folder = create(tmp_path, trials)
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda trial: folder.add(trial, HEADER), trials * 2))
    assert sum(added) == 8
    assert [trial.sequence for trial in load_run(folder.path).trials] == list(range(1, 9))
    assert (folder.stored().trials, folder.stored().valid) == (8, 8)


def test_a_missing_run_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"run folder .*gone': contains no run\.json"):
        RunFolder(tmp_path / "gone", SCHEMAS).add(results(1)[0], "")


def test_the_counts_are_those_of_the_stored_trials(tmp_path: Path) -> None:
    trials = results(3)
    trials[1] = replace(trials[1], verdict=Verdict(False, ("lost",), "unknown", "sender alone"))
    folder = create(tmp_path, trials)
    assert folder.stored() == Stored()
    for trial in trials:
        folder.add(trial, HEADER)
    counts = folder.stored()
    assert (counts.trials, counts.valid) == (3, 2)
    assert [folder.holds(trial.trial_id) for trial in trials] == [True] * 3
    assert not folder.holds("004-other")
    (folder.path / INDEX).unlink()
    assert folder.stored() == counts


@pytest.mark.parametrize("index", ["", "{", "[]", "7", '{"bytes": 1, "trials": 99, "valid": 99}', '{"bytes": -1}'])
def test_an_index_that_does_not_fit_the_trials_is_ignored(tmp_path: Path, index: str) -> None:
    trials = results(2)
    folder = create(tmp_path, trials)
    folder.add(trials[0], HEADER)
    (folder.path / INDEX).write_text(index)
    assert (folder.stored().trials, folder.stored().valid) == (1, 1)
    folder.add(trials[1], HEADER)
    assert (folder.stored().trials, folder.stored().valid) == (2, 2)


def test_storing_a_trial_does_not_read_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = results(4)
    folder = create(tmp_path, trials)
    folder.add(trials[0], HEADER)

    def fail(*_: object) -> None:
        raise AssertionError("the stored trials were read")

    monkeypatch.setattr(RunFolder, "_lines", fail)
    for trial in trials[1:]:
        assert folder.add(trial, HEADER)
    assert folder.stored().trials == 4


@pytest.mark.parametrize("size", [1, 100, -1])
def test_a_line_that_a_crash_cut_off_is_replaced(tmp_path: Path, size: int) -> None:
    trials = results(2)
    folder = create(tmp_path, trials)
    for trial in trials:
        folder.add(trial, HEADER)
    stored = folder.path / "trials.jsonl"
    first, second, _ = stored.read_bytes().split(b"\n")
    stored.write_bytes(first + b"\n" + second[:size])
    assert folder.add(trials[1], HEADER)
    assert stored.read_bytes() == first + b"\n" + second + b"\n"
    assert folder.stored().trials == 2


def test_a_whole_line_without_its_newline_is_kept(tmp_path: Path) -> None:
    trials = results(2)
    folder = create(tmp_path, trials)
    folder.add(trials[0], HEADER)
    stored = folder.path / "trials.jsonl"
    stored.write_bytes(stored.read_bytes().rstrip())
    assert not folder.add(trials[0], HEADER)
    assert folder.add(trials[1], HEADER)
    assert len(load_run(folder.path).trials) == 2


def test_a_trial_that_does_not_fit_on_the_disk_leaves_the_others_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = results(2)
    folder = create(tmp_path, trials)
    folder.add(trials[0], HEADER)
    before = (folder.path / "trials.jsonl").read_bytes()
    write = os.write
    monkeypatch.setattr(store.os, "write", lambda descriptor, line: write(descriptor, line[:50]))
    with pytest.raises(HostError, match="No space left on device"):
        folder.add(trials[1], HEADER)
    assert (folder.path / "trials.jsonl").read_bytes() == before
    monkeypatch.undo()
    assert folder.add(trials[1], HEADER)


@pytest.mark.parametrize("text", ["{\n", "[]\n", "null\n", '"x"\n', "\0\n", "[" * 10**5 + "\n"])
def test_a_line_that_is_not_an_object_is_an_error_of_the_counts(tmp_path: Path, text: str) -> None:
    folder = create(tmp_path, results(1))
    (folder.path / "trials.jsonl").write_text(text)
    with pytest.raises(ResultError, match=r"trials\.jsonl .*line 1 is not a JSON object"):
        folder.stored()
    with pytest.raises(ResultError, match=r"trials\.jsonl .*line 1 is not a JSON object"):
        folder.add(results(1)[0], HEADER)


def refusing(number: int) -> Callable[..., None]:
    def call(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def test_a_file_system_without_links_has_no_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "symlink", refusing(errno.EPERM))
    monkeypatch.setattr(Path, "chmod", refusing(errno.EPERM))
    folder = create(tmp_path, results(1))
    assert folder.add(results(1)[0], HEADER)
    assert [path.name for path in tmp_path.iterdir()] == [folder.path.name]


def test_a_file_system_without_locks_is_found_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunFolder.probe(tmp_path / "a/b")
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    with pytest.raises(HostError, match="is not supported by the file system: No locks available"):
        RunFolder.probe(tmp_path / "a/b")
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_cannot_be_written_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match=r"results folder '.*/file': cannot be used: Not a directory"):
        RunFolder.probe(tmp_path / "file")
    for name, target in (("link", "nowhere"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(HostError, match=rf"results folder '.*/{name}': cannot be used: "):
            RunFolder.probe(tmp_path / name)


def test_a_full_file_system_is_found_and_the_folder_of_the_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))
    with pytest.raises(HostError) as caught:
        RunFolder.probe(tmp_path / "full")
    assert str(caught.value) == (
        f"results folder '{tmp_path / 'full'}': cannot be written: No space left on device. "
        "Make it a folder that this user may write to, with room for the results."
    )


def test_the_parents_of_the_results_are_readable_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        create(tmp_path / "a/b", results(1))
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")} == {0o755}


def test_only_an_engine_that_runs_tcpreplay_must_record_its_version(tmp_path: Path) -> None:
    kernel = replace(results(1)[0], versions={"linerate": "0.1.0"})
    folder = create(tmp_path, [kernel])
    with pytest.raises(ResultError, match="'tcpreplay' is a required property"):
        folder.add(kernel, HEADER)
    assert folder.add(replace(kernel, engine="other"), HEADER)
