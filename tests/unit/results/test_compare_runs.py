"""Two runs are compared: what changed, and its effect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compared_run import LARGE, stored, trial
from synthetic_run import read_info, set_rate, write_info

from linerate.cli.main import main
from linerate.report.run_comparison import comparison_json
from linerate.report.text import group_title
from linerate.results.compare_runs import compare_runs, differences
from linerate.results.read import load_run


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Three repeats, and three that are a tenth faster with another governor; each run has a case the other lacks."""
    before, after = tmp_path / "before", tmp_path / "after"
    stored(before, [*(trial(n, "kernel", 100_000.0 + n) for n in (1, 2, 3)), trial(4, "kernel", 5.0, LARGE)])
    stored(after, [*(trial(n, "kernel", 110_000.0 + n) for n in (1, 2, 3)), trial(4, "native", 5.0)])
    info = read_info(after)
    info["environment"]["fingerprint"] = "ff" * 8
    info["environment"]["sender"]["governor"] = "performance"
    info["environment"]["sender"]["machine"]["steal_percent"] = 7.5
    info["environment"]["sender"]["nic"]["offloads"]["tx-checksumming"] = False
    write_info(after, info)
    return before, after


def test_the_effect_is_the_rate_after_divided_by_the_rate_before(runs):
    found = compare_runs(*(load_run(path) for path in runs))
    (effect,) = found.effects
    assert group_title(effect.before.group) == "tcp_port_scan_64, kernel, top speed"
    assert effect.ratio.ratio.value == pytest.approx(1.1, abs=1e-4)
    assert effect.ratio.ratio.low < 1.1 < effect.ratio.ratio.high
    assert [group_title(group) for group in found.only_before] == ["tcp_port_scan_1500, kernel, top speed"]
    assert [group_title(group) for group in found.only_after] == ["tcp_port_scan_64, netmap-native, top speed"]


def test_what_differs_is_named_field_by_field(runs):
    found = compare_runs(*(load_run(path) for path in runs))
    assert [(one.field, one.before, one.after) for one in found.environment] == [
        ("sender.governor", None, "performance"),
        ("sender.nic.offloads.tx-checksumming", True, False),
    ]


def test_another_pcap_of_the_same_name_and_other_options_are_named(tmp_path):
    record = trial(1, "kernel", 5.0)
    changed = {"argv": [*record["argv"][:-1], "--no-flow-stats", record["argv"][-1]]}
    changed["case"] = {**record["case"], "pcap_sha256": "cd" * 32, "pcap": "/elsewhere/a.pcap"}
    runs = stored(tmp_path / "a", [record]), stored(tmp_path / "b", [{**record, **changed}])
    where = "tcp_port_scan_64, kernel, top speed: "
    sending = comparison_json(compare_runs(*runs))["sending"]
    assert [(one["field"], one["before"], one["after"]) for one in sending] == [
        (f"{where}pcap.pcap_sha256", "ab" * 32, "cd" * 32),
        (f"{where}argv", [], ["--no-flow-stats"]),
    ]


def test_the_link_state_is_ignored_and_a_missing_field_is_none():
    assert differences({"nic": {"carrier": True}}, {"nic": {"carrier": False}}) == []
    (found,) = differences({"a": 1}, {"a": 1, "b": 2})
    assert (found.field, found.before, found.after) == ("b", None, 2)


def test_the_command_prints_ratios_and_differences(runs, capsys):
    assert main(["compare", *map(str, runs)]) == 0
    text = capsys.readouterr().out
    assert "| tcp_port_scan_64, kernel | top speed |" in text
    assert " 1.100 (1.09" in text
    assert '- sender.governor: null before, "performance" after' in text


def test_the_command_prints_json(runs, capsys):
    assert main(["compare", "--json", *map(str, runs)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["effects"][0]["after_over_before"]["repeats"] == [3, 3]
    assert data["environment"][0]["field"] == "sender.governor"


def test_where_the_path_lost_packets_what_was_sent_is_compared_too(tmp_path, capsys):
    lossy = trial(1, "kernel", 20_000.0)
    set_rate(lossy, 20_000.0, 75.0)
    lossy["verdict"]["limit"] = "path or device"
    stored(tmp_path / "before", [trial(1, "kernel", 10_000.0)])
    stored(tmp_path / "after", [lossy])
    runs = (str(tmp_path / "before"), str(tmp_path / "after"))
    assert main(["compare", *runs]) == 0
    assert "| 0.50 | received, limit: path or device; ratio of sent: 2.00 |" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["compare", "--json", *runs]) == 0
    (effect,) = json.loads(capsys.readouterr().out)["effects"]
    assert (effect["lost_at"], effect["sent_after_over_before"]["value"]) == (["path or device"], pytest.approx(2))


def test_runs_with_nothing_in_common_and_folders_without_a_run(runs, tmp_path, capsys):
    before, _ = runs
    stored(tmp_path / "other", [trial(1, "native", 5.0, LARGE)])
    assert main(["compare", str(before), str(tmp_path / "other")]) == 1
    assert "no case, send method and offered load in common" in capsys.readouterr().err
    assert main(["compare", str(before), str(tmp_path / "nothing")]) == 1
    assert "contains no run.json" in capsys.readouterr().err
