"""What a report says at a glance: its title, its tiles, the change against the previous run, and what is folded."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated_device import Buffering, planned, run, write_run
from synthetic_comparison import make_comparison
from synthetic_run import (
    invalid,
    make_run,
    on_a_real_link,
    read_info,
    read_trials,
    set_rate,
    unwitness,
    write_info,
    write_trials,
)
from trial_records import case

from linerate.report.answer import Tile, tiles, title
from linerate.report.gates import gates
from linerate.report.html import report_html
from linerate.report.searches import outcomes
from linerate.report.sizes import size_charts
from linerate.report.write import write_report
from linerate.results.groups import group_trials
from linerate.results.read import load_run


def answer(folder: Path) -> str:
    run = load_run(folder)
    return title(run, group_trials(run.listed), outcomes(run))


def shown(folder: Path) -> dict[str, Tile]:
    run = load_run(folder)
    return {tile.label: tile for tile in tiles(run, group_trials(run.listed), gates(run), None)}


def test_the_title_is_the_share_of_line_rate_with_its_limit(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path / "run", 72)
    assert re.fullmatch(r"10G sender: 98\.\d % of line rate with netmap-native, limited by the line", answer(folder))
    assert f"<h1>{answer(folder)}</h1>" in report_html(load_run(folder))


def test_on_a_virtual_link_the_title_is_the_rate(run_dir: Path) -> None:
    found = answer(run_dir)
    assert re.fullmatch(r"Virtual link: [\d.]+ Mbit/s \([\d,]+ pps\) with kernel, limited by the sender's core", found)
    assert shown(run_dir)["Most bits, L1"].notes[0] == "% of line rate: not applicable, the link is virtual"
    on_a_real_link(run_dir)
    assert shown(run_dir)["Most bits, L1"].notes[0].endswith(" % of line rate")


def test_without_a_valid_trial_the_title_says_so(run_dir: Path) -> None:
    write_trials(run_dir, [invalid(record, "no statistics") for record in read_trials(run_dir)])
    assert answer(run_dir) == "No valid result: 4 trials ended, and none is valid"
    assert (shown(run_dir)["Valid trials"].value, shown(run_dir)["Valid trials"].standing) == ("0 of 4", "bad")
    assert shown(run_dir)["Loss"].value == "not witnessed"


def test_the_tiles_have_rates_loss_and_validity(run_dir: Path) -> None:
    records = read_trials(run_dir)
    set_rate(records[0], 10_000, 1.0)
    unwitness(records[1])
    write_trials(run_dir, records)
    found = shown(run_dir)
    assert list(found) == ["Most packets", "Most bits, L1", "Loss", "Valid trials"]
    assert found["Loss"].value == "500 packets"
    assert found["Loss"].notes[1] == "worst trial 1.000 %"
    assert (found["Valid trials"].value, found["Valid trials"].notes) == ("4 of 4", ("PASS",))
    assert "sent, not witnessed: tcp_port_scan_64, kernel, top speed" in found["Most packets"].notes


def test_a_gate_that_failed_is_in_the_verdict(run_dir: Path) -> None:
    info = read_info(run_dir)
    info["gates"] = {"fail_on_invalid": True, "expect": [{"min_pps": 1e9}]}
    write_info(run_dir, info)
    text = report_html(load_run(run_dir))
    assert '<p class="no">FAIL: tcp_port_scan_64, kernel, 10,000 pps: 10,000 pps, at least' in text
    assert "FAIL: 4 gates" in text


def test_the_report_names_what_was_not_measured(run_dir: Path) -> None:
    text = report_html(load_run(run_dir))
    assert "Not measured: latency, order of packets, throughput as RFC 2544 defines it (no search in" in text
    assert "what arrived" not in text
    records = read_trials(run_dir)
    for record in records:
        unwitness(record)
    write_trials(run_dir, records)
    assert "what arrived (no witness)." in report_html(load_run(run_dir))


def later(folder: Path, factor: float) -> Path:
    """A copy of the run next to it, a day later, with every rate changed by ``factor``."""
    other = folder.parent / "later"
    shutil.copytree(folder, other)
    records = read_trials(other)
    for record in records:
        if record["offered"]["mode"] == "topspeed":
            set_rate(record, record["rates"]["sent"]["pps"] * factor)
    write_trials(other, records)
    info = read_info(other)
    info["created_at"] = "2026-01-03T03:04:05.000Z"
    write_info(other, info)
    return other


@pytest.mark.parametrize(
    ("factor", "verdicts", "change"),
    [(1.0, "no significant change", None), (0.5, "4 slower, 4 ~", "-50.0 %")],
)
def test_the_change_against_the_previous_run_is_in_every_form(
    tmp_path: Path, factor: float, verdicts: str, change: str | None
) -> None:
    after = later(make_run(tmp_path / "run", 24), factor)
    written = write_report(after)
    data = json.loads(written.data.read_text())["previous"]
    assert data["run"] == "run"
    assert data["lines"][0] == f"Against run: {verdicts}"
    assert len(data["effects"]) == 8
    for text in (written.report.read_text(), written.text):
        assert "Change against the previous run" in text
        assert f"Against run: {verdicts}" in text
        assert change is None or change in text
    assert f"<strong>{verdicts}</strong>" in written.report.read_text()
    first = write_report(tmp_path / "run")
    assert "Change against" not in first.report.read_text() + first.text
    assert json.loads(first.data.read_text())["previous"] is None


def test_a_folder_that_cannot_be_listed_has_no_previous_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    after = later(make_run(tmp_path / "run", 24), 1.0)
    listed = Path.iterdir

    def denied(path: Path) -> Iterator[Path]:
        if path == tmp_path:
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", denied)
    assert json.loads(write_report(after).data.read_text())["previous"] is None


def test_the_highest_rate_over_frame_size_has_the_line_rate_curve(tmp_path: Path) -> None:
    run = load_run(make_comparison(tmp_path / "run", 72))
    groups = group_trials(run.listed)
    (found,) = size_charts(groups, has_line_rate=True)
    assert [name for _, name in found.legend] == ["kernel", "netmap-emulated", "netmap-native", "line rate"]
    assert [style for style, path in found.lines if path] == ["line-rate", *(f"rated c{n}" for n in range(3))]
    assert len(found.points) == 3 * 2
    assert "the line rate of the smaller frames is beyond this chart" in found.note
    (virtual,) = size_charts(groups, has_line_rate=False)
    assert [name for _, name in virtual.legend] == ["kernel", "netmap-emulated", "netmap-native"]
    assert "not applicable" in virtual.note


def test_paced_loads_and_one_frame_size_make_no_chart_over_size(tmp_path: Path) -> None:
    groups = group_trials(load_run(make_run(tmp_path / "run", 24)).listed)
    assert size_charts([group for group in groups if group.mode == "pps"], has_line_rate=True) == []
    assert size_charts([group for group in groups if "1500" in group.case_name], has_line_rate=True) == []
    assert size_charts([], has_line_rate=True) == []


def test_paced_plots_in_order_are_folded_and_one_with_a_loss_is_not(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 24)
    assert report_html(load_run(folder)).count("Paced loads that were kept to without loss: 4 plots") == 1
    records = read_trials(folder)
    set_rate(records[0], 10_000, 0.01)
    write_trials(folder, records)
    assert report_html(load_run(folder)).count("Paced loads that were kept to without loss: 3 plots") == 1
    assert '<span class="no">loss 0.010 %</span>' in report_html(load_run(folder))


def test_walls_of_text_are_folded(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[0]["process"].update(stderr="File Cache is enabled\nWarning: <x>\n", stderr_bytes=37)
    write_trials(run_dir, records)
    text = report_html(load_run(run_dir))
    assert "<summary>2 lines, 37 bytes in all</summary>" in text
    assert '<span class="line">File Cache is enabled</span><span class="line">Warning: &lt;x&gt;</span>' in text
    assert "\\x0a" not in text
    assert re.search(r"<summary>\d+ offloads?</summary>", text)


def test_the_title_of_a_search_is_the_highest_throughput(tmp_path: Path) -> None:
    searches, trials = planned("throughput", cases=[case("udp_64", 60), case("udp_512", 508)])
    folder = write_run(tmp_path / "run", searches, trials, run(Buffering(), searches, trials)[1])
    assert re.fullmatch(
        r"(10G sender|Virtual link): throughput .* with xdp-copy \(ndr\), limited by path or device", answer(folder)
    )
    assert "throughput as RFC 2544" not in report_html(load_run(folder))
