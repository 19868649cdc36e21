"""What makes a trial hopeless in mid-run ends it, with the reason, and leaves nothing behind: real tcpreplay."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import (
    RECEIVER,
    SENDER,
    Trial,
    disturb_nic,
    eventually,
    ip,
    make_pcap,
    nic,
    senders,
)

from linerate.trial.plan import Offered
from linerate.trial.verdict import Evidence, judge

STDERR_KEPT = 4000
# tcpreplay writes about 12 MB/s; what it can write until it has seen SIGINT, and some for a busy machine.
STDERR_MOST = 64 * 1024 * 1024
PEAK_KIB = 200 * 1024


@pytest.fixture
def begin(lab: None, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Begins a trial at top speed, or at ``pps``, of frames of 1414 bytes, and waits until it sends."""
    begun: list[Trial] = []

    def begin(**given: Any) -> Trial:
        begun.append(Trial(make_pcap(tmp_path / "test.pcap", ip_length=1400), **given))
        # One less than all: after its last packet it ends.
        return begun[-1].sending(given.get("limit", 21) - 1)

    yield begin
    for trial in begun:
        trial.gone()


def reasons(result: dict[str, Any]) -> tuple[str, ...]:
    """Why the verdict says that a trial of a minute at top speed is not valid."""
    offered = Offered("topspeed", None, None, None, 60, 120)
    names = ("process", "claim", "claim_error", "adapter")
    seen = {name: result[name] for name in names}
    return judge(
        Evidence(
            offered=offered,
            sender_nic=result["nic"],
            witnessed=None,
            loss=None,
            line_rate_percent=None,
            cpu_percent=None,
            core_busy_percent=None,
            **seen,
        )
    ).reasons


def ended_well(result: dict[str, Any], because: str, pcap: str) -> None:
    process = result["process"]
    assert process["stopped_because"].startswith(because), process["stopped_because"]
    assert f"did not run to its end: {process['stopped_because']}" in reasons(result)
    assert not process["deadline_exceeded"]
    assert process["signals_sent"][0] == "SIGINT"
    assert len(process["stderr"]) <= STDERR_KEPT
    assert process["stderr_bytes"] < STDERR_MOST
    assert result["peak_kib"] < PEAK_KIB
    assert senders(pcap) == []


def its_word_is_kept(result: dict[str, Any]) -> None:
    """What tcpreplay says of a run that SIGINT cut; a busy machine may not let it say it within its time."""
    if result["process"]["signals_sent"] == ["SIGINT"]:
        assert result["claim"]["interrupted"]


@pytest.mark.parametrize("rate", [{}, {"pps": 200, "loop": 100}], ids=["top speed", "paced"])
def test_an_interface_that_is_taken_down(begin, rate):
    trial = begin(**rate)
    before = nic()
    ip("-n", SENDER, "link", "set", "lrs0", "down")
    result = trial.result()
    ended_well(result, "the interface lrs0 is down", trial.pcap)
    assert result["nic"]["tx_packets"] > 0
    its_word_is_kept(result)
    # Whoever took it down meant it; all else is as it was.
    assert nic()["offloads"] == before["offloads"]
    assert result["recovery"]["steps"] == []
    assert "error" not in result["recovery"]


@pytest.mark.parametrize("rate", [{}, {"pps": 200, "loop": 100}], ids=["top speed", "paced"])
def test_an_interface_that_is_deleted(begin, rate):
    trial = begin(**rate)
    ip("-n", SENDER, "link", "delete", "lrs0")
    result = trial.result()
    ended_well(result, "the interface lrs0 is gone", trial.pcap)
    # Of what is gone nothing is to be restored.
    assert (result["recovery"]["steps"], result["recovery"]["carrier"]) == ([], False)


def test_an_interface_that_is_deleted_and_made_anew_with_other_settings(begin, tmp_path):
    context, planned = {"run_id": "a-run"}, {"trial_id": "001"}
    trial = begin(trial={"context": context, "planned": planned}, journals=str(tmp_path), interval_seconds=0.1)
    # What was sent can be told afterwards only where the trial itself has counted some of it by now.
    journal = tmp_path / "a-run--001.jsonl"
    eventually("the trial counts", lambda: journal.exists() and journal.read_text().count("\n") > 3)
    ip("-n", SENDER, "link", "delete", "lrs0")
    ip("-n", SENDER, "link", "add", "lrs0", "mtu", "1300", "type", "veth", "peer", "name", "lrs1")
    result = trial.result()
    ended_well(result, "", trial.pcap)
    assert result["nic"]["tx_packets"] > 0
    assert nic()["mtu"] == "1300"


def test_a_carrier_that_is_lost(begin):
    trial = begin()
    ip("-n", RECEIVER, "link", "set", "lrr0", "down")
    result = trial.result()
    ended_well(result, "the interface lrs0 has lost its carrier", trial.pcap)
    assert nic()["flags"] == "0x1003"


@pytest.mark.parametrize("rate", [{}, {"pps": 200, "loop": 100}], ids=["top speed", "paced"])
def test_a_peer_with_a_smaller_mtu(begin, rate):
    # Long enough that a machine which is busy elsewhere is not taken for the stall.
    trial = begin(stall_seconds=3, **rate)
    ip("-n", RECEIVER, "link", "set", "lrr0", "mtu", "1000")
    result = trial.result()
    ended_well(result, "nothing left the interface lrs0 for ", trial.pcap)
    assert "packets were dropped: is the receiver's MTU smaller?" in result["process"]["stopped_because"]
    assert result["nic"]["tx_dropped"] > 0


def test_a_peer_with_a_smaller_mtu_from_the_beginning(lab, tmp_path):
    ip("-n", RECEIVER, "link", "set", "lrr0", "mtu", "1000")
    trial = Trial(make_pcap(tmp_path / "test.pcap", ip_length=1400))
    result = trial.result()
    ended_well(result, "nothing left the interface lrs0 for ", trial.pcap)
    assert result["nic"]["tx_packets"] == 0


def test_tcpreplay_that_is_stopped(begin):
    trial = begin(stall_seconds=3)
    (pid,) = senders(trial.pcap)
    os.kill(pid, signal.SIGSTOP)
    result = trial.result()
    ended_well(result, "nothing left the interface lrs0 for ", trial.pcap)
    # Stopped as it is, it cannot heed SIGINT.
    assert result["process"]["signals_sent"] == ["SIGINT", "SIGKILL"]
    assert result["claim"] is None


def test_seconds_between_packets_are_no_reason(begin):
    # More between two packets than may pass without any at higher rates.
    result = begin(pps=0.5, loop=1, limit=3, stall_seconds=0.5).result()
    assert result["process"]["stopped_because"] is None
    assert result["claim"]["successful"] == result["nic"]["tx_packets"] == 3


def test_the_first_packet_of_a_pcap_without_packets_is_not_awaited_for_ever(lab, tmp_path):
    path = Path(make_pcap(tmp_path / "empty.pcap"))
    path.write_bytes(path.read_bytes()[:24])
    result = Trial(str(path), stall_seconds=1, loop=0, duration=600).result()
    ended_well(result, "nothing left the interface lrs0 for ", str(path))


def test_the_end_of_the_controller(begin):
    trial = begin()
    before = nic()
    disturb_nic()
    assert trial.process.stdout is not None
    trial.process.stdout.close()
    trial.process.wait()
    assert senders(trial.pcap) == []
    assert nic() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_trial_that_is_told_to_end(begin, number):
    trial = begin()
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    module = int(Path(f"/proc/{sender}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(module, number)
    result = trial.result()
    ended_well(result, f"it received {number.name}", trial.pcap)
    its_word_is_kept(result)
    assert nic() == before
