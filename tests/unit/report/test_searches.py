"""The searches of a run in its report and summary, by simulated trials."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from simulated_device import Buffering, planned, run, write_run
from trial_records import case

from linerate.report.caveats import caveats
from linerate.report.gates import gates
from linerate.report.html import report_html
from linerate.report.searches import searches_view
from linerate.report.summary import summary_markdown
from linerate.report.summary_data import summary_data
from linerate.results.read import load_run
from linerate.results.store import check

SCHEMAS = Path(__file__).parents[3] / "schemas"
CASES = [case("udp_64", 60), case("udp_512", 508)]
KINDS = ("throughput", "frame-loss", "back-to-back")


def searched(folder: Path, device: Buffering, *kinds: str) -> Path:
    searches, trials = planned(*(kinds or KINDS), cases=CASES)
    return write_run(folder, searches, trials, run(device, searches, trials)[1])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every kind of search for two frame sizes."""
    return searched(tmp_path_factory.mktemp("searched") / "run", Buffering())


def test_each_kind_of_search_has_a_table_and_charts(whole: Path) -> None:
    page = report_html(load_run(whole))
    for title in ("Throughput", "Frame loss rate", "Back-to-back frames"):
        assert re.search(rf'<h3 id="[a-z]+-title">{title}</h3>\s*<div class="scroll"', page), title
    for title in ("Throughput over frame size", "Loss over offered load: udp_64", "Loss over burst length: udp_512"):
        assert f"<figcaption>{title}" in page
    assert "<figcaption>Longest burst without loss over frame size" in page


def test_the_table_of_bursts_has_length_rate_and_buffer_time(whole: Path) -> None:
    row = dict(enumerate(searches_view(load_run(whole))["bursts"][0]))
    assert (row[0], row[1], row[2]) == ("udp_64", "64", "xdp-copy")
    assert 12_300 < float(row[3].replace(",", "")) < 12_501
    # A virtual link has no line rate.
    assert (row[7], row[8], row[11]) == ("5", "500,000", "path or device")
    # 10,000 frames at 500,000 pps are 20 ms; what the device forwards meanwhile is not buffered.
    assert float(row[9]) == pytest.approx(25, rel=0.02)
    assert float(row[10]) == pytest.approx(20, rel=0.02)


def test_bursts_need_no_samples(whole: Path) -> None:
    (line,) = [line for line in caveats(load_run(whole)) if line.startswith("No samples")]
    others = sum(not trial.is_burst for trial in load_run(whole).trials)
    assert f"No samples: {others} of" in line


def test_the_table_of_losses_goes_down_until_two_loads_lose_nothing(whole: Path) -> None:
    view = searches_view(load_run(whole))
    (name, _, most, by), losses = view["losses"][0]
    assert view["loss_steps"][0] == "100 %"
    assert (name, most, by) == ("udp_64", "500,000", "the sender")
    assert losses[-1] == "0.000"
    assert [float(loss) for loss in losses] == sorted((float(loss) for loss in losses), reverse=True)


def test_a_search_without_loss_has_no_number_and_no_chart_over_size(tmp_path: Path) -> None:
    run_dir = searched(tmp_path / "run", Buffering(device_pps=1e9), "back-to-back")
    view = searches_view(load_run(run_dir))
    assert view["bursts"][0][3] == "no loss up to 1,000,000"
    assert not [plot for plot in view["burst_charts"] if "over frame size" in plot.title]
    assert "no loss up to the longest burst" in summary_markdown(load_run(run_dir))


def test_the_summary_states_bursts_as_data(whole: Path) -> None:
    data = json.loads(json.dumps(summary_data(load_run(whole))))
    check(data, SCHEMAS / "summary.schema.json")
    bursts = [one["bursts"] for one in data["searches"] if one["kind"] == "back-to-back"]
    assert len(bursts) == 2
    assert {"mean", "median", "deviation", "pps", "corrected_buffer_seconds"} <= bursts[0].keys()
    assert all(one["bursts"] is None for one in data["searches"] if one["kind"] != "back-to-back")


def test_an_expected_throughput_is_not_sought_in_other_searches(whole: Path, tmp_path: Path) -> None:
    info = json.loads((whole / "run.json").read_text())
    every = dict.fromkeys(("case", "engine", "adapter", "mode", "value", "min_line_rate_percent", "max_loss_percent"))
    expected = [{**every, "goal": "ndr", "min_pps": 50_000.0}]
    info["gates"] = {"fail_on_invalid": True, "expect": expected}
    (tmp_path / "run.json").write_text(json.dumps(info))
    (tmp_path / "trials.jsonl").write_bytes((whole / "trials.jsonl").read_bytes())
    found = [gate for gate in gates(load_run(tmp_path)) if "goal ndr" in gate.name]
    assert [gate.passed for gate in found] == [True, True]
