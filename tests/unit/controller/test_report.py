"""The report file: whole, escaped, equal for equal runs; and the command that writes it."""

from __future__ import annotations

import argparse
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from synthetic_run import (
    invalid,
    make_run,
    read_info,
    read_trials,
    through_netmap,
    write_info,
    write_samples,
    write_trials,
)

from linerate.controller import cli_report
from linerate.controller.report import write_report
from linerate.controller.report_data import load_run
from linerate.controller.report_groups import group_trials
from linerate.controller.report_html import report_html
from linerate.controller.report_plots import bars, curves
from linerate.errors import ResultError

HOSTILE = "<script>alert('x')</script> \"q\" </script><!-- \n & $x$ %{y} <img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The elements and the visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def page(folder: Path) -> Page:
    return Page(report_html(load_run(folder)))


def figures(folder: Path) -> list[dict[str, Any]]:
    groups = group_trials(load_run(folder).trials)
    return [json.loads(figure.json) for figure in (*bars(groups), *curves(groups))]


def test_nothing_of_the_page_comes_from_elsewhere(run_dir: Path) -> None:
    found = page(run_dir)
    addresses = [value for _, attrs in found.elements for name, value in attrs.items() if name in ("src", "href")]
    assert addresses == ["data:,"]
    styles = re.findall(r"<style>(.*?)</style>", report_html(load_run(run_dir)), re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]


def test_plotly_is_inlined_once(run_dir: Path) -> None:
    scripts = page(run_dir).scripts
    assert sum("plotly.js v" in script[:200] for script in scripts) == 1


@pytest.mark.parametrize(("trials", "drawn"), [(1, 2), (4, 6), (24, 10), (40, 10)])
def test_a_figure_for_each_group_and_bars_for_each_mode(tmp_path: Path, trials: int, drawn: int) -> None:
    found = page(make_run(tmp_path / "run", trials))
    assert sum(attrs.get("class") == "plot" for _, attrs in found.elements) == drawn
    assert found.count("details") == trials


def test_without_trials_there_is_a_page_without_scripts(tmp_path: Path) -> None:
    found = page(make_run(tmp_path / "run", 0))
    assert found.scripts == []
    assert "No trial has ended yet" in found.text
    assert "script-src 'none'" in str(found.elements)


def test_hostile_text_is_text(run_dir: Path) -> None:
    harmless = page(run_dir)
    records, info = read_trials(run_dir), read_info(run_dir)
    for record in records:
        record["case"]["name"] = record["case"]["pcap"] = HOSTILE
        record["argv"].append(HOSTILE)
        record["versions"][HOSTILE] = HOSTILE
        record["process"]["stderr"] = HOSTILE
    info["scenario"] = info["environment"]["sender"]["cpu_model"] = HOSTILE
    info["plan"]["unavailable"][0]["reason"] = HOSTILE
    write_trials(run_dir, records)
    write_info(run_dir, info)
    found = page(run_dir)
    assert found.count("script") == found.count("figure") + 2
    assert found.count("img") == 0
    assert all(not name.startswith("on") for _, attrs in found.elements for name in attrs)
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in harmless.elements}
    assert HOSTILE.replace("\n", "\\x0a") in found.text


def test_hostile_text_cannot_leave_the_json(run_dir: Path) -> None:
    records = read_trials(run_dir)
    for record in records:
        record["case"]["name"] = HOSTILE
    write_trials(run_dir, records)
    groups = group_trials(load_run(run_dir).trials)
    for figure in bars(groups):
        assert "<" not in figure.json
        label = json.loads(figure.json)["layout"]["xaxis"]["ticktext"][0]
        assert label.startswith("&lt;script&gt;alert(")


def test_a_curve_is_as_long_as_its_intervals_and_a_missing_one_is_a_gap(run_dir: Path) -> None:
    record = read_trials(run_dir)[0]
    rows = [("receiver", 1.0, 1.0, 10, 10.0, 1.0), ("receiver", 3.5, 1.5, 30, 20.0, 1.0)]
    write_samples(run_dir / record["samples"], rows)
    curve = figures(run_dir)[2]["data"]
    assert [line["line"]["dash"] for line in curve] == ["solid", "dot"]
    assert curve[0]["x"] == [0, 1, None, 2, 3.5]
    assert curve[0]["y"] == [10, 10, None, 20, 20]


def test_an_interval_in_which_sending_ended_is_not_drawn(run_dir: Path) -> None:
    record = read_trials(run_dir)[0]
    rows = [("receiver", float(end), 1.0, 10, 10.0, 1.0) for end in range(1, 6)]
    write_samples(run_dir / record["samples"], [*rows, ("receiver", 5.6, 0.6, 1, 1.7, 1.0)])
    assert record["claim"]["seconds"] == 5
    received, offered = figures(run_dir)[2]["data"]
    assert (max(received["x"]), min(received["y"]), offered["x"]) == (5, 10, [0, 5])


def test_a_trial_shorter_than_an_interval_is_drawn(run_dir: Path) -> None:
    write_samples(run_dir / read_trials(run_dir)[0]["samples"], [("receiver", 9.0, 9.0, 9, 1.0, 1.0)])
    assert figures(run_dir)[2]["data"][0]["x"] == [0, 9]


def test_sent_is_dashed_beside_received_and_hidden_with_it(run_dir: Path) -> None:
    received, sent, offered = figures(run_dir)[2]["data"]
    assert (received["line"]["dash"], sent["line"]["dash"], offered["line"]["dash"]) == ("solid", "dash", "dot")
    assert received["legendgroup"] == sent["legendgroup"]
    assert (received["showlegend"], sent["showlegend"]) == (True, False)
    assert offered["y"] == [10_000, 10_000]


def test_bars_are_medians_with_whiskers_to_the_extremes(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 24)
    records = read_trials(folder)
    for place, pps in zip((0, 8, 16), (9_900.0, 10_000.0, 10_500.0)):
        records[place]["rates"]["received"]["pps"] = pps
    write_trials(folder, records)
    offered, sent, received = figures(folder)[0]["data"]
    assert (offered["y"][0], sent["y"][0], received["y"][0]) == (10_000, 10_000, 10_000)
    assert (received["error_y"]["array"][0], received["error_y"]["arrayminus"][0]) == (500, 100)


def test_an_invalid_trial_is_marked_with_its_reasons(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[1] = invalid(records[1], "tcpreplay gave no statistics", "exit status 255")
    write_trials(run_dir, records)
    found = page(run_dir)
    assert [attrs for tag, attrs in found.elements if tag == "tr" and attrs.get("class") == "invalid"]
    assert "tcpreplay gave no statistics" in found.text
    assert "3 of 4 trials valid." in found.text


def test_a_trial_through_netmap_shows_its_adapter_with_the_evidence(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[0] = through_netmap(records[0], "native")
    records[0]["sender_nic"] = {**records[0]["sender_nic"], "source": "ethtool -S tx_packets"}
    write_trials(run_dir, records)
    text = report_html(load_run(run_dir))
    assert "<td>netmap native</td>" in text
    assert "native asked for, native found; driver e1000; driver: e1000; " in text
    assert "(ethtool -S tx_packets)" in text
    assert "with its carrier after 3.2 s; ip link set dev lrs0 promisc off" in text


def test_the_loopback_notice_is_there_only_on_loopback(run_dir: Path) -> None:
    assert "Nothing left this host" not in page(run_dir).text
    info = read_info(run_dir)
    info["lab"] = {"backend": "loopback", "reason": "CAP_NET_ADMIN is missing"}
    write_info(run_dir, info)
    text = page(run_dir).text
    assert "Nothing left this host" in text
    assert "CAP_NET_ADMIN is missing" in text


def test_argv_is_given_as_a_shell_would_take_it(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[0]["argv"] = ["tcpreplay", "-i", "lrs0", "my file.pcap"]
    write_trials(run_dir, records)
    assert "tcpreplay -i lrs0 'my file.pcap'" in page(run_dir).text


def test_a_run_in_pieces_still_renders(run_dir: Path) -> None:
    records = read_trials(run_dir)
    write_trials(run_dir, [invalid(record, "no statistics") for record in records[:2]])
    for record in records:
        (run_dir / record["samples"]).unlink()
    found = page(run_dir)
    assert "No per-second samples" in found.text
    assert "2 of 4 planned trials have no result" in found.text


def test_written_twice_is_changed_once(run_dir: Path) -> None:
    first = write_report(run_dir)
    paths = (first.report, first.summary, first.data, first.trials)
    times = [path.stat().st_mtime_ns for path in paths]
    second = write_report(run_dir)
    assert (first.changed, second.changed) == (True, False)
    assert [path.stat().st_mtime_ns for path in paths] == times
    assert sorted(path.name for path in run_dir.iterdir()) == [
        "report.html", "run.json", "samples", "summary.json", "summary.md", "trials.csv", "trials.jsonl",
    ]  # fmt: skip
    assert first.report.read_text() == report_html(load_run(run_dir))


def test_a_new_trial_changes_the_report(run_dir: Path) -> None:
    records = read_trials(run_dir)
    write_trials(run_dir, records[:3])
    before = write_report(run_dir)
    write_trials(run_dir, records)
    after = write_report(run_dir)
    assert after.changed
    assert after.previous_text == before.text


def test_check_predicts_and_writes_nothing(run_dir: Path) -> None:
    assert write_report(run_dir, check=True).changed
    assert not (run_dir / "report.html").exists()
    write_report(run_dir)
    assert not write_report(run_dir, check=True).changed


def test_a_report_that_cannot_be_written_is_an_error(run_dir: Path) -> None:
    (run_dir / "summary.md").mkdir()
    with pytest.raises(ResultError, match=r"summary\.md"):
        write_report(run_dir)


def run_cli(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    cli_report.add_parser(parser.add_subparsers())
    args = parser.parse_args(["report", *argv])
    status: int = args.run(args)
    return status


def test_the_command_prints_the_paths(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(str(run_dir)) == 0
    names = ("report.html", "summary.md", "summary.json", "trials.csv")
    assert capsys.readouterr().out.splitlines() == [str(run_dir / name) for name in names]
    assert (run_dir / "report.html").stat().st_size > 1_000_000


def test_the_command_fails_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(str(tmp_path / "none")) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("linerate report: run folder")
    assert captured.err.count("\n") == 1
