"""The result of a trial: every wrong claim of tcpreplay is detected by another counter."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from synthetic_run import make_info
from trial_parts import LARGE, PACED, SMALL, TOP, make, received, sent, through, uncounted, without_claim

from linerate.errors import ResultError
from linerate.nic.counters import ReceiverNic, SenderNic
from linerate.report.one_line import one_line
from linerate.report.write import write_report
from linerate.results.build import result_of
from linerate.results.consistency import contradiction
from linerate.results.files import check
from linerate.results.model import TrialResult
from linerate.results.samples import samples_csv
from linerate.results.store import RunFolder
from linerate.trial.engines import registry
from linerate.trial.engines.base import Engine
from linerate.trial.evidence import Adapter, Process, Recovery, Sent, WitnessReport
from linerate.trial.model import Offered, SendMethod, Trial, Witness
from linerate.trial.verdict import Verdict
from linerate.trial.witnesses import report
from linerate.units import pps_of_pcap_mbps

SCHEMA = Path(__file__).parents[3] / "schemas/trial.schema.json"
LINUX = Witness("receiver1", "linux", "receiver1", "lrr0")
UNKNOWN = Process(None, (), False, "the module that supervised it was killed", 0, "", 0, None)


def result(trial: Trial | None = None, half: Sent | None = None, *reports: WitnessReport | None) -> TrialResult:
    """The result of ``trial``, by default paced and witnessed in full; None as the only report: not witnessed."""
    seen = [one for one in reports or (received(),) if one]
    found = result_of(trial or make(), half or sent(), seen)
    check(found.to_json(), SCHEMA)
    return found


def valid(limit: str, judged_by: str = "sender and receiver") -> Verdict:
    return Verdict(True, (), limit, judged_by)


def with_process(half: Sent, **changes: Any) -> Sent:
    return replace(half, process=replace(half.process, **changes))


def test_a_good_paced_trial():
    found = result()
    assert found.verdict == valid("pacing")
    assert found.loss.to_json() == {"packets": 0, "percent": 0.0, "where": None, "by_place": {}, "evidence": []}
    assert found.achieved.to_json() == {"requested_pps": 20_000, "sent_pps": 20_000, "percent": 100}
    assert found.disagreement.to_json() == {"claim_minus_sender_nic": 0, "receiver_nic_minus_witness": 3}
    assert found.rates.received.pps == 20_000
    assert found.rates.sent.l1_bps == 20_000 * 8 * 102
    assert "received 20,000 pps, loss 0 packets (0 %), limit: pacing, valid" in one_line(found)


def test_the_result_has_the_destination_the_vlan_and_the_send_method():
    tagged, method = replace(SMALL, vlan_id=12), SendMethod("netmap", "native", 2)
    record = result(make(case=tagged, method=method), through("native")).to_json()
    assert (record["case"]["destinations"], record["case"]["vlan_id"]) == (["198.19.0.1"], 12)
    assert (record["engine"], record["adapter"]["kind"], record["processes"]) == ("netmap", "native", 2)


def test_a_trial_that_was_cut_off_is_partial_and_keeps_its_counts():
    half = sent(40_000, 2.0, interrupted=True)
    found = result(None, with_process(half, stopped_because="the interface a is gone", signals_sent=("SIGINT",)))
    assert found.partial
    assert "did not run to its end: the interface a is gone" in found.verdict.reasons
    assert found.claim.successful == found.sender_nic.tx_packets == 40_000
    assert result(None, with_process(sent(), exit_status=-9)).partial
    assert not result().partial


@pytest.mark.parametrize(
    ("half", "reason"),
    [
        # tcpreplay ends with 0 when something interrupts it, as Ctrl-C or pkill -INT do.
        (sent(40_000, 2.0, interrupted=True), "tcpreplay was interrupted"),
        (
            replace(with_process(sent(40_000, 2.0), exit_status=255), claim=None, claim_error="no statistics"),
            "tcpreplay ended with status 255",
        ),
    ],
)
def test_a_trial_that_others_cut_off_is_partial_too(half, reason):
    found = result(None, half, received(40_000))
    assert found.partial
    assert found.verdict.reasons[0] == reason
    assert found.sender_nic.tx_packets == 40_000


def test_a_trial_whose_module_was_killed_is_stored_with_the_counts_of_its_journal():
    lost = replace(without_claim("there are no statistics of tcpreplay"), process=UNKNOWN)
    found = result(None, lost)
    assert found.partial
    assert found.process.exit_status is None
    assert found.verdict.reasons[0] == "did not run to its end: the module that supervised it was killed"
    assert found.sender_nic.tx_packets == found.witness.packets == 100_000
    assert "20000.0" in samples_csv(make(), lost, [received()])


def test_a_missing_count_is_a_reason():
    failure = {"failed": True, "msg": "receiver '001': does not answer (timed out)"}
    found = result(None, None, report(LINUX, failure))
    assert found.witness is None
    assert found.verdict.reasons == ("not witnessed: receiver '001': does not answer (timed out)",)
    assert not found.partial
    assert "receiver," not in samples_csv(make(), sent(), [report(LINUX, failure)])


def test_an_interface_that_was_not_restored_is_a_reason():
    broken = Recovery(0.1, False, (), "command 'ethtool': ended with 1")
    (reason,) = result(None, replace(sent(), recovery=broken)).verdict.reasons
    assert reason == "the settings of the sending interface were not restored: command 'ethtool': ended with 1"


@pytest.mark.parametrize(
    ("half", "arrived", "reason"),
    [
        (without_claim("tcpreplay output holds no complete statistics"), 0, "no complete"),
        (without_claim(None), 0, "tcpreplay printed no statistics"),
        (sent(interrupted=True), 100_000, "interrupted"),
        (sent(failed=7), 100_000, "7 packets failed"),
        (sent(truncated=7), 100_000, "7 packets truncated"),
        (sent(30_000, 1.5), 30_000, "30,000 packets of the 100,000 planned"),
        (sent(100_000, 5.1), 100_000, r"requested 20,000 pps, sent 19,608 pps \(-1.96 %\)"),
        (replace(sent(), nic=SenderNic("sysfs", 0, 0, 100_000, 0)), 0, "interface counted 0 .100,000 dropped"),
        (sent(), 0, "none of 100,000 packets arrived"),
        (sent(), 250_000, "more than the 100,000 sent"),
        (with_process(sent(), exit_status=255), 100_000, "status 255"),
        (with_process(sent(), exit_status=-9), 100_000, "signal 9"),
        (
            with_process(sent(), deadline_exceeded=True, signals_sent=("SIGINT", "SIGKILL"), exit_status=-9),
            100_000,
            "stopped with SIGINT and SIGKILL",
        ),
    ],
)
def test_an_unusable_trial_has_the_reason(half, arrived, reason):
    verdict = result(None, half, received(arrived)).verdict
    assert not verdict.valid
    assert any(re.search(reason, given) for given in verdict.reasons), verdict


def test_the_reason_names_the_program_that_sent():
    half = replace(with_process(sent(), exit_status=3), argv=("/opt/other/bin/pktsend", "a.pcap"))
    assert result(None, half).verdict.reasons[0] == "pktsend ended with status 3"


def slow(mode: str, value: float, packets: int, seconds: float, pps: float) -> Verdict:
    """The verdict on a trial of which tcpreplay prints these digits."""
    requested = value if mode == "pps" else pps_of_pcap_mbps(value, SMALL.mean_frame_length)
    duration = packets / value if mode == "pps" else 3.0
    offered = Offered(mode, value, requested, round(requested * duration), duration, 60.0)
    return result(make(offered), sent(packets, seconds, pps=pps), received(packets, seconds)).verdict


@pytest.mark.parametrize(
    "printed",
    [
        # Recorded with tcpreplay 4.4.2 (tests/fixtures/tcpreplay-netmap/fail-native-frame1614-mtu1500-netmap.txt), and
        # with 4.4.3 on a veth pair; in mode mbps a packet waits for its own bits, so there are as many gaps as packets.
        ("pps", 100, 100, 0.990573, 100.95),
        ("pps", 10, 50, 4.90, 10.20),
        ("pps", 0.5, 3, 4.00, 0.74),
        ("pps", 1, 2, 1.00, 1.99),
        ("mbps", 0.00624, 30, 3.00, 9.99),
    ],
)
def test_few_packets_are_judged_by_the_gaps_between_them(printed):
    assert slow(*printed) == valid("pacing")


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (("pps", 10, 50, 4.80, 10.40), r"requested 10 pps, sent 10\.192 pps \(\+1\.92 %\)"),
        (("pps", 10, 50, 5.00, 9.99), r"requested 10 pps, sent 9\.7902 pps \(-2\.10 %\)"),
        (("mbps", 0.00624, 30, 2.90, 10.34), r"requested 10 pps, sent 10\.34 pps \(\+3\.40 %\)"),
    ],
)
def test_few_packets_that_are_too_fast_or_too_slow_are_not_valid(printed, reason):
    (given,) = slow(*printed).reasons
    assert re.fullmatch(reason, given)


def test_a_trial_through_netmap_has_its_adapter_with_the_evidence():
    found = result(None, through("native"))
    assert found.verdict == valid("pacing")
    assert found.adapter.evidence == ("admode: 1", "holders: e1000")
    assert found.recovery.to_json() == {"seconds": 3.1, "carrier": True, "steps": ["x"], "error": None}


@pytest.mark.parametrize(("found", "words"), [("emulated", "was emulated"), (None, "was not found")])
def test_an_adapter_other_than_the_requested_one_is_not_valid(found, words):
    half = replace(through("native"), adapter=Adapter("native", found, "e1000", ("admode: 1", "holders: e1000")))
    (reason,) = result(None, half).verdict.reasons
    assert reason == f"requested a native adapter, the adapter {words}: admode: 1; holders: e1000"


def test_the_receiver_decides_where_the_sender_does_not_count():
    half = uncounted(through("native"))
    found = result(None, half)
    assert found.verdict == valid("pacing")
    assert found.disagreement.claim_minus_sender_nic is None
    assert "not counted by the sending interface" in one_line(found)
    assert not result(None, half, received(0)).valid
    (reason,) = result(None, half, None).verdict.reasons
    assert reason == "neither the sending interface nor the receiver counted the packets"


def test_loss_is_a_result_and_not_a_fault():
    found = result(None, None, received(99_000))
    assert found.verdict == valid("path or device")
    assert (found.loss.packets, found.loss.percent) == (1_000, 1.0)
    assert found.rates.received.pps == pytest.approx(19_800)


def test_a_trial_without_a_witness_has_no_received_rate():
    found = result(None, None, None)
    assert (found.witness, found.loss, found.rates.received) == (None, None, None)
    assert "not witnessed" in one_line(found)
    assert found.verdict == valid("pacing", "sender alone")


BUSY = {"packets": 900_000, "seconds": 3.0}


@pytest.mark.parametrize(
    ("half", "limit"),
    [
        (sent(3 * 12_250_000, 3.0), "line"),
        (replace(sent(**BUSY), cpu_percent=97.0), "sender core"),
        (replace(sent(**BUSY), core_busy_percent=97.0), "sender core, shared"),
        (replace(sent(**BUSY), core_busy_percent=None), "unknown"),
        (replace(through("emulated", **BUSY), core_busy_percent=97.0), "emulated adapter"),
        (replace(through("emulated", **BUSY), core_busy_percent=40.0), "unknown"),
        (replace(through("native", **BUSY), cpu_percent=97.0), "sender core"),
    ],
)
def test_what_limited_a_trial_at_top_speed(half, limit):
    method = SendMethod("netmap" if half.adapter.kind else "kernel", half.adapter.kind)
    assert result(make(TOP, method=method), half, received(half.claim.packets, half.claim.seconds)).verdict == valid(
        limit
    )


def test_a_load_above_the_line_is_judged_as_top_speed():
    """The reference offered 10,000 Mbit/s of pcap bytes on a link of 10 Gbit/s, which carries 9,844."""
    pps = pps_of_pcap_mbps(10_000, LARGE.mean_frame_length)
    trial = make(Offered("mbps", 10_000, pps, None, 3.0, 40.0), LARGE, SendMethod("netmap", "native"))
    half = through("native", packets=2_404_212, seconds=3.0, retried_eagain=298_115)
    fast = result(trial, half, received(2_404_212, 3.0))
    assert fast.above_line
    assert fast.rates.sent.line_rate_percent == pytest.approx(98.6, abs=0.05)
    assert fast.verdict == valid("line")
    slow = result(trial, through("native", packets=1_393_110, seconds=3.0), received(1_393_110, 3.0))
    assert slow.verdict == valid("unknown")
    short = result(trial, through("native", packets=2_000_000, seconds=2.5), received(2_000_000, 2.5))
    assert short.verdict.reasons == ("sent for 2.50 s instead of 3 s",)


def test_top_speed_that_ended_early_is_not_valid():
    found = result(make(TOP), sent(900_000, 2.5), received(900_000, 2.5))
    assert found.verdict.reasons == ("sent for 2.50 s instead of 3 s",)


def test_the_schema_rejects_an_invalid_verdict_without_a_reason():
    record = result().to_json()
    record["verdict"]["valid"] = False
    with pytest.raises(ResultError, match="reasons"):
        check(record, SCHEMA)


@pytest.mark.parametrize("field", ["partial", "witnesses", "achieved", "curve", "recovery", "processes"])
def test_the_schema_requires_every_field(field):
    record = result().to_json()
    del record[field]
    with pytest.raises(ResultError, match=field):
        check(record, SCHEMA)


def test_a_result_has_the_curve_of_both_sides():
    found = result()
    assert (found.curve.sent.samples, found.curve.received.samples) == (4, 4)
    assert found.curve.received.mean_pps == 20_000
    assert result(None, None, None).curve.received is None


def test_samples_as_csv():
    lines = samples_csv(make(PACED), sent(), [received()]).splitlines()
    assert lines[0] == "side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps"
    assert lines[1] == f"sender,1.0,1.0,20000,20000.0,{20_000 * 8 * 78:.1f}"
    assert [line.split(",")[0] for line in lines[1:]] == ["sender"] * 4 + ["receiver"] * 4


@pytest.mark.parametrize("half", [sent(), through("native"), uncounted(through("emulated")), without_claim("none")])
def test_a_result_is_the_same_after_a_round_trip_through_json(half):
    found = result(None, half)
    assert TrialResult.from_json(json.loads(json.dumps(found.to_json()))) == found


class Other(Engine):
    """A send method without tcpreplay, whose busy core means something of its own."""

    name = "other"
    adapters = ("ring",)

    def command(self, trial):
        return ["pktsend", trial.case.pcap]

    def gap_seconds(self, trial):
        return 0.0

    def read_claim(self, outcome):
        return None, "not used"

    def core_limit(self, adapter, paced):
        return f"{adapter.found} full"


@pytest.fixture
def other(monkeypatch) -> SendMethod:
    """A send method that is registered for one test."""
    monkeypatch.setattr(registry, "_ENGINES", dict(registry.engines()))
    registry.register(Other())
    return SendMethod("other", "ring", 2)


def test_a_new_send_method_needs_no_change_of_schema_verdict_store_and_report(other, tmp_path):
    half = replace(sent(**BUSY), argv=("pktsend", "a.pcap"), core_busy_percent=97.0)
    half = replace(half, adapter=Adapter("ring", "ring", "veth", ("ring: 2",)))
    found = result(make(TOP, method=other), half, received(900_000, 3.0))
    assert found.verdict == valid("ring full")
    info = make_info([found.to_json()])
    folder = RunFolder.create(tmp_path, info, SCHEMA.parent)
    assert folder.add(found, samples_csv(make(TOP, method=other), half, [received(900_000, 3.0)]))
    text = write_report(folder.path).text
    assert "| udp_port_scan_64, other-ring-x2 |" in text
    assert "- other-ring-x2, driver veth, 1 of 1 trial (" in text
    assert json.loads((folder.path / "summary.json").read_text())["results"][0]["send_method"] == "other-ring-x2"


def test_a_claim_of_an_engine_without_tcpreplay_need_not_have_its_digits(other):
    trial, nic = make(method=other), ReceiverNic("sysfs", 100_000, 1, 0, 0)
    half = replace(sent(pps=20_000.123456, bytes_per_second=1.5, mbps=0.1), adapter=Adapter("ring", "ring"))
    assert contradiction(result(trial, half, replace(received(), nic=nic))) is None
    wrong = result(trial, sent(pps=25_000.0), received())
    assert contradiction(wrong) == "claim.pps is 25000.0, but it is of 100000 packets in 5.0 s"
