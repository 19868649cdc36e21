"""What is left of a trial, whoever is killed in mid-run: no sender, an interface as it was, and what was measured."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import Trial, disturb_nic, eventually, make_pcap, nic, senders

from linerate.trial.journal import forget, left

TRIAL = {
    "context": {"run_id": "a-run"},
    "planned": {"trial_id": "001-x-kernel-topspeed-r1"},
    "replay": {},
    "witnesses": [],
}
NAME = "a-run--001-x-kernel-topspeed-r1"


@pytest.fixture
def begin(lab: None, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Begins a trial with a journal in tmp_path/journals, whose interface is then not as it was any more."""
    begun: list[Trial] = []

    def begin(**given: Any) -> Trial:
        begun.append(
            Trial(
                make_pcap(tmp_path / "test.pcap"),
                trial=TRIAL,
                journals=str(tmp_path / "journals"),
                interval_seconds=0.1,
                **given,
            )
        )
        trial = begun[-1].sending()
        eventually(
            "samples are written down", lambda: (tmp_path / f"journals/{NAME}.jsonl").read_text().count("\n") > 3
        )
        return trial

    yield begin
    for trial in begun:
        trial.gone()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kept(folder: Path) -> dict[str, Any]:
    """What the journal says of the trial once all is cleaned up."""
    found, wrong = left(str(folder), wait_seconds=60)
    assert wrong == []
    (journal,) = found
    assert journal.trial == TRIAL
    return dict(journal.sent)


def test_after_sigkill_of_tcpreplay(begin, tmp_path):
    trial = begin()
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    os.kill(sender, signal.SIGKILL)
    result = trial.result()
    assert result["process"]["exit_status"] == -signal.SIGKILL
    assert result["claim"] is None
    assert result["nic"]["tx_packets"] >= sum(sample["packets"] for sample in result["samples"]) > 0
    assert len(result["recovery"]["steps"]) == 3
    assert nic() == before
    assert senders(trial.pcap) == []


def test_after_sigkill_of_the_module(begin, tmp_path):
    trial = begin()
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    os.kill(parent(sender), signal.SIGKILL)
    trial.process.wait()
    # The guardian has let go of the journal when it has cleaned up.
    sent = kept(tmp_path / "journals")
    assert nic() == before
    assert senders(trial.pcap) == []
    assert sent["process"]["stopped_because"] == "the module that watched it was killed"
    assert sent["process"]["exit_status"] is None
    assert sent["claim"] is None
    assert 0 < sum(sample["packets"] for sample in sent["samples"]) <= sent["nic"]["tx_packets"]


def test_after_sigkill_of_a_module_whose_tcpreplay_is_stopped(begin, tmp_path):
    trial = begin(stall_seconds=600)
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    module = parent(sender)
    os.kill(sender, signal.SIGSTOP)
    os.kill(module, signal.SIGKILL)
    kept(tmp_path / "journals")
    assert senders(trial.pcap) == []
    assert nic() == before


def test_after_sigkill_of_the_module_and_its_guardian_the_next_trial_puts_back(begin, tmp_path):
    trial = begin()
    before = nic()
    disturb_nic()
    disturbed = nic()
    (sender,) = senders(trial.pcap)
    module = parent(sender)
    (guardian,) = [pid for pid in children(module) if pid != sender]
    for pid in (guardian, module):
        os.kill(pid, signal.SIGKILL)
    eventually("tcpreplay has followed", lambda: not senders(trial.pcap))
    assert nic() == disturbed
    again = begin(pps=1000, loop=5).result()
    assert again["claim"]["successful"] == 10000
    assert nic() == before


def test_after_sigkill_of_the_guardian_alone_the_trial_is_a_good_one(begin, tmp_path):
    trial = begin(pps=2000, loop=5)
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    (guardian,) = [pid for pid in children(parent(sender)) if pid != sender]
    os.kill(guardian, signal.SIGKILL)
    result = trial.result()
    assert result["process"]["stopped_because"] is None
    assert result["claim"]["successful"] == 10000
    assert nic() == before
    assert kept(tmp_path / "journals")["claim"] == result["claim"]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_after_a_good_trial(begin, tmp_path):
    trial = begin(pps=2000, loop=5)
    before = nic()
    result = trial.result()
    assert result["process"]["stopped_because"] is None
    assert (result["recovery"]["steps"], result["recovery"]["carrier"]) == ([], True)
    assert nic() == before
    # The last line of its journal is the whole result, readable by its owner alone.
    journal = tmp_path / f"journals/{NAME}.jsonl"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.parent.stat().st_mode) == 0o700
    sent = kept(tmp_path / "journals")
    assert {key: result[key] for key in sent} == sent
    assert forget([NAME], str(tmp_path / "journals")) == [NAME]
    assert list(journal.parent.iterdir()) == []


def test_a_journal_that_is_being_written_is_left_alone(begin, tmp_path):
    trial = begin()
    assert left(str(tmp_path / "journals")) == ([], [])
    assert trial.process.poll() is None
