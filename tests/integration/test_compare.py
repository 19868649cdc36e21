"""Comparison and curve, of real trials: tcpreplay in the lab's namespaces, counted by the receiver's packet socket."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_template
from linerate.pcap.writer import write_pcap
from linerate.results.statistics import RESOLUTION, Repeats, ratio
from linerate.trial.curve import describe, within_sending

pytestmark = [pytest.mark.quiet, pytest.mark.long]

# Run in the sender's namespace; the socket is opened in the receiver's, where it stays.
TRIALS = """
import ctypes, json, os, sys, time
from linerate.system.run import run
from linerate.receiver.packet_counter import PacketCounter
from linerate.tcpreplay.options import ReplayOptions
from linerate.trial.replay import ReplayJob, replay

def enter(path):
    handle = os.open(path, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(handle, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")

given = json.loads(sys.argv[1])
here = os.open("/proc/self/ns/net", os.O_RDONLY)
enter("/run/netns/linerate-receiver1")
witness = PacketCounter("lrr0", "198.19.0.1", 78, 78)
enter(f"/proc/self/fd/{here}")
for pps in given["rates"]:
    options = ReplayOptions(
        interface="lrs0", pcap=given["pcap"], pps=pps, loop=1000, limit=int(pps * given["seconds"]), preload_pcap=True
    )
    before = witness.packets()
    sent = replay(ReplayJob(options, 60, interval_seconds=given["interval"]), run)
    time.sleep(0.05)
    claim = sent["claim"]
    arrived = witness.packets() - before
    print(json.dumps({"pps": claim["pps"] * arrived / claim["packets"], "claim": claim, "samples": sent["samples"]}))
"""


@pytest.fixture
def pcap(tmp_path: Path) -> str:
    path = str(tmp_path / "test.pcap")
    spec = PcapSpec(
        protocol="udp", ip_length=64, src_mac="02:00:00:00:00:01", dst_mac="02:00:00:00:00:02", packets=2000
    )
    write_pcap(path, spec, build_template(spec))
    return path


def trials(pcap: str, rates: list[float], seconds: float, interval: float = 1.0) -> list[dict[str, Any]]:
    """A trial at each of the rates, in packets/s, one after the other: the received rate, the claim, the samples."""
    given = json.dumps({"pcap": pcap, "rates": rates, "seconds": seconds, "interval": interval})
    inside = ["ip", "netns", "exec", "linerate-sender1", sys.executable, "-c", TRIALS, given]
    done = subprocess.run(inside, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def repeats(rates: list[float], packets: float) -> Repeats:
    return Repeats(tuple(rates), RESOLUTION + 1 / packets)


def test_the_interval_covers_the_true_ratio_of_two_rate_limited_ways(lab, pcap):
    """Three repeats a try, A B, B A, A B; the truth is what tcpreplay was told to keep to. And 1.5 is not the truth."""
    slow, fast, seconds, tries = 3000.0, 5200.0, 0.5, 20
    order = [slow, fast, fast, slow, slow, fast]
    measured = [trial["pps"] for trial in trials(pcap, order * tries, seconds)]
    covered, told_apart = 0, 0
    for begin in range(0, len(measured), len(order)):
        pairs = list(zip(order, measured[begin : begin + len(order)]))
        of, to = (repeats([rate for asked, rate in pairs if asked == way], way * seconds) for way in (fast, slow))
        found = ratio(of, to)
        covered += found.low <= fast / slow <= found.high
        told_apart += not found.low <= 1.5 <= found.high
    assert covered >= 18
    # On a busy machine an interval is wider, and still has to say something.
    assert told_apart >= 15


def test_a_curve_of_samples_of_100_ms_is_that_of_the_sending(lab, pcap):
    """From the first packet to the last: what was idle before and after lowers neither end."""
    (trial,) = trials(pcap, [5000.0], 3.0, interval=0.1)
    samples = trial["samples"]
    assert sum(sample["packets"] for sample in samples) == trial["claim"]["packets"]
    ends = [sample["elapsed_seconds"] for sample in samples]
    assert ends == sorted(set(ends))
    curve = describe(within_sending(samples, trial["claim"]["seconds"]))
    assert curve["samples"] > 10
    assert curve["mean_pps"] == pytest.approx(trial["claim"]["pps"], rel=0.02)
