"""Two runs are compared: what changed, and its effect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compared_run import LARGE, stored, trial
from synthetic_run import invalid, read_info, set_rate, write_info

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
    row = "| 0.50 | -50.0 % | too few repeats | 1/1 and 1/1 | received, limit: path or device; ratio of sent: 2.00 |"
    assert row in " ".join(capsys.readouterr().out.split())
    assert main(["compare", "--json", *runs]) == 0
    (effect,) = json.loads(capsys.readouterr().out)["effects"]
    assert (effect["lost_at"], effect["sent_after_over_before"]["value"]) == (["path or device"], pytest.approx(2))


def test_runs_with_nothing_in_common_and_folders_without_a_run(runs, tmp_path, capsys):
    before, _ = runs
    stored(tmp_path / "other", [trial(1, "native", 5.0, LARGE)])
    assert main(["compare", str(before), str(tmp_path / "other")]) == 3
    assert "no case, send method and offered load in common" in capsys.readouterr().err
    assert main(["compare", str(before), str(tmp_path / "nothing")]) == 2
    assert "is neither the folder of a run nor the name of one" in capsys.readouterr().err


def runs_of(tmp_path, before, after, **sender):
    """Two runs of trials at these rates; the sender of the second has ``sender`` changed."""
    paths = tmp_path / "one", tmp_path / "two"
    for path, rates in zip(paths, (before, after)):
        stored(path, [trial(n + 1, "kernel", rate) for n, rate in enumerate(rates)])
    info = read_info(paths[1])
    info["environment"]["sender"].update(sender)
    write_info(paths[1], info)
    return paths


SLOWER = ([100_000.0, 101_000.0, 100_500.0], [70_000.0, 71_000.0, 70_500.0])
ALIKE = ([100_000.0, 104_000.0, 98_000.0], [97_000.0, 102_000.0, 99_000.0])
TWO = ([100_000.0, 101_000.0], [70_000.0, 71_000.0])


@pytest.mark.parametrize(
    ("rates", "verdict", "change"),
    [
        (SLOWER, "slower", "-29.9 %"),
        (SLOWER[::-1], "faster", "+42.6 %"),
        (ALIKE, "~", "-1.0 %"),
        (TWO, "too few repeats", "-29.9 %"),
    ],
)
def test_each_row_has_a_verdict_and_its_repeats(tmp_path, capsys, rates, verdict, change):
    assert main(["compare", *map(str, runs_of(tmp_path, *rates))]) == 0
    count = len(rates[0])
    assert f"| {change} | {verdict} | {count}/{count} and {count}/{count} |" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.parametrize(
    ("rates", "least", "status"),
    [(SLOWER, "0.95", 1), (SLOWER, "0.6", 0), (ALIKE, "0.995", 0), (TWO, "0.95", 1), (SLOWER[::-1], "0.95", 0)],
)
def test_a_rate_below_the_limit_fails_if_it_is_significant_or_nobody_can_tell(tmp_path, capsys, rates, least, status):
    junit = tmp_path / "compared.xml"
    runs = map(str, runs_of(tmp_path, *rates))
    assert main(["compare", *runs, "--fail-below", least, "--junit", str(junit), "--json"]) == status
    (gate,) = json.loads(capsys.readouterr().out)["gates"]
    assert gate["passed"] == (status == 0)
    assert ("<failure" in junit.read_text()) == (status == 1)


def test_a_result_that_the_second_run_lacks_fails(runs, capsys):
    assert main(["compare", *map(str, runs), "--fail-below", "0.5"]) == 1
    assert "- FAIL: tcp_port_scan_1500, kernel, top speed: only the first run has it" in capsys.readouterr().out


def test_no_valid_trial_in_the_second_run_fails(tmp_path, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    stored(one, [trial(1, "kernel", 5.0)])
    stored(two, [invalid(trial(1, "kernel", 5.0), "it rained")])
    assert main(["compare", str(one), str(two), "--fail-below", "0.5"]) == 1
    assert "no valid trial in the second run" in capsys.readouterr().out


def test_different_hardware_is_said_and_another_setting_is_not_hardware(runs, tmp_path, capsys):
    assert main(["compare", *map(str, runs)]) == 0
    assert "ifferent hardware" not in capsys.readouterr().out
    assert main(["compare", *map(str, runs_of(tmp_path, *ALIKE, cpu_model="another"))]) == 0
    text = capsys.readouterr().out
    assert "| ~, different hardware |" in " ".join(text.split())
    assert "**Different hardware**, so the ratios compare hosts: sender.cpu\\_model: " in text.replace(
        "cpu_model", "cpu\\_model"
    )


@pytest.mark.parametrize("given", [["--fail-below", "0"], ["--fail-below", "x"], ["--fail-below", "nan"]])
def test_a_ratio_that_is_none_is_a_usage_error(runs, given, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", *map(str, runs), *given])
    assert ended.value.code == 2
    assert "must be a ratio above 0, for example 0.95" in capsys.readouterr().err


def test_junit_without_a_limit_is_a_usage_error(runs, tmp_path, capsys):
    assert main(["compare", *map(str, runs), "--junit", str(tmp_path / "x.xml")]) == 2
    assert "Add --fail-below RATIO." in capsys.readouterr().err
