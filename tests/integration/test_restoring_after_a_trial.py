"""If any process of a trial is killed: no sender remains, the interface is restored, and the partial result is kept."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import Trial, disturb_nic, eventually, make_pcap, nic, parent, senders

from linerate.trial.journal import KILLED, forget, interrupted

NAME = "a-run--001-test-kernel-r1"


@pytest.fixture
def begin(lab: None, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Start a trial with a journal in tmp_path/journals, and wait for its first samples."""
    trials: list[Trial] = []

    def begin(**given: Any) -> Trial:
        trials.append(
            Trial(
                make_pcap(tmp_path / "test.pcap"),
                journals=str(tmp_path / "journals"),
                interval_seconds=0.1,
                **given,
            )
        )
        trial = trials[-1].sending()
        eventually("the journal has samples", lambda: (tmp_path / f"journals/{NAME}.jsonl").read_text().count("\n") > 3)
        return trial

    yield begin
    for trial in trials:
        trial.gone()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def journaled(folder: Path) -> dict[str, Any]:
    """The trial's result in its journal, once the cleanup is complete."""
    found, wrong = interrupted(str(folder), wait_seconds=60)
    assert wrong == []
    (journal,) = found
    assert journal.name == NAME
    return journal.sent.to_json()


def test_sigkill_of_tcpreplay_keeps_the_partial_result_and_restores_the_nic(begin, tmp_path):
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


def test_sigkill_of_the_module_keeps_the_partial_result_and_restores_the_nic(begin, tmp_path):
    trial = begin()
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    os.kill(parent(sender), signal.SIGKILL)
    trial.process.wait()
    # The cleanup process unlocks the journal when it has finished.
    sent = journaled(tmp_path / "journals")
    assert nic() == before
    assert senders(trial.pcap) == []
    assert sent["process"]["stopped_because"] == KILLED
    assert sent["process"]["exit_status"] is None
    assert sent["claim"] is None
    assert 0 < sum(sample["packets"] for sample in sent["samples"]) <= sent["nic"]["tx_packets"]


def test_sigkill_of_the_module_ends_a_stopped_tcpreplay(begin, tmp_path):
    trial = begin(stall_seconds=600)
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    module = parent(sender)
    os.kill(sender, signal.SIGSTOP)
    os.kill(module, signal.SIGKILL)
    journaled(tmp_path / "journals")
    assert senders(trial.pcap) == []
    assert nic() == before


def test_after_sigkill_of_the_module_and_its_cleanup_process_the_next_trial_restores_the_nic(begin, tmp_path):
    trial = begin()
    before = nic()
    disturb_nic()
    disturbed = nic()
    (sender,) = senders(trial.pcap)
    module = parent(sender)
    (cleanup,) = [pid for pid in children(module) if pid != sender]
    for pid in (cleanup, module):
        os.kill(pid, signal.SIGKILL)
    eventually("tcpreplay has ended", lambda: not senders(trial.pcap))
    assert nic() == disturbed
    again = begin(pps=1000, loop=5).result()
    assert again["claim"]["successful"] == 10000
    assert nic() == before


def test_sigkill_of_the_cleanup_process_alone_does_not_affect_the_trial(begin, tmp_path):
    trial = begin(pps=2000, loop=5)
    before = nic()
    disturb_nic()
    (sender,) = senders(trial.pcap)
    (cleanup,) = [pid for pid in children(parent(sender)) if pid != sender]
    os.kill(cleanup, signal.SIGKILL)
    result = trial.result()
    assert result["process"]["stopped_because"] is None
    assert result["claim"]["successful"] == 10000
    assert nic() == before
    assert journaled(tmp_path / "journals")["claim"] == result["claim"]


def test_a_complete_trial_leaves_nothing_to_restore_and_a_private_journal(begin, tmp_path):
    trial = begin(pps=2000, loop=5)
    before = nic()
    result = trial.result()
    assert result["process"]["stopped_because"] is None
    assert (result["recovery"]["steps"], result["recovery"]["carrier"]) == ([], True)
    assert nic() == before
    # The last line of the journal is the whole result, and only its owner may read it.
    journal = tmp_path / f"journals/{NAME}.jsonl"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.parent.stat().st_mode) == 0o700
    sent = journaled(tmp_path / "journals")
    assert {key: result[key] for key in sent} == sent
    assert forget([NAME], str(tmp_path / "journals")) == [NAME]
    assert list(journal.parent.iterdir()) == []


def test_the_journal_of_a_running_trial_is_not_collected(begin, tmp_path):
    trial = begin()
    assert interrupted(str(tmp_path / "journals")) == ([], [])
    assert trial.process.poll() is None
