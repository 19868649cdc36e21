"""The verdict and the record: each lie that tcpreplay can tell is found out by one witness or another."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from linerate.errors import ResultError
from linerate.results.store import check
from linerate.trial.curve import coefficient_of_variation, describe, grade, within_sending
from linerate.trial.journal import KILLED, not_sent
from linerate.trial.one_line import one_line
from linerate.trial.plan import Asked, Case, Sending, Way, plan, product
from linerate.trial.result import build, samples_csv
from linerate.trial.witnesses import report
from linerate.units import GBIT

SCHEMA = Path(__file__).parents[3] / "schemas/trial.schema.json"
CASE = Case("udp_port_scan_64", "/p/u.pcap", "ab" * 32, 64_511, 78.0, 78, 78)
SENDING = Sending({"paced": 5.0, "topspeed": 3.0}, 10 * GBIT)
PACED, TOP = (
    trial.describe()
    for trial in plan(
        product([CASE], [Way("kernel")], [{"mode": "pps", "value": 20_000.0}, {"mode": "topspeed"}]), 1, SENDING
    )
)
VALID = {"valid": True, "reasons": [], "judged_by": "sender and receiver"}
CONTEXT = {
    "run_id": "r",
    "sender": {"host": "s", "interface": "a"},
    "receiver": {"host": "r", "interface": "b"},
    "line_rate": {"bps": 10 * GBIT, "source": "interface"},
    "versions": {"linerate": "0", "tcpreplay": "4.4.2"},
    "fingerprint": "0" * 16,
}


def sent(packets: int = 100_000, seconds: float = 5.0, **claim: Any) -> dict[str, Any]:
    return {
        "argv": ["tcpreplay"],
        "started_at": "2026-01-01T00:00:00.000Z",
        "ended_at": "2026-01-01T00:00:06.000Z",
        "process": {
            "exit_status": 0, "signals_sent": [], "deadline_exceeded": False, "elapsed_seconds": 5.2, "stderr": "",
            "stderr_bytes": 0,
        },
        "claim": {
            "packets": packets, "bytes": 78 * packets, "seconds": seconds, "bytes_per_second": 78 * packets / seconds,
            "mbps": 8 * 78e-6 * packets / seconds, "pps": packets / seconds, "successful": packets, "failed": 0,
            "truncated": 0, "retried_enobufs": 0, "retried_eagain": 0, "interrupted": False, **claim,
        },
        "claim_error": None,
        "adapter": {"kind": None, "found": None, "driver": "veth", "evidence": []},
        "recovery": None,
        "nic": {"source": "sysfs", "tx_packets": packets, "tx_bytes": 78 * packets, "tx_dropped": 0, "tx_errors": 0},
        "samples": [{"elapsed_seconds": 1.0, "interval_seconds": 1.0, "packets": 20_000, "bytes": 1}],
        "cpu_percent": 60.0,
        "core_busy_percent": 70.0,
    }  # fmt: skip


def received(packets: int = 100_000, **given: Any) -> dict[str, Any]:
    """The report of a linux witness on the receiver, beside whose packets the interface counted three."""
    return {
        "name": "r", "kind": "linux", "host": "r", "interface": "b", "usable": True, "reason": None,
        "refresh_seconds": None, "settled": True, "counters": {},
        "witness": {"method": "packet_socket", "packets": packets, "matches": "all"},
        "nic": {"source": "sysfs", "rx_packets": packets + 3, "rx_bytes": 1, "rx_dropped": 0, "rx_errors": 0},
        "samples": [
            {"elapsed_seconds": float(second), "interval_seconds": 1.0, "packets": 20_000, "bytes": 1}
            for second in (1, 2)
        ],
        **given,
    }  # fmt: skip


def change(replay: dict[str, Any], part: str, **values: Any) -> dict[str, Any]:
    changed = copy.deepcopy(replay)
    changed[part].update(values)
    return changed


def record(planned: Any = PACED, replay: Any = None, arrived: Any = "all") -> dict[str, Any]:
    reports = received() if arrived == "all" else arrived
    if not isinstance(reports, list):
        reports = [reports] if reports else []
    result = build(planned, replay or sent(), reports, CONTEXT)
    check(result, SCHEMA)
    return result


def test_a_good_paced_trial():
    trial = record()
    assert trial["verdict"] == VALID | {"limit": "pacing"}
    assert trial["loss"] == {"packets": 0, "percent": 0.0, "where": None, "by_place": {}, "evidence": []}
    assert trial["achieved"] == {"requested_pps": 20_000, "sent_pps": 20_000, "percent": 100}
    assert trial["disagreement"] == {"claim_minus_sender_nic": 0, "receiver_nic_minus_witness": 3}
    assert trial["rates"]["received"]["pps"] == 20_000
    assert trial["rates"]["sent"]["l1_bps"] == 20_000 * 8 * 102
    assert "received 20,000 pps, loss 0 packets (0 %), limit: pacing, valid" in one_line(trial)


def test_a_trial_that_was_cut_off_is_partial_and_keeps_what_was_counted():
    gone = change(sent(40_000, 2.0, interrupted=True), "process", stopped_because="the interface a is gone",
                  signals_sent=["SIGINT"])  # fmt: skip
    trial = record(replay=gone)
    assert trial["partial"]
    assert "did not run to its end: the interface a is gone" in trial["verdict"]["reasons"]
    assert trial["claim"]["successful"] == trial["sender_nic"]["tx_packets"] == 40_000
    assert record(replay=change(sent(), "process", exit_status=-9))["partial"]
    assert not record()["partial"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        # tcpreplay ends with 0 when somebody interrupts it, as Ctrl-C or pkill -INT do.
        (change(sent(40_000, 2.0), "claim", interrupted=True), "tcpreplay was interrupted (sendpacket_abort)"),
        (
            change({**sent(40_000, 2.0), "claim": None, "claim_error": "no statistics"}, "process", exit_status=255),
            "tcpreplay ended with status 255",
        ),
    ],
)
def test_a_trial_that_others_cut_off_is_partial_too(changed, reason):
    trial = record(replay=changed, arrived=received(40_000))
    assert trial["partial"]
    assert trial["verdict"]["reasons"][0] == reason
    assert trial["sender_nic"]["tx_packets"] == 40_000


def test_a_trial_whose_watcher_was_killed_is_stored_with_what_the_journal_has():
    lost = {**not_sent(["tcpreplay"], KILLED, {"kind": None}), "samples": sent()["samples"], "nic": sent()["nic"]}
    trial = record(replay=lost)
    assert trial["partial"]
    assert trial["process"]["exit_status"] is None
    assert trial["verdict"]["reasons"][0] == "did not run to its end: the module that watched it was killed"
    assert trial["sender_nic"]["tx_packets"] == trial["witness"]["packets"] == 100_000
    assert "20000.0" in samples_csv(PACED, lost, [received()])


def test_a_count_that_could_not_be_had_is_a_reason():
    failure = {"failed": True, "msg": "receiver '001': does not answer (timed out)"}
    definition = {"name": "r", "kind": "linux", "host": "r", "interface": "b"}
    trial = record(arrived=report(definition, failure))
    assert trial["witness"] is None
    assert trial["verdict"]["reasons"] == ["not witnessed: receiver '001': does not answer (timed out)"]
    assert not trial["partial"]
    assert "receiver," not in samples_csv(PACED, sent(), [report(definition, failure)])


def test_an_interface_that_could_not_be_restored_is_a_reason():
    broken = {"seconds": 0.1, "carrier": False, "steps": [], "error": "command 'ethtool': ended with 1"}
    trial = record(replay={**sent(), "recovery": broken})
    (reason,) = trial["verdict"]["reasons"]
    assert reason == "the sending interface could not be given its settings back: command 'ethtool': ended with 1"


@pytest.mark.parametrize(
    ("replay", "arrived", "reason"),
    [
        ({**sent(), "claim": None, "claim_error": "tcpreplay output holds no complete statistics"}, 0, "no complete"),
        (change(sent(), "claim", interrupted=True), 100_000, "interrupted"),
        (change(sent(), "claim", failed=7), 100_000, "7 packets failed"),
        (change(sent(), "claim", truncated=7), 100_000, "7 packets truncated"),
        (sent(30_000, 1.5), 30_000, "30,000 packets of the 100,000 planned"),
        (sent(100_000, 5.1), 100_000, r"asked for 20,000 pps, sent 19,608 pps \(-1.96 %\)"),
        (change(sent(), "nic", tx_packets=0, tx_dropped=100_000), 0, "interface counted 0 .100,000 dropped"),
        (sent(), 0, "none of 100,000 packets arrived"),
        (sent(), 250_000, "more than the 100,000 sent"),
        (change(sent(), "process", exit_status=255), 100_000, "status 255"),
        (change(sent(), "process", exit_status=-9), 100_000, "signal 9"),
        (
            change(sent(), "process", deadline_exceeded=True, signals_sent=["SIGINT", "SIGKILL"], exit_status=-9),
            100_000,
            "stopped with SIGINT and SIGKILL",
        ),
    ],
)
def test_a_trial_that_cannot_be_used_says_why(replay, arrived, reason):
    verdict = record(replay=replay, arrived=received(arrived))["verdict"]
    assert not verdict["valid"]
    assert any(re.search(reason, given) for given in verdict["reasons"]), verdict


def slow(mode: str, value: float, packets: int, seconds: float, pps: float) -> dict[str, Any]:
    """The verdict on a trial that tcpreplay says this of, in the digits that it prints."""
    sending = Sending({"paced": packets / value if mode == "pps" else 3.0}, 10 * GBIT)
    (planned,) = plan([Asked(CASE, Way("kernel"), mode, value)], 1, sending)
    verdict: dict[str, Any] = record(planned.describe(), sent(packets, seconds, pps=pps), received(packets))["verdict"]
    return verdict


@pytest.mark.parametrize(
    "said",
    [
        # Recorded with tcpreplay 4.4.2 (tests/fixtures/tcpreplay-netmap/fail-native-frame1614-mtu1500-netmap.txt), and
        # with 4.4.3 on a veth pair; by mbps a packet waits for its own bits, so that there are as many gaps as packets.
        ("pps", 100, 100, 0.990573, 100.95),
        ("pps", 10, 50, 4.90, 10.20),
        ("pps", 0.5, 3, 4.00, 0.74),
        ("pps", 1, 2, 1.00, 1.99),
        ("mbps", 0.00624, 30, 3.00, 9.99),
    ],
)
def test_few_packets_are_judged_by_the_gaps_between_them(said):
    assert slow(*said) == VALID | {"limit": "pacing"}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (("pps", 10, 50, 4.80, 10.40), r"asked for 10 pps, sent 10\.192 pps \(\+1\.92 %\)"),
        (("pps", 10, 50, 5.00, 9.99), r"asked for 10 pps, sent 9\.7902 pps \(-2\.10 %\)"),
        (("mbps", 0.00624, 30, 2.90, 10.34), r"asked for 10 pps, sent 10\.34 pps \(\+3\.40 %\)"),
    ],
)
def test_few_packets_that_are_too_fast_or_too_slow_read_as_such(said, reason):
    (given,) = slow(*said)["reasons"]
    assert re.fullmatch(reason, given)


def through(kind: str, found: str | None = None, **given: Any) -> dict[str, Any]:
    """What a trial through netmap returns; the adapter found is the one asked for, unless it is named."""
    adapter = {"kind": kind, "found": found or kind, "driver": "e1000", "evidence": ["admode: 1", "holders: e1000"]}
    return {**sent(**given), "adapter": adapter, "recovery": {"seconds": 3.1, "carrier": True, "steps": ["x"]}}


def test_a_trial_through_netmap_says_by_which_adapter_and_with_what_evidence():
    trial = record(replay=through("native"))
    assert trial["verdict"] == VALID | {"limit": "pacing"}
    assert trial["adapter"]["evidence"] == ["admode: 1", "holders: e1000"]
    assert trial["recovery"]["seconds"] == 3.1


@pytest.mark.parametrize(("found", "said"), [("emulated", "was emulated"), (None, "left no sign of itself")])
def test_an_adapter_other_than_the_one_asked_for_is_not_valid(found, said):
    replay = through("native")
    replay["adapter"]["found"] = found
    (reason,) = record(replay=replay)["verdict"]["reasons"]
    assert reason == f"asked for native, netmap's adapter {said}: admode: 1; holders: e1000"


def uncounted(replay: dict[str, Any]) -> dict[str, Any]:
    nothing = dict.fromkeys(("tx_packets", "tx_bytes", "tx_dropped", "tx_errors"))
    return {**replay, "nic": {"source": "not counted by the driver", **nothing}}


def test_where_the_sender_counts_nothing_the_receiver_decides():
    trial = record(replay=uncounted(through("native")))
    assert trial["verdict"] == VALID | {"limit": "pacing"}
    assert trial["disagreement"]["claim_minus_sender_nic"] is None
    assert "counts nothing and is no witness" in one_line(trial)
    assert not record(replay=uncounted(through("native")), arrived=received(0))["verdict"]["valid"]
    (reason,) = record(replay=uncounted(through("native")), arrived=None)["verdict"]["reasons"]
    assert reason == "neither the sending interface nor the receiver counted the packets"


def test_a_record_from_before_adapters_were_recorded_is_still_one():
    old = record()
    del old["adapter"], old["recovery"]
    check(old, SCHEMA)


def test_loss_is_a_result_and_not_a_fault():
    trial = record(arrived=received(99_000))
    assert trial["verdict"] == VALID | {"limit": "path or device"}
    assert (trial["loss"]["packets"], trial["loss"]["percent"]) == (1_000, 1.0)
    assert trial["rates"]["received"]["pps"] == pytest.approx(19_800)


def test_a_trial_without_a_witness_shows_no_received_rate():
    trial = record(arrived=None)
    assert (trial["witness"], trial["loss"], trial["rates"]["received"]) == (None, None, None)
    assert "not witnessed" in one_line(trial)
    assert trial["verdict"] == VALID | {"limit": "pacing", "judged_by": "sender alone"}


@pytest.mark.parametrize(
    ("replay", "limit"),
    [
        (sent(3 * 12_250_000, 3.0), "line"),
        ({**sent(900_000, 3.0), "cpu_percent": 97.0}, "sender core"),
        ({**sent(900_000, 3.0), "core_busy_percent": 97.0}, "sender core, shared"),
        ({**sent(900_000, 3.0), "core_busy_percent": None}, "unknown"),
        ({**through("emulated", packets=900_000, seconds=3.0), "core_busy_percent": 97.0}, "emulated adapter"),
        ({**through("emulated", packets=900_000, seconds=3.0), "core_busy_percent": 40.0}, "unknown"),
        ({**through("native", packets=900_000, seconds=3.0), "cpu_percent": 97.0}, "sender core"),
    ],
)
def test_what_limited_a_trial_at_top_speed(replay, limit):
    trial = record(TOP, replay, received(replay["claim"]["packets"]))
    assert trial["verdict"] == VALID | {"limit": limit}


def test_more_than_the_line_carries_is_judged_as_top_speed():
    """The reference asked for 10,000 Mbit/s of pcap bytes on a link of 10 Gbit/s, which carries 9,844."""
    large = Case("tcp_port_scan_1500", "/p/t.pcap", "ab" * 32, 64_511, 1514.0, 1514, 1514)
    (planned,) = plan([Asked(large, Way("netmap", "native"), "mbps", 10_000)], 1, SENDING)
    assert (planned.offered.packets, planned.offered.duration_seconds) == (None, 3.0)
    seen = through("native", packets=2_404_212, seconds=3.0, retried_eagain=298_115)
    fast = record(planned.describe(), seen, received(2_404_212))
    assert fast["rates"]["sent"]["line_rate_percent"] == pytest.approx(98.6, abs=0.05)
    assert fast["verdict"] == VALID | {"limit": "line"}
    slow = record(planned.describe(), through("native", packets=1_393_110, seconds=3.0), received(1_393_110))
    assert (slow["verdict"]["valid"], slow["verdict"]["limit"]) == (True, "unknown")
    short = record(planned.describe(), through("native", packets=2_000_000, seconds=2.5), received(2_000_000))
    assert short["verdict"]["reasons"] == ["sent for 2.50 s instead of 3 s"]


def test_top_speed_that_ended_early_is_not_valid():
    verdict = record(TOP, sent(900_000, 2.5), received(900_000))["verdict"]
    assert verdict["reasons"] == ["sent for 2.50 s instead of 3 s"]


def test_the_schema_refuses_a_verdict_without_reason():
    trial = record()
    trial["verdict"]["valid"] = False
    with pytest.raises(ResultError, match="reasons"):
        check(trial, SCHEMA)


def sample(elapsed: float, interval: float, packets: int) -> dict[str, Any]:
    return {"elapsed_seconds": elapsed, "interval_seconds": interval, "packets": packets}


def test_the_curve_ends_with_the_sending():
    full = [sample(1.0, 1.0, 100), sample(2.0, 1.0, 100)]
    assert within_sending(full, 2.0) == full
    assert within_sending([*full, sample(3.4, 1.4, 50)], 2.5) == [*full, sample(2.5, 0.5, 50)]
    assert within_sending([*full, sample(3.0, 1.0, 40), sample(4.0, 1.0, 10)], 2.5) == [*full, sample(2.5, 0.5, 50)]
    assert within_sending([*full, sample(3.4, 1.4, 5)], 2.06) == full
    assert within_sending([sample(1.3, 1.3, 30)], 0.3) == [sample(0.3, 0.3, 30)]


def test_coefficient_of_variation():
    assert coefficient_of_variation([sample(1, 1, 90), sample(2, 1, 110)]) == pytest.approx(14.142, abs=1e-3)
    assert coefficient_of_variation([sample(1, 1, 90)]) is None


def test_the_curve_in_numbers_divides_by_the_real_intervals():
    curve = describe([sample(1.0, 1.0, 100), sample(2.5, 1.5, 150), sample(3.0, 0.5, 60)])
    assert curve == {
        "samples": 3, "interval_seconds": 1.0, "mean_pps": pytest.approx(310 / 3), "min_pps": 100.0, "max_pps": 120.0,
        "cv_percent": pytest.approx(10.825, abs=1e-3), "grade": "uneven",
    }  # fmt: skip
    assert describe([]) is None
    assert describe([sample(1.0, 1.0, 100), sample(2.0, 1.0, 100)])["grade"] is None


@pytest.mark.parametrize(
    ("cv", "named"),
    [(0, "flat"), (1.0, "flat"), (1.1, "steady"), (5.1, "uneven"), (15.0, "uneven"), (40, "unsteady"), (None, None)],
)
def test_stability_has_grades(cv, named):
    assert grade(cv) == named


def test_a_record_has_the_curve_of_both_sides():
    curve = record()["curve"]
    assert (curve["sent"]["samples"], curve["received"]["samples"]) == (1, 2)
    assert curve["received"]["mean_pps"] == 20_000
    assert record(arrived=None)["curve"]["received"] is None


def test_the_line_of_a_trial_says_how_steady_it_was():
    replay = sent()
    replay["samples"] = [sample(float(second), 1.0, 20_000 + second) | {"bytes": 1} for second in (1, 2, 3)]
    assert "flat (CV 0.0 % over samples of 1 s)" in one_line(record(replay=replay, arrived=None))


def test_samples_as_csv():
    text = samples_csv(PACED, sent(), [received()])
    lines = text.splitlines()
    assert lines[0] == "side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps"
    assert lines[1] == f"sender,1.0,1.0,20000,20000.0,{20_000 * 8 * 78:.1f}"
    assert [line.split(",")[0] for line in lines[1:]] == ["sender", "receiver", "receiver"]


def test_a_record_is_plain_json():
    assert json.loads(json.dumps(record())) == record()
