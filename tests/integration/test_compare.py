"""Comparisons and rate curves of real trials, which the receiver's packet socket counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import make_pcap, run_python

from linerate.lab.namespaces import SENDER
from linerate.receiver.sampler import Sample
from linerate.results.statistics import RESOLUTION, Repeats, ratio
from linerate.trial.curve import curve_of, while_sending

pytestmark = [pytest.mark.quiet, pytest.mark.long]

# Runs in the sender's namespace; the socket is opened in the receiver's, and stays there.
TRIALS = """
import ctypes, json, os, sys, time
from linerate.system.run import run
from linerate.receiver.packet_counter import PacketCounter
from linerate.trial.ad_hoc import ad_hoc_trial
from linerate.trial.replay import replay

def enter(path):
    handle = os.open(path, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(handle, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")

given = json.loads(sys.argv[1])
here = os.open("/proc/self/ns/net", os.O_RDONLY)
enter("/run/netns/linerate-receiver1")
witness = PacketCounter("lrr0", ["198.19.0.1"], 78, 78)
enter(f"/proc/self/fd/{here}")
for pps in given["rates"]:
    options = {
        "interface": "lrs0", "pcap": given["pcap"], "allow_destinations": [], "deadline_seconds": 60, "pps": pps,
        "loop": 1000, "limit": int(pps * given["seconds"]), "preload_pcap": True, "interval_seconds": given["interval"],
    }
    before = witness.packets()
    sent = replay(ad_hoc_trial(options), run).to_json()
    time.sleep(0.05)
    claim = sent["claim"]
    arrived = witness.packets() - before
    print(json.dumps({"pps": claim["pps"] * arrived / claim["packets"], "claim": claim, "samples": sent["samples"]}))
"""


@pytest.fixture
def pcap(tmp_path: Path) -> str:
    return make_pcap(tmp_path / "test.pcap", ip_length=64)


def trials(pcap: str, rates: list[float], seconds: float, interval: float = 1.0) -> list[dict[str, Any]]:
    """One trial after the other, at each of the rates in packets/s: its received rate, claim and samples."""
    given = {"pcap": pcap, "rates": rates, "seconds": seconds, "interval": interval}
    return [json.loads(line) for line in run_python(SENDER, TRIALS, given).splitlines()]


def repeats(rates: list[float], packets: float) -> Repeats:
    return Repeats(tuple(rates), RESOLUTION + 1 / packets)


def test_the_interval_covers_the_true_ratio_of_two_rates(lab, pcap):
    """Three repeats per comparison, in the order A B, B A, A B. The true ratio is that of the rates; 1.5 is not."""
    slow, fast, seconds, comparisons = 3000.0, 5200.0, 0.5, 12
    order = [slow, fast, fast, slow, slow, fast]
    measured = [trial["pps"] for trial in trials(pcap, order * comparisons, seconds)]
    covered, excluded = 0, 0
    for begin in range(0, len(measured), len(order)):
        pairs = list(zip(order, measured[begin : begin + len(order)]))
        of, to = (repeats([rate for offered, rate in pairs if offered == one], one * seconds) for one in (fast, slow))
        found = ratio(of, to)
        covered += found.low <= fast / slow <= found.high
        excluded += not found.low <= 1.5 <= found.high
    assert covered >= 10
    # Intervals are wider on a busy machine, but must not become meaningless.
    assert excluded >= 9


def test_a_rate_curve_of_100_ms_samples_covers_exactly_the_sending_time(lab, pcap):
    """From the first packet to the last: the idle time before and after does not lower its ends."""
    (trial,) = trials(pcap, [5000.0], 3.0, interval=0.1)
    samples = [Sample(**sample) for sample in trial["samples"]]
    assert sum(sample.packets for sample in samples) == trial["claim"]["packets"]
    ends = [sample.elapsed_seconds for sample in samples]
    assert ends == sorted(set(ends))
    curve = curve_of(while_sending(samples, trial["claim"]["packets"]))
    assert curve is not None
    assert curve.samples > 10
    assert curve.mean_pps == pytest.approx(trial["claim"]["pps"], rel=0.02)
    assert curve.samples < len(samples)
