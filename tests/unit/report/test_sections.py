"""The report's sections on witnesses and on the reference experiment, and the marks of problems."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from synthetic_comparison import make_comparison
from synthetic_run import make_run, not_valid, read_trials, set_packets, write_trials

from linerate.report.details import trial_lines
from linerate.report.html import report_html
from linerate.report.witnesses import Counted, counted
from linerate.results.read import load_run


def table(folder: Path, name: str) -> list[list[str]]:
    """The text of the cells of a table, row by row, in the order of the page."""
    found = re.search(rf'<table id="{name}">(.*?)</table>', report_html(load_run(folder)), re.DOTALL)
    assert found
    rows = re.findall(r"<tr.*?</tr>", found[1], re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[html.unescape(re.sub(r"<[^>]*>", " ", cell)).strip() for cell in row] for row in cells]


def test_the_bytes_of_an_interface_have_their_source(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[1]["sender_nic"]["source"] = "ethtool -S tx_pkts_nic"
    write_trials(run_dir, records)
    run = load_run(run_dir)
    kernel, driver = (dict(trial_lines(run, trial))["Sender's NIC"] for trial in run.trials[:2])
    assert kernel.endswith(" bytes, 0 dropped, 0 errors (sysfs; bytes without FCS)")
    assert driver.endswith("(ethtool -S tx_pkts_nic; bytes as the NIC counts them, usually with FCS)")


def seen(folder: Path) -> Counted:
    return counted(load_run(folder).trials)


def witness(name: str, packets: int | None, reason: str | None = None) -> dict[str, Any]:
    usable = packets is not None
    return {
        "name": name, "kind": "linux" if name == "receiver1" else "snmp", "host": name, "interface": "port1",
        "usable": usable, "reason": reason, "refresh_seconds": None, "settled": True,
        "method": "packet_socket" if usable else None, "matches": "all" if usable else None, "packets": packets,
        "counters": {},
    }  # fmt: skip


def with_two(record: dict[str, Any], lost: int, apart: int, within: bool) -> dict[str, Any]:
    """``record`` with a firewall as the second witness, and ``lost`` packets before both."""
    sent = record["claim"]["successful"]
    set_packets(record, sent, sent - lost)
    pair = {"first": "receiver1", "second": "firewall", "packets": apart, "percent": 100 * apart / (sent - lost)}
    return {
        **record,
        "witnesses": [witness("receiver1", sent - lost), witness("firewall", sent - lost - apart)],
        "witness_disagreement": [{**pair, "tolerance_packets": 5, "within": within}],
        "loss": {
            "packets": lost, "percent": 100 * lost / sent, "where": "path or device",
            "by_place": {"path or device": lost}, "evidence": ["sender's NIC 50,000", "receiver's NIC 49,000"],
        },
    }  # fmt: skip


def test_a_single_witness_is_next_to_the_counters(run_dir: Path) -> None:
    records = read_trials(run_dir)
    set_packets(records[0], 50_000, 49_990)
    write_trials(run_dir, records)
    found = seen(run_dir)
    assert found.witnesses == ("receiver1",)
    assert found.rows[0].counts == ("50,000", "50,000", "49,990", "49,992")
    assert found.rows[0].apart == ("receiver's NIC minus witness +2",)
    assert not found.rows[0].doubtful


def test_trials_in_order_are_one_row_with_their_sums(run_dir: Path) -> None:
    run = load_run(run_dir)
    found = counted(run.trials)
    sent = sum(trial.claim.successful for trial in run.trials if trial.claim)
    assert (found.rows, found.omitted) == ((), 4)
    assert found.sums == (f"{sent:,}", f"{sent:,}", f"{sent:,}", f"{sent + 2 * 4:,}")
    last = table(run_dir, "counted")[-1]
    assert last[:2] == ["4 trials in order, together", f"{sent:,}"]


def test_several_witnesses_are_side_by_side_with_their_differences(run_dir: Path) -> None:
    records = read_trials(run_dir)
    losses = ((1000, 12, False), (0, 2, True), (0, 0, True), (0, 0, True))
    records = [with_two(record, *lost) for record, lost in zip(records, losses)]
    write_trials(run_dir, records)
    header, first, second, *_ = table(run_dir, "counted")
    assert header[3:5] == ["receiver1", "firewall"]
    assert first[1:6] == ["50,000", "50,000", "49,000", "48,988", "49,002"]
    assert "receiver1 minus firewall +12 (MORE THAN 5)" in first[6]
    assert first[7:9] == ["1,000", "2.000"]
    assert first[9].startswith("path or device 1,000")
    assert "receiver's NIC 49,000" in first[9]
    assert "receiver1 minus firewall +2 (within 5)" in second[6]
    assert [row.doubtful for row in seen(run_dir).rows] == [True, False]
    assert seen(run_dir).omitted == 2


def test_a_witness_that_could_not_count_has_the_reason(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[0]["witnesses"].append(witness("firewall", None, "the agent was restarted"))
    write_trials(run_dir, records)
    assert "not usable: the agent was restarted" in seen(run_dir).rows[0].counts


def test_of_many_trials_only_problems_are_listed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 60)
    records = read_trials(folder)
    records[7] = with_two(records[7], 1, 0, True)
    records[9]["sender_nic"]["tx_packets"] += 3
    write_trials(folder, records)
    found = seen(folder)
    assert [row.number for row in found.rows] == [8, 10]
    assert found.omitted == 58


def test_the_experiment_is_next_to_our_results_with_the_ratio(tmp_path: Path) -> None:
    header, *rows = table(make_comparison(tmp_path / "run", 72), "reference-table")
    assert header[-1] == "Ratio"
    # netmap's four cases by two adapters each, the kernel's two.
    assert len(rows) == 4 * 2 + 2
    native = next(row for row in rows if row[0].startswith("tcp_port_scan_1500") and row[6].startswith("netmap-native"))
    assert native[3:6] == ["801,404", "9,706.60", "98.6"]
    assert re.fullmatch(r"1\.00\d \(1?0?\.?[\d.]+-1\.00\d\)", native[9])


def test_a_case_of_the_experiment_that_was_not_sent_has_the_reason(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path / "run", 1)
    _, *rows = table(folder, "reference-table")
    assert len(rows) == 6
    assert [row[-1] for row in rows].count("no trial of this run") == 5


def test_a_run_without_its_cases_has_no_such_section(run_dir: Path) -> None:
    assert "reference-table" not in report_html(load_run(run_dir))


def test_a_partial_trial_is_marked_and_is_a_caveat(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[2]["process"].update(stopped_because="the interface is gone", signals_sent=["SIGINT"])
    records[2]["verdict"] = not_valid("cut off by SIGINT")
    write_trials(run_dir, records)
    assert "partial: cut off" in table(run_dir, "trials")[3][5]
    assert f"Cut off, so partial and not valid: 1 of 4 trials ({records[2]['trial_id']})." in report_html(
        load_run(run_dir)
    )
