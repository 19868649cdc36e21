"""The charts of received rate and loss over offered load."""

from __future__ import annotations

import re
from pathlib import Path

from synthetic_run import make_info, make_trial, set_rate, unwitness, write_info, write_samples, write_trials

from linerate.report.html import report_html
from linerate.report.loads import load_charts
from linerate.results.groups import group_trials
from linerate.results.read import load_run

CASE = ("udp", 78)


def ramp(folder: Path, loads: list[float], lost: float = 0.0, witnessed: bool = True) -> Path:
    """A run whose loads are these, with ``lost`` percent of each."""
    made = [make_trial(place, CASE, ("pps", load), 1) for place, load in enumerate(loads, 1)]
    records = [record for record, _ in made]
    (folder / "samples").mkdir(parents=True)
    for record, samples in made:
        set_rate(record, record["offered"]["pps"], lost)
        if not witnessed:
            unwitness(record)
        write_samples(folder / record["samples"], samples)
    write_info(folder, make_info(records))
    write_trials(folder, records)
    return folder


def test_three_loads_have_a_chart_of_rates_and_one_of_losses(tmp_path):
    run = load_run(ramp(tmp_path / "run", [30_000.0, 10_000.0, 20_000.0], lost=10.0))
    rates, losses = load_charts(group_trials(run.listed))
    assert rates.title == "Offered and received: udp by kernel"
    assert [text for _, _, text in rates.points] == [
        f"{load} pps: {received} pps received"
        for load, received in (("10,000", "9,000"), ("20,000", "18,000"), ("30,000", "27,000"))
    ]
    assert [x for x, _, _ in rates.points] == sorted(x for x, _, _ in rates.points)
    assert [text for _, _, text in losses.points] == [
        f"{load} pps: loss 10.0000 %" for load in ("10,000", "20,000", "30,000")
    ]
    page = report_html(run)
    assert re.search(
        r'<section id="loads">.*Offered and received: udp by kernel.*Loss over offered load', page, re.DOTALL
    )
    assert '<a href="#loads">' in page


def test_two_loads_have_no_chart(tmp_path):
    run = load_run(ramp(tmp_path / "run", [10_000.0, 20_000.0]))
    assert load_charts(group_trials(run.listed)) == []
    assert 'id="loads"' not in report_html(run)


def test_what_nobody_counted_is_called_sent(tmp_path):
    run = load_run(ramp(tmp_path / "run", [10_000.0, 20_000.0, 30_000.0], witnessed=False))
    (rates,) = load_charts(group_trials(run.listed))
    assert rates.title == "Offered and sent (not witnessed): udp by kernel"
