"""The log of Ansible, which follows the run."""

from __future__ import annotations

import pytest

from linerate.console.log import NAME, Log


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def test_the_log_goes_to_the_run_once_that_has_a_folder(tmp_path):
    run = tmp_path / "run"
    log = Log(tmp_path / "results")
    log.write("before\n")
    log.move_to(str(run))
    assert log.where == tmp_path / "results" / NAME
    run.mkdir()
    log.move_to(str(run))
    log.write("after ü\n")
    assert (run / NAME).read_text(encoding="utf-8") == "before\nafter ü\n"
    assert log.where == run / NAME
    log.close()
    assert not (tmp_path / "results").exists()


def test_each_run_of_a_playbook_has_the_log_from_the_beginning(tmp_path):
    log = Log(tmp_path)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        log.move_to(str(tmp_path / name))
        log.write(f"{name}\n")
    log.close()
    assert (tmp_path / "one" / NAME).read_text() == "one\n"
    assert (tmp_path / "two" / NAME).read_text() == "one\ntwo\n"


def test_a_resumed_run_keeps_the_log_of_its_first_part(tmp_path):
    for part in ("first", "second"):
        log = Log(tmp_path / "results")
        log.write(f"{part}\n")
        log.move_to(str(tmp_path))
        log.close()
    assert (tmp_path / NAME).read_text() == "first\nsecond\n"


def test_a_playbook_without_a_run_leaves_its_log_with_the_results(tmp_path):
    log = Log(tmp_path / "results")
    log.write("text\n")
    log.close()
    log.write("late\n")
    assert (tmp_path / "results" / NAME).read_text() == "text\n"
