"""The sender's own limit by the run's trials at top speed, and what it says of a paced trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_run import make_info, make_result
from trial_parts import LARGE, TOP, make, received, sent

from linerate.results.build import result_of
from linerate.results.ceilings import LINE, SENDER, Ceiling, ceiling_of, sender_limit
from linerate.results.compare import compare_methods
from linerate.results.groups import group_trials
from linerate.results.model import TrialResult
from linerate.results.store import RunFolder
from linerate.trial.evidence import Adapter
from linerate.trial.model import VIRTUAL, LineRate, Offered, SendMethod
from linerate.trial.verdict import Verdict

SCHEMAS = Path(__file__).parents[3] / "schemas"


def flooded(pps: int, seconds: float = 3.0) -> TrialResult:
    """A trial at top speed that sent and delivered so much."""
    packets = round(pps * seconds)
    return result_of(make(TOP), sent(packets, seconds), [received(packets, seconds)])


@pytest.mark.parametrize(
    ("pps", "own", "limit"),
    [(20_000, None, "pacing"), (20_000, 30_000, "pacing"), (20_000, 20_500, "pacing"), (20_000, 20_350, "sender")],
)
def test_a_paced_trial_near_to_the_senders_own_limit_says_sender(pps, own, limit):
    found = result_of(make(), sent(), [received()], sender_limit=own)
    assert found.rates.sent.pps == pps
    assert found.verdict == Verdict(True, (), limit, "sender and receiver")


def test_loss_and_the_line_are_limits_before_the_sender():
    assert result_of(make(), sent(), [received(90_000)], sender_limit=20_000).verdict.limit == "path or device"
    full = make(Offered("pps", 12_250_000.0, 12_250_000.0, 36_750_000, 3.0, 20.0))
    half = sent(36_750_000, 3.0)
    assert result_of(full, half, [received(36_750_000, 3.0)], sender_limit=12_250_000).verdict.limit == "line"


def test_the_limit_is_that_of_the_same_pcap_and_send_method():
    slow, fast = flooded(300_000), flooded(310_000)
    assert sender_limit(make(), [slow, fast]) == 310_000
    assert sender_limit(make(case=LARGE), [slow, fast]) is None
    assert sender_limit(make(method=SendMethod("kernel", None, 2)), [slow, fast]) is None
    assert sender_limit(make(), []) is None


@pytest.mark.parametrize(("limits", "paced"), [({"pacing"}, True), ({"pacing", "sender"}, True), ({"unknown"}, False)])
def test_a_pair_that_kept_its_pace_is_no_comparison_of_speed(limits, paced):
    methods = [SendMethod("kernel"), SendMethod("xdp", "copy")]
    results = [
        replace(
            result_of(make(), sent(), [received()]),
            engine=method.engine,
            adapter=Adapter(method.adapter, method.adapter, "veth", ()),
            verdict=Verdict(True, (), limit, "sender and receiver"),
        )
        for method in methods
        for limit in sorted(limits)
    ]
    (comparison,) = compare_methods(group_trials(results))
    assert [pair.paced for pair in comparison.ratios] == [paced]


def test_what_is_no_flood_shows_no_limit():
    paced = result_of(make(), sent(), [received()])
    burst = replace(flooded(300_000), offered=replace(TOP, packets=900_000))
    failed = replace(flooded(300_000), verdict=Verdict(False, ("3 packets failed",), "unknown", "sender alone"))
    assert sender_limit(make(), [paced, burst, failed]) is None
    assert ceiling_of(failed) == (None, "the trial that measures the sender's own limit is not valid: 3 packets failed")


def test_the_line_is_no_limit_of_the_sender():
    full = flooded(12_250_000)
    assert ceiling_of(flooded(300_000))[0].by == SENDER
    assert ceiling_of(full)[0].by == LINE
    assert sender_limit(make(), [full]) is None


def test_the_speed_that_a_virtual_link_states_is_no_limit():
    trial = make(TOP)
    bench = replace(trial.bench, line_rate=LineRate(trial.bench.line_rate.bps, VIRTUAL))
    full = result_of(replace(trial, bench=bench), sent(36_750_000, 3.0), [received(36_750_000, 3.0)])
    assert full.rates.sent.line_rate_percent is None
    assert full.verdict.limit != "line"
    assert ceiling_of(full)[0] == Ceiling(12_250_000, SENDER)


def test_trials_at_top_speed_are_read_from_the_run(tmp_path):
    flood, _ = make_result(1, ("udp_port_scan_64", 78), ("topspeed", None), 1)
    paced, _ = make_result(2, ("udp_port_scan_64", 78), ("pps", 20_000.0), 1)
    folder = RunFolder.create(tmp_path, make_info([flood.to_json(), paced.to_json()]), SCHEMAS)
    assert folder.at_top_speed() == []
    for one in (flood, paced):
        folder.add(one, "side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps\n")
    assert folder.at_top_speed() == [flood]
