"""Send methods are compared pairwise, and with the reference experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compared_run import LARGE, both, stored, trial
from synthetic_run import not_valid, set_rate, unwitness

from linerate.report.comparison import sentence
from linerate.report.references import why_not
from linerate.report.text import interval_text
from linerate.results.compare import Comparison, compare_methods
from linerate.results.groups import group_trials
from linerate.results.reference import CASES, with_reference
from linerate.units import GBIT


def compared(folder: Path, records: list[dict[str, Any]]) -> tuple[Comparison, ...]:
    return compare_methods(group_trials(stored(folder, records).trials))


def test_the_sentence_states_the_ratio_and_its_basis(tmp_path):
    (found,) = compared(tmp_path / "run", both([100_000, 101_000, 99_000], [173_000, 174_000, 172_000]))
    assert [member.method.name for member in found.members] == ["kernel", "netmap-native"]
    (pair,) = found.ratios
    text = sentence(found, pair)
    assert text.startswith("netmap-native reaches 1.73 (")
    assert ") times the rate of kernel for tcp_port_scan_64 (frames of 78 B without FCS) at top speed: " in text
    ending = "received packets/s, medians of 3 and 3 valid repeats, interval within what was observed."
    assert text.endswith(ending)
    assert (pair.ratio.low, pair.ratio.high) == pytest.approx((172 / 101, 174 / 99), rel=0.002)


def test_four_repeats_have_a_95_percent_interval(tmp_path):
    (found,) = compared(
        tmp_path / "run", both([100_000, 101_000, 99_000, 100_500], [173_000, 174_000, 172_000, 173_500])
    )
    assert "medians of 4 and 4 valid repeats, 95 % interval." in sentence(found, found.ratios[0])


def test_every_pair_of_send_methods_is_compared_with_the_kernel_first(tmp_path):
    methods = ("native", "kernel", "emulated")
    (found,) = compared(tmp_path / "run", [trial(n + 1, one, 1000.0 * (n + 1)) for n, one in enumerate(methods)])
    names = [(pair.of.name, pair.to.name, pair.ratio.value) for pair in found.ratios]
    assert names == [
        ("netmap-emulated", "kernel", 1.5),
        ("netmap-native", "kernel", 0.5),
        ("netmap-native", "netmap-emulated", pytest.approx(1 / 3)),
    ]
    assert "reaches 0.50 times the rate of kernel" in sentence(found, found.ratios[1])
    assert "too few repeats for an interval" in sentence(found, found.ratios[1])


def test_only_valid_trials_count(tmp_path):
    records = both([100_000, 100_000, 100_000], [200_000, 200_000, 200_000])
    records.append(trial(30, "native", 900_000, verdict=not_valid("lost")))
    (found,) = compared(tmp_path / "run", records)
    assert found.ratios[0].ratio.value == 2
    assert found.ratios[0].ratio.repeats == (3, 3)


def test_a_send_method_without_a_valid_trial_is_shown_without_a_ratio(tmp_path):
    bad = trial(2, "native", 900_000, verdict=not_valid("lost"))
    (found,) = compared(tmp_path / "run", [trial(1, "kernel", 100_000), bad])
    assert [(member.method.name, member.pps is None) for member in found.members] == [
        ("kernel", False),
        ("netmap-native", True),
    ]
    assert found.ratios == ()


def test_sent_rates_are_compared_where_not_both_were_witnessed(tmp_path):
    records = both([100_000], [150_000])
    unwitness(records[1])
    (found,) = compared(tmp_path / "run", records)
    assert found.ratios[0].counted == "sent"
    assert "sent packets/s, not witnessed" in sentence(found, found.ratios[0])


def lossy(records: list[dict[str, Any]], lost_percent: float, where: str) -> None:
    for record in records:
        set_rate(record, record["rates"]["sent"]["pps"], lost_percent)
        record["verdict"]["limit"] = where


def test_where_the_path_lost_packets_the_sentence_also_compares_what_was_sent(tmp_path):
    records = both([20_000.0] * 3, [200_000.0] * 3)
    lossy(records[3:], 92.0, "path or device")
    (found,) = compared(tmp_path / "run", records)
    (pair,) = found.ratios
    assert (pair.lost_at, pair.counted, interval_text(pair.ratio)[:5]) == (("path or device",), "received", "0.800")
    assert pair.sent.value == pytest.approx(10)
    text = sentence(found, pair)
    assert text.startswith("netmap-native sends 10.000 (9.9")
    assert ") times the rate of kernel" in text
    assert "sent packets/s, medians of 3 and 3 valid repeats" in text
    assert "What they could deliver cannot be compared: limit: path or device; received packets/s: 0.800 (" in text


def test_losses_in_the_sender_do_not_add_the_ratio_of_sent_rates(tmp_path):
    records = both([20_000.0], [200_000.0])
    lossy(records[1:], 50.0, "sender egress")
    (found,) = compared(tmp_path / "run", records)
    assert (found.ratios[0].lost_at, found.ratios[0].sent) == ((), None)
    assert "sent packets/s" not in sentence(found, found.ratios[0])


def test_a_single_send_method_is_not_a_comparison(tmp_path):
    assert compared(tmp_path / "run", [trial(1, "kernel", 100_000)]) == ()


def test_the_reference_agrees_with_its_own_table():
    """Its packets, seconds, Mbps, pps and share of the line agree with each other."""
    for case, percent in zip(CASES, (13.1, 13.1, 98.6, 99.3, 57.1, 63.8)):
        assert case.packets / case.seconds == pytest.approx(case.pps, rel=1e-4)
        assert case.rates.pcap_bps / 1e6 == pytest.approx(case.rated_mbps, rel=1e-4)
        assert case.rates.line_rate_percent == pytest.approx(percent, abs=0.05)
        assert case.rates.l1_bps < 10 * GBIT


def test_our_result_is_compared_with_the_reference(tmp_path):
    records = [trial(n, "kernel", pps, LARGE, value=10_000.0) for n, pps in ((1, 232_185.0), (2, 232_185.0))]
    reason = "the kernel has no loadable modules"
    run = stored(tmp_path / "run", records, [{"engine": "netmap", "reason": reason}])
    rows = with_reference(run, group_trials(run.trials))
    assert len(rows) == 6
    (ours,) = rows[4].ours
    assert (rows[4].case.pps, ours.ratio.value) == (464_370, 0.5)
    assert why_not(rows[0]) == reason
    assert why_not(rows[5]) == "no trial of this run"


def test_other_loads_are_not_the_reference(tmp_path):
    run = stored(tmp_path / "run", [trial(1, "kernel", 464_370, LARGE, value=9_000.0), trial(2, "kernel", 1.0, LARGE)])
    assert with_reference(run, group_trials(run.trials)) == ()
