"""The report file: complete, escaped, equal for equal runs; and the command that writes it."""

from __future__ import annotations

import argparse
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from synthetic_comparison import make_comparison
from synthetic_run import (
    invalid,
    make_run,
    read_info,
    read_trials,
    through_netmap,
    write_info,
    write_trials,
)

from linerate.cli import report as cli_report
from linerate.errors import ResultError
from linerate.report.html import report_html
from linerate.report.write import write_report
from linerate.results.read import load_run

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


def test_the_page_loads_nothing_from_elsewhere(run_dir: Path) -> None:
    found = page(run_dir)
    addresses = [value for _, attrs in found.elements for name, value in attrs.items() if name in ("src", "href")]
    places = {f"#{attrs['id']}" for _, attrs in found.elements if "id" in attrs}
    assert [address for address in addresses if address not in places] == ["data:,"]
    styles = re.findall(r"<style>(.*?)</style>", report_html(load_run(run_dir)), re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert page(run_dir).count("script") == 1
    assert "@import" not in styles[0]


@pytest.mark.parametrize(("trials", "blocks", "curves"), [(1, 1, 1), (4, 2, 4), (24, 2, 8), (40, 2, 8)])
def test_a_plot_for_each_group_not_for_each_trial(tmp_path: Path, trials: int, blocks: int, curves: int) -> None:
    found = page(make_run(tmp_path / "run", trials))
    classes = [attrs.get("class") for _, attrs in found.elements]
    assert (classes.count("block"), classes.count("curve")) == (blocks, curves)
    assert classes.count("trial") == trials


def test_send_methods_share_a_plot_and_are_compared_in_the_verdict(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path / "run", 72)
    found = page(folder)
    classes = [attrs.get("class") for _, attrs in found.elements]
    assert (classes.count("block"), classes.count("curve")) == (8, 8)
    verdict = report_html(load_run(folder)).partition('<div class="verdict')[2].partition("</div>")[0]
    assert re.search(r"netmap-native reaches 1\.7\d+ \(1\.\d+-1\.\d+\) times the rate of kernel", verdict)
    assert verdict.count(" times ") == 4
    assert "71 of 72 trials valid" in verdict


def test_every_table_has_a_caption_and_every_heading_a_scope(tmp_path: Path) -> None:
    found = page(make_comparison(tmp_path / "run", 30))
    assert found.count("caption") == found.count("table") > 4
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in found.elements if tag == "th")


def test_without_trials_there_is_a_page_without_scripts(tmp_path: Path) -> None:
    found = page(make_run(tmp_path / "run", 0))
    assert found.scripts == []
    assert "No trial has ended yet" in found.text
    assert "script-src 'none'" in str(found.elements)


def test_the_environment_shows_how_both_nics_are_attached(run_dir: Path) -> None:
    info = read_info(run_dir)
    info["environment"]["receiver"]["attachment"].update(kind="passed through", device="8086:10fb", limits=[])
    del info["environment"]["sender"]["machine"]
    write_info(run_dir, info)
    # A host that did not record it has fewer rows than the other.
    text = page(run_dir).text
    assert "not recorded" in text
    assert "passed through (8086:10fb), 2 transmit queues" in text


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
    write_info(run_dir, info)
    write_trials(run_dir, records)
    found = page(run_dir)
    assert found.count("script") == 1
    assert found.count("img") == 0
    assert all(not name.startswith("on") for _, attrs in found.elements for name in attrs)
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in harmless.elements}
    assert HOSTILE.replace("\n", "\\x0a") in found.text


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
    assert '<td class="w">netmap-native</td>' in text
    assert "native requested, native found; driver e1000; driver: e1000; " in text
    assert "(ethtool -S tx_packets; " in text
    assert "link up after 3.2 s, settings restored: ip link set dev lrs0 promisc off" in text


def test_the_loopback_notice_is_shown_only_on_loopback(run_dir: Path) -> None:
    assert "No packet left this host" not in page(run_dir).text
    info = read_info(run_dir)
    info["lab"] = {"backend": "loopback", "reason": "CAP_NET_ADMIN is missing"}
    write_info(run_dir, info)
    text = page(run_dir).text
    assert "No packet left this host" in text
    assert "CAP_NET_ADMIN is missing" in text


def test_argv_is_quoted_for_a_shell(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[0]["argv"] = ["tcpreplay", "-i", "lrs0", "my file.pcap"]
    write_trials(run_dir, records)
    assert "tcpreplay -i lrs0 'my file.pcap'" in page(run_dir).text


def test_an_incomplete_run_still_renders(run_dir: Path) -> None:
    records = read_trials(run_dir)
    write_trials(run_dir, [invalid(record, "no statistics") for record in records[:2]])
    for record in records:
        (run_dir / record["samples"]).unlink()
    found = page(run_dir)
    assert "No samples" in found.text
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
    assert (run_dir / "report.html").stat().st_size > 10_000


def test_the_command_fails_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(str(tmp_path / "none")) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("linerate report: run folder")
    assert captured.err.count("\n") == 1
