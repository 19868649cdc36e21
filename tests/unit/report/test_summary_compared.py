"""The summary's tables, summary.json and trials.csv: what was compared, in which unit, and which side counted."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from compared_run import LARGE, both, stored, trial
from synthetic_run import make_run, not_valid, read_trials, set_rate, unwitness, write_trials

from linerate.report.summary import summary_markdown
from linerate.report.summary_data import summary_data
from linerate.report.trials_csv import trials_csv
from linerate.report.write import write_report
from linerate.results.files import SCHEMAS, check
from linerate.results.read import load_run


def table(text: str, title: str) -> list[list[str]]:
    """The cells of the rows of the table under a heading."""
    _, _, section = text.partition(f"## {title}\n\n")
    block = section.partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block[2:]]


def test_the_sentence_and_the_table_of_send_methods(tmp_path):
    run = stored(tmp_path / "run", both([100_000, 101_000, 99_000], [173_000, 174_000, 172_000]))
    text = summary_markdown(run)
    assert "- netmap-native reaches 1.73 (" in text.partition("## Results")[0]
    kernel, native = table(text, "Send methods compared")
    assert kernel[:4] == ["tcp_port_scan_64", "top speed", "received", "kernel"]
    assert kernel[5:] == ["-", "-", "-", "3/3"]
    assert native[3].startswith("netmap-native")
    assert native[5] == "kernel"
    assert native[6].startswith("1.73 (1.")
    assert "bootstrap standard error" in text


def test_a_single_send_method_has_no_such_section(run_dir: Path):
    text = summary_markdown(load_run(run_dir))
    assert "Send methods compared" not in text
    assert "Reference experiment" not in text


def test_the_reference_is_next_to_our_results_and_cases_not_sent_are_named(tmp_path):
    records = [trial(n, "kernel", 232_185.0, LARGE, value=10_000.0) for n in (1, 2, 3)]
    for record in records:
        record["offered"].update(pps=825_627.0, packets=None)
    run = stored(tmp_path / "run", records, [{"engine": "netmap", "reason": "the kernel has no loadable modules"}])
    text = summary_markdown(run)
    rows = table(text, "Reference experiment")
    assert len(rows) == 6
    assert rows[4] == [
        "tcp_port_scan_1500, kernel", "10,000 Mbit/s pcap", "464,370", "5,624.45", "57.1", "kernel",
        rows[4][6], "2,812.22", "-", rows[4][9],
    ]  # fmt: skip
    assert rows[4][6].startswith("232,185 (231,")
    assert rows[4][9].startswith("0.500 (0.499-0.501")
    assert rows[0][5] == "not sent"
    netmap = "tcp_port_scan_64 by netmap, udp_port_scan_64 by netmap, tcp_port_scan_1500 by netmap"
    assert f"- Not sent here: {netmap}" in text
    assert "udp_port_scan_1500 by netmap: the kernel has no loadable modules." in text
    assert "More than the line carries, so judged as top speed: tcp_port_scan_1500 at 10,000 Mbit/s pcap." in text
    assert "Pacing:" not in text


def test_curves_have_numbers_and_a_grade(run_dir: Path):
    rows = table(summary_markdown(load_run(run_dir)), "Curves")
    assert len(rows) == 4
    assert rows[0][2:4] == ["received", "1 s"]
    assert rows[0][-1] == "flat"
    assert float(rows[1][5].replace(",", "")) < float(rows[1][4].replace(",", "")) < float(rows[1][6].replace(",", ""))


def test_runs_without_samples_still_have_a_summary(run_dir: Path):
    records = read_trials(run_dir)
    for record in records:
        record["curve"] = {"sent": None, "received": None}
    write_trials(run_dir, records)
    assert "## Curves" not in summary_markdown(load_run(run_dir))
    assert write_report(run_dir).changed


def test_summary_json_satisfies_its_schema_and_agrees_with_the_summary(tmp_path):
    bad = trial(30, "emulated", 9.0, verdict=not_valid("lost"))
    run = stored(tmp_path / "run", [*both([100.0, 101.0, 99.0], [173.0, 174.0, 172.0]), bad])
    data = json.loads(json.dumps(summary_data(run)))
    check(data, SCHEMAS / "summary.schema.json")
    (found,) = data["comparisons"]
    assert found["send_methods"] == ["kernel", "netmap-emulated", "netmap-native"]
    (pair,) = found["ratios"]
    assert (pair["of"], pair["to"], pair["ratio"]["value"]) == ("netmap-native", "kernel", 1.73)
    assert pair["ratio"]["low"] < 1.73 < pair["ratio"]["high"]
    assert pair["sentence"] in " ".join(summary_markdown(run).split())
    assert [result["valid"] for result in data["results"]] == [3, 3, 0]
    assert data["trials"] == {"planned": 7, "ended": 7, "valid": 6}
    assert (pair["lost_at"], pair["sent"]) == ([], None)
    assert data["reference"] == []


def test_a_comparison_that_the_path_limited_has_the_ratio_of_what_was_sent(tmp_path):
    records = both([20_000.0], [200_000.0])
    set_rate(records[1], 200_000.0, 92.0)
    records[1]["verdict"]["limit"] = "path or device"
    run = stored(tmp_path / "run", records)
    data = summary_data(run)
    check(data, SCHEMAS / "summary.schema.json")
    (pair,) = data["comparisons"][0]["ratios"]
    assert (pair["lost_at"], pair["sent"]["value"]) == (["path or device"], pytest.approx(10))
    _, native = table(summary_markdown(run), "Send methods compared")
    assert native[5:] == ["kernel", "0.80", "10.00", "1/1"]


def test_the_reference_in_summary_json(tmp_path):
    run = stored(tmp_path / "run", [trial(1, "kernel", 232_185.0, LARGE, value=10_000.0)])
    data = summary_data(run)
    check(data, SCHEMAS / "summary.schema.json")
    row = data["reference"][4]
    assert (row["pps"], row["pcap_mbps"], row["eagain_retries"]) == (464_370, 5624.45, 0)
    assert row["ours"][0]["ratio"] == {"value": 0.5, "low": None, "high": None, "repeats": [1]}
    assert data["reference"][0]["why_not"] == "no trial of this run"


def test_a_run_without_trials_has_a_summary_json(tmp_path):
    check(summary_data(load_run(make_run(tmp_path / "run", 0))), SCHEMAS / "summary.schema.json")


def test_trials_csv_has_one_row_per_trial_and_the_unit_in_every_name(run_dir: Path):
    records = read_trials(run_dir)
    unwitness(records[1])
    write_trials(run_dir, records)
    rows = list(csv.DictReader(io.StringIO(trials_csv(load_run(run_dir)))))
    assert [row["trial_id"] for row in rows] == [record["trial_id"] for record in records]
    paced, top, *_ = rows
    assert float(paced["offered_pps"]) == 10_000
    assert float(paced["sent_l1_mbit_per_s"]) == pytest.approx(10_000 * 8 * 102 / 1e6)
    assert float(paced["received_l2_mbit_per_s"]) == pytest.approx(10_000 * 8 * 82 / 1e6)
    assert float(paced["received_pcap_mbit_per_s"]) == pytest.approx(10_000 * 8 * 78 / 1e6)
    assert paced["received_curve_stability"] == "flat"
    counted = ("claimed_packets", "sender_nic_packets", "receiver_nic_packets", "witness_packets")
    assert [paced[name] for name in counted] == ["50000", "50000", "50002", "50000"]
    assert (paced["witness_method"], top["witness_method"]) == ("packet_socket", "not witnessed")
    assert (top["offered_pps"], top["received_pps"], top["loss_packets"], top["valid"]) == ("", "", "", "yes")
