"""A trial that cannot succeed any more is ended mid-run with the reason, and no process remains: real tcpreplay."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import (
    Trial,
    disturb_nic,
    eventually,
    ip,
    make_pcap,
    nic,
    parent,
    senders,
    set_link,
)

from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.trial.evidence import Sent
from linerate.trial.model import Offered
from linerate.trial.timing import BothRates, Timing
from linerate.trial.verdict import Evidence, judge

STDERR_KEPT = 4000
# tcpreplay writes about 12 MB/s: what it can write until it handles SIGINT, with a margin for a busy machine.
STDERR_LIMIT = 64 * 1024 * 1024
PEAK_KIB = 200 * 1024


@pytest.fixture
def begin(lab: None, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Start a trial of 1414-byte frames, at top speed unless ``pps`` is given, and wait until it sends."""
    trials: list[Trial] = []

    def begin(**given: Any) -> Trial:
        trials.append(Trial(make_pcap(tmp_path / "test.pcap", ip_length=1400), **given))
        # One less than all: after the last packet the trial ends.
        return trials[-1].sending(given.get("limit", 21) - 1)

    yield begin
    for trial in trials:
        trial.gone()


def reasons(result: dict[str, Any]) -> tuple[str, ...]:
    """The reasons of the verdict, as for a trial of one minute at top speed."""
    offered = Offered("topspeed", None, None, None, 60, 120)
    sent = Sent.of_result(result)
    timing = Timing(None, None, sent.wall_clock_step, None, None)
    return judge(Evidence(offered, sent, timing, BothRates(None, None))).reasons


def assert_stopped(result: dict[str, Any], reason: str, pcap: str) -> None:
    """The supervisor ended the trial for ``reason``, in bounded memory, and no sender remains."""
    process = result["process"]
    assert process["stopped_because"].startswith(reason), process["stopped_because"]
    assert f"did not run to its end: {process['stopped_because']}" in reasons(result)
    assert not process["deadline_exceeded"]
    assert process["signals_sent"][0] == "SIGINT"
    assert len(process["stderr"]) <= STDERR_KEPT
    assert process["stderr_bytes"] < STDERR_LIMIT
    assert result["peak_kib"] < PEAK_KIB
    assert senders(pcap) == []


def assert_claim_kept(result: dict[str, Any]) -> None:
    """tcpreplay's claim after SIGINT is kept, unless it took so long on a busy machine that it was killed."""
    if result["process"]["signals_sent"] == ["SIGINT"]:
        assert result["claim"]["interrupted"]


@pytest.mark.parametrize("rate", [{}, {"pps": 200, "loop": 100}], ids=["top speed", "paced"])
def test_an_interface_taken_down_ends_the_trial(begin, rate):
    trial = begin(**rate)
    before = nic()
    set_link(SENDER, "down")
    result = trial.result()
    assert_stopped(result, "the interface lrs0 is down", trial.pcap)
    assert result["nic"]["tx_packets"] > 0
    assert_claim_kept(result)
    # It was taken down on purpose, so it stays down.
    assert nic() == {**before, "up": "no", "carrier": "no"}
    assert result["recovery"]["steps"] == []
    assert result["recovery"]["error"] is None


@pytest.mark.parametrize("rate", [{}, {"pps": 200, "loop": 100}], ids=["top speed", "paced"])
def test_a_deleted_interface_ends_the_trial(begin, rate):
    trial = begin(**rate)
    ip(SENDER, "link", "delete", "lrs0")
    result = trial.result()
    assert_stopped(result, "the interface lrs0 is gone", trial.pcap)
    # A missing interface has nothing to restore.
    assert (result["recovery"]["steps"], result["recovery"]["carrier"]) == ([], False)


def test_a_recreated_interface_keeps_its_new_settings(begin, tmp_path):
    trial = begin(trial_id="001", journals=str(tmp_path), interval_seconds=0.1)
    # The counters are lost with the interface, so the trial must have read them before.
    journal = tmp_path / "a-run--001.jsonl"
    eventually("the journal has samples", lambda: journal.exists() and journal.read_text().count("\n") > 3)
    ip(SENDER, "link", "delete", "lrs0")
    ip(SENDER, "link", "add", "lrs0", "mtu", "1300", "type", "veth", "peer", "name", "lrs1")
    result = trial.result()
    assert_stopped(result, "", trial.pcap)
    assert result["nic"]["tx_packets"] > 0
    assert nic()["mtu"] == "1300"


def test_a_lost_carrier_ends_the_trial(begin):
    trial = begin()
    before = nic()
    set_link(RECEIVER, "down")
    result = trial.result()
    assert_stopped(result, "the interface lrs0 has lost its carrier", trial.pcap)
    assert nic() == {**before, "carrier": "no"}


@pytest.mark.parametrize("rate", [{}, {"pps": 200, "loop": 100}], ids=["top speed", "paced"])
def test_a_peer_mtu_made_smaller_ends_the_trial(begin, rate):
    # Long enough that a busy machine does not look like the stall.
    trial = begin(stall_seconds=3, **rate)
    set_link(RECEIVER, "mtu", "1000")
    result = trial.result()
    assert_stopped(result, "nothing left the interface lrs0 for ", trial.pcap)
    assert "packets were dropped: is the receiver's MTU smaller?" in result["process"]["stopped_because"]
    assert result["nic"]["tx_dropped"] > 0


def test_a_smaller_peer_mtu_ends_the_trial_before_its_first_packet(lab, tmp_path):
    set_link(RECEIVER, "mtu", "1000")
    trial = Trial(make_pcap(tmp_path / "test.pcap", ip_length=1400))
    result = trial.result()
    assert_stopped(result, "nothing left the interface lrs0 for ", trial.pcap)
    assert result["nic"]["tx_packets"] == 0


def test_a_stopped_tcpreplay_is_killed(begin):
    trial = begin(stall_seconds=3)
    (pid,) = senders(trial.pcap)
    os.kill(pid, signal.SIGSTOP)
    result = trial.result()
    assert_stopped(result, "nothing left the interface lrs0 for ", trial.pcap)
    # A stopped process does not handle SIGINT.
    assert result["process"]["signals_sent"] == ["SIGINT", "SIGKILL"]
    assert result["claim"] is None


def test_a_gap_that_the_rate_explains_is_not_a_stall(begin):
    # 2 s between two packets, with a stall timeout of 0.5 s.
    result = begin(pps=0.5, loop=1, limit=3, stall_seconds=0.5).result()
    assert result["process"]["stopped_because"] is None
    assert result["claim"]["successful"] == result["nic"]["tx_packets"] == 3


def test_a_pcap_without_packets_is_a_stall(lab, tmp_path):
    path = Path(make_pcap(tmp_path / "empty.pcap"))
    path.write_bytes(path.read_bytes()[:24])
    result = Trial(str(path), stall_seconds=1, loop=0, duration=600).result()
    assert_stopped(result, "nothing left the interface lrs0 for ", str(path))


def test_the_end_of_the_controller_ends_the_trial_and_restores_the_nic(begin):
    trial = begin()
    before = nic()
    disturb_nic()
    assert trial.process.stdout is not None
    trial.process.stdout.close()
    trial.process.wait()
    assert senders(trial.pcap) == []
    assert nic() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_module_ends_the_trial_and_restores_the_nic(begin, number):
    trial = begin()
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    os.kill(parent(sender), number)
    result = trial.result()
    assert_stopped(result, "", trial.pcap)
    assert number.name in result["process"]["stopped_because"]
    assert_claim_kept(result)
    assert nic() == before
