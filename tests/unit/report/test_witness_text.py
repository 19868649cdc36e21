"""Several witnesses, the place of a loss, and the requested rate: in the summary and in the report."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from synthetic_run import read_info, read_trials, set_packets, unwitness, write_info, write_trials

from linerate.report.html import report_html
from linerate.report.summary import summary_markdown
from linerate.report.trials_csv import trials_csv
from linerate.results.read import load_run

LOSS = {
    "packets": 1000,
    "percent": 2.0,
    "where": "path or device",
    "by_place": {"path or device": 990, "receiver NIC": 10},
    "evidence": ["the sending interface counted 50,000", "drop counters: sysfs rx_missed_errors 10"],
}


def witness(name: str, kind: str, packets: int | None, reason: str | None = None) -> dict[str, Any]:
    counted = packets is not None
    source = "sysfs" if kind == "linux" else "IF-MIB"
    return {
        "name": name, "kind": kind, "host": "192.0.2.1", "interface": "port2", "usable": counted, "reason": reason,
        "refresh_seconds": 3.5 if kind == "snmp" else None, "settled": True, "packets": packets,
        "method": ("if_mib" if kind == "snmp" else "packet_socket") if counted else None,
        "matches": "all into port2" if counted else None, "counters": {source: {"ifInDiscards": 7}} if counted else {},
    }  # fmt: skip


def pair(packets: int, within: bool) -> dict[str, Any]:
    return {
        "first": "receiver1", "second": "fw<1>", "packets": packets, "percent": 100 * packets / 50_000,
        "tolerance_packets": 70, "within": within,
    }  # fmt: skip


def texts(run_dir: Path) -> tuple[str, str]:
    run = load_run(run_dir)
    return summary_markdown(run), report_html(run)


def test_witnesses_side_by_side_and_their_disagreement(run_dir: Path) -> None:
    records = read_trials(run_dir)
    for record, apart in zip(records, (3, 600, 0, 0)):
        set_packets(record, 50_000)
        record["witnesses"] = [witness("receiver1", "linux", 50_000), witness("fw<1>", "snmp", 50_000 - apart)]
        record["witness_disagreement"] = [pair(apart, apart < 70)]
    records[3]["witnesses"][1] = witness("fw<1>", "snmp", None, "ifCounterDiscontinuityTime changed from 0 to 77")
    records[3]["witness_disagreement"] = []
    write_trials(run_dir, records)
    summary, report = texts(run_dir)
    assert "largest difference +600 packets (1.200 %), within the tolerance in 2 of 3 trials." in summary
    assert f"Witnesses disagree in 1 trial: {records[1]['trial_id']}." in summary
    assert "could not count in 1 trial: ifCounterDiscontinuityTime changed from 0 to 77." in summary
    assert "receiver1 minus fw&lt;1&gt;: +600 packets (1.200 %), NOT within the tolerance of 70" in report
    assert "counters updated every 3.5 s, settled; counters: IF-MIB ifInDiscards 7" in report
    assert "fw<1>" not in report
    rows = list(csv.DictReader(io.StringIO(trials_csv(load_run(run_dir)))))
    assert rows[1]["witnesses"] == "receiver1 50000; fw<1> 49400"
    assert [row["witnesses_agree"] for row in rows] == ["yes", "no", "yes", ""]


def test_a_loss_has_its_place_and_evidence(run_dir: Path) -> None:
    records = read_trials(run_dir)
    set_packets(records[0], 50_000, 49_000)
    records[0]["loss"] |= LOSS
    records[0]["verdict"] |= {"limit": "path or device", "judged_by": "sender and receiver"}
    write_trials(run_dir, records)
    summary, report = texts(run_dir)
    assert "Loss: 1,000 packets in 4 valid witnessed trials; path or device 990, receiver NIC 10." in summary
    places = "at: path or device 990, receiver NIC 10"
    assert f"{places}; the sending interface counted 50,000; drop counters: sysfs" in report
    assert "sender and receiver" in report


def test_the_requested_and_the_sent_rate_are_shown(run_dir: Path) -> None:
    _, report = texts(run_dir)
    assert "requested 10,000 pps, sent 10,000 pps (100.00 %)" in report
    assert "requested top speed, sent" in report


def test_a_run_without_a_witness_is_marked_everywhere(run_dir: Path) -> None:
    records = read_trials(run_dir)
    for record in records:
        record["receiver"] = None
        unwitness(record)
    write_trials(run_dir, records)
    info = read_info(run_dir)
    info["environment"]["receiver"], info["witnesses"] = None, []
    info["plan"]["notices"] = ["paced trials last 8 s instead of 5 s."]
    write_info(run_dir, info)
    summary, report = texts(run_dir)
    assert "Not witnessed at the receiver, judged by the sender alone: 4 of 4 trials" in summary
    assert "is not a host of the inventory" in summary
    assert "paced trials last 8 s instead of 5 s." in summary
    assert report.count("none: not witnessed") == 4
    assert "sender alone" in report
