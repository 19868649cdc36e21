"""Names with a meaning for a shell, path, terminal or spreadsheet are treated as text or refused."""

from __future__ import annotations

import csv
import io
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trial_records
from synthetic_run import make_info, make_result, make_run, make_trial, read_info, read_trials, write_info, write_trials

from linerate.errors import InputError, LinerateError
from linerate.receiver.process import socket_path
from linerate.report.html import report_html
from linerate.report.summary import summary_markdown
from linerate.report.trials_csv import trials_csv
from linerate.results.read import load_run
from linerate.results.store import RunFolder
from linerate.tcpreplay.options import ReplayOptions, build_argv
from linerate.trial.journal import name_of
from linerate.trial.model import SendMethod, Trial
from linerate.trial.plan import Combination, plan

SCHEMAS = Path(__file__).parents[3] / "schemas"
HOSTILE = [
    "two words", "a;reboot", "$(reboot)", "`reboot`", "quo'te\"s", "two\nlines", "ends\n", "-rf", "--help", "../../etc",
    "/etc/passwd", "..", ".", "", "\u00fc\u4e2d\u202e", "x" * 256, "a|b", "<script>alert(1)</script>", "=1+1",
    "@SUM(A1)", "\x1b[31m", "nul\0", "{{ 7 * 7 }}",
]  # fmt: skip


@pytest.mark.parametrize("name", [*HOSTILE, "latest"])
def test_invalid_run_id_is_refused_and_creates_nothing(tmp_path: Path, name: str) -> None:
    record, _ = make_trial(1, ("udp_port_scan_64", 78), ("topspeed", None), 1)
    info = {**make_info([record]), "run_id": name}
    results = tmp_path / "results"
    with pytest.raises(InputError, match="run_id"):
        RunFolder.create(results, info, SCHEMAS)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_invalid_interface_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a network interface name"):
        ReplayOptions(interface=name, pcap="a.pcap", topspeed=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_pcap_path_is_one_argument_and_not_an_option(name: str) -> None:
    try:
        options = ReplayOptions(interface="lrs0", pcap=name, topspeed=True)
    except InputError:
        assert name in ("", "nul\0")
        return
    *others, last = build_argv(options)
    assert last in (name, f"./{name}")
    assert last.startswith(("/", "./"))
    assert others == build_argv(replace(options, pcap="other"))[:-1]


@pytest.mark.parametrize("name", HOSTILE)
def test_trial_id_is_a_plain_file_name(name: str) -> None:
    combination = Combination(trial_records.case(name), SendMethod("kernel"), "topspeed")
    (trial,) = plan([combination], 1, trial_records.setup())
    assert re.fullmatch(r"001-[A-Za-z0-9_.-]{0,80}-kernel-topspeed-r1", trial.trial_id)


@pytest.mark.parametrize("name", HOSTILE)
def test_files_of_a_trial_stay_in_their_folder(name: str) -> None:
    for make in (lambda: socket_path(name), lambda: Path("/run/linerate", name_of(_named(name)))):
        with suppress(LinerateError):
            path = make()
            assert path.parent == Path("/run/linerate")
            assert path.name not in (".", "..")


def _named(name: str) -> Trial:
    trial = trial_records.trial(run=name)
    return replace(trial, trial_id=name)


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_results_are_shown_as_text(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path / "run", 2)
    harmless = load_run(folder)
    tags, lines = _tags(report_html(harmless)), len(summary_markdown(harmless).splitlines())
    info, records = read_info(folder), read_trials(folder)
    for record in records:
        record["case"]["name"] = name
        record["sender"] = {"host": name, "interface": name}
        record["receiver"] = {"host": name, "interface": name}
        record["argv"] = [name, name]
    info["scenario"] = info["environment"]["sender"]["name"] = info["environment"]["receiver"]["name"] = name
    write_info(folder, info)
    write_trials(folder, records)
    run = load_run(folder)
    assert _tags(report_html(run)) == tags
    # Cases of the same name are one group, so there may be fewer lines but not more.
    summary = summary_markdown(run)
    assert len(summary.splitlines()) <= lines
    assert not re.search(r"(?<!\\)<script", summary)
    for row in csv.reader(io.StringIO(trials_csv(run))):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
            assert not cell.startswith("-") or float(cell) <= 0


def _tags(page: str) -> set[str]:
    """The element names of a page, and its event handlers."""
    text = re.sub(r"<script.*?</script>", "<script>", page, flags=re.DOTALL)
    return set(re.findall(r"<[a-z]+", text)) | set(re.findall(r"<[a-z][^>]*?\s(on[a-z]+)=", text))


def test_results_are_world_readable_and_owner_writable(tmp_path: Path) -> None:
    result, _ = make_result(1, ("udp_port_scan_64", 78), ("topspeed", None), 1)
    before = os.umask(0)
    try:
        folder = RunFolder.create(tmp_path, make_info([result.to_json()]), SCHEMAS)
        folder.add(result, "side\n")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [folder.path, *folder.path.rglob("*")]}
    assert {modes.pop(name) for name in (folder.path.name, "samples")} == {0o755}
    assert set(modes.values()) == {0o644}
