"""The runs of a results folder, their names, and the previous run."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from compared_run import LARGE, stored, trial
from synthetic_run import invalid, read_info, write_info, write_trials

from linerate.cli.main import main
from linerate.errors import LinerateError
from linerate.results.history import find_run, history, loaded


def store(results: Path, name: str, day: int, records: list[dict[str, Any]] | None = None, **sender: Any) -> Path:
    """A run of that day in January 2026, on a host with ``sender`` changed."""
    results.mkdir(exist_ok=True)
    path = results / name
    stored(path, records or [trial(n, "kernel", 100.0 + n) for n in (1, 2, 3)])
    info = read_info(path)
    info["created_at"] = f"2026-01-{day:02d}T00:00:00.000Z"
    info["environment"]["sender"].update(sender)
    write_info(path, info)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def test_the_newest_is_first_and_what_cannot_be_read_is_last_with_a_reason(results, capsys):
    for name, day in (("b", 2), ("a", 1), ("c", 3)):
        store(results, name, day)
    (results / "empty").mkdir()
    store(results, "broken", 4)
    (results / "broken/run.json").write_text('{"schema": 1}')
    (results / "cut").mkdir()
    (results / "cut/run.json").write_bytes(b"\xff{")
    (results / "loop").symlink_to("loop")
    (results / "latest").symlink_to("c")
    (results / "faults.md").write_text("not a folder")
    found = history(results)
    assert [entry.path.name for entry in found if entry.run] == ["c", "b", "a"]
    assert sorted(entry.path.name for entry in found if entry.problem) == ["broken", "cut", "empty"]

    assert main(["list", "--results", str(results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:4]] == ["c", "b", "a"]
    assert "pass" in lines[1]
    assert lines[0].split() == ["When", "(UTC)", "Run", "Best", "pps", "Best", "L1", "Valid", "Result"]
    assert lines[4].startswith("All: scenario default, hosts sender1 -> receiver1, hardware and software 0011")
    assert "contains no run.json" in "".join(lines[5:])

    assert main(["list", "--json", "--results", str(results)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data[0]["valid"], data[0]["ended"], data[0]["partial"], data[0]["passed"]) == (3, 3, False, True)


def test_a_run_that_is_partial_or_failed_says_so(results, capsys):
    records = [trial(1, "kernel", 5.0), invalid(trial(2, "kernel", 5.0), "x"), trial(3, "kernel", 5.0)]
    path = store(results, "a", 1, records)
    write_trials(path, records[:2])
    assert main(["list", "--results", str(results)]) == 0
    assert "1/2  FAIL, partial: 1 not run" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_a_usage_error(results, capsys):
    assert main(["list", "--results", str(results)]) == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_a_run_is_found_by_path_by_name_and_as_the_latest(results):
    path = store(results, "a", 1)
    store(results, "b", 2)
    assert find_run(str(path), results) == path
    assert find_run("a", results) == path
    assert find_run("latest", results).name == "b"
    with pytest.raises(LinerateError, match="is neither the folder of a run nor the name of one"):
        find_run("c", results)


def test_previous_is_the_newest_earlier_run_that_can_be_compared(results):
    comparable = store(results, "a", 1)
    store(results, "other-case", 2, [trial(1, "kernel", 5.0, LARGE)])
    store(results, "other-host", 3, cpus=512)
    store(results, "not-valid", 4, [invalid(trial(1, "kernel", 5.0), "x")])
    store(results, "broken", 5)
    (results / "broken/trials.jsonl").write_text("{")
    store(results, "newest", 6, governor="performance")
    before, after = loaded("previous", "latest", results)
    assert (before.path, after.path.name) == (comparable, "newest")
    with pytest.raises(LinerateError, match="cannot be compared with a previous one"):
        loaded("previous", "a", results)


def test_show_prints_the_summary_and_its_data(results, capsys):
    store(results, "a", 1)
    assert main(["show", "--results", str(results)]) == 0
    assert capsys.readouterr().out.startswith("# Run ")
    assert main(["show", "a", "--json", "--results", str(results)]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "linerate-summary/1"
    assert main(["show", "z", "--results", str(results)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("browser", "status"), [("true %s", 0), ("false %s", 3)])
def test_open_writes_the_report_and_opens_it(results, capsys, monkeypatch, browser, status):
    path = store(results, "a", 1)
    monkeypatch.setenv("BROWSER", browser)
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setattr("webbrowser._browsers", {})
    monkeypatch.setattr("webbrowser.register_standard_browsers", lambda: set_browsers(browser))
    assert main(["open", "--results", str(results)]) == status
    assert capsys.readouterr().out == f"{(path / 'report.html').as_uri()}\n"
    assert (path / "report.html").exists()


def set_browsers(command: str) -> None:
    """Let webbrowser know one browser only, whatever this machine has."""
    webbrowser._tryorder = []
    webbrowser.register("only", None, webbrowser.GenericBrowser(command.split()))
