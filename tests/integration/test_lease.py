"""Runs on one bench: one at a time uses it, and the next run stores and removes what a killed controller left."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import REPOSITORY
from tests.integration.test_interrupted import Run, begin, receivers
from tests.integration.trials import PATIENCE_SECONDS, eventually, senders

from linerate.system.lease import FILE
from linerate.trial.journal import FOLDER

__all__ = ["begin"]

STATE = Path("/run/linerate")
LEASE = Path("/", FILE)
CHECKOUT = ("ansible.cfg", "inventory", "library", "playbooks", "plugins", "roles", "schemas", "site.yml", "src")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Another checkout of the project, as of another user."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in CHECKOUT:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, folder / name)
    return folder


def left() -> list[str]:
    """What a run leaves on the bench until it ends: processes, journals, and files in /run/linerate."""
    kept = ("lab.json", "trial", "programs")
    files = [path.name for path in (*STATE.glob("*"), *Path(FOLDER).glob("*")) if path.name not in kept]
    return [*files, *map(str, senders()), *map(str, receivers())]


def refused(run: Run) -> str:
    assert run.process.wait(timeout=PATIENCE_SECONDS) != 0, run.text()
    return " ".join(run.text().split())


@pytest.mark.long
def test_of_two_runs_one_is_refused_at_once_and_one_waits(begin: Callable[..., Run], checkout: Path) -> None:
    first = begin(repeats=2, run_id="first")
    first.sending(1)
    second = begin(repeats=1, run_id="second", checkout=checkout)
    waiting = begin(repeats=1, run_id="waiting", checkout=checkout, benchmark_when_busy="wait")
    told = refused(second)
    assert f"is in use by run first of root@{socket.gethostname()} since 20" in told
    assert "Wait until that run has ended; with benchmark_when_busy=wait a benchmark does." in told
    assert not (second.folder / "results/second").exists()
    trials = first.completed()
    assert [trial["verdict"]["reasons"] for trial in trials] == [[], []]
    (later,) = waiting.completed()
    assert later["verdict"]["reasons"] == []
    assert "Waiting: host" in waiting.text()
    assert later["started_at"] > trials[-1]["ended_at"]
    assert left() == []


@pytest.mark.long
def test_what_depends_on_a_run_is_not_changed_during_it(begin: Callable[..., Run], play: Any) -> None:
    run = begin(repeats=1, __benchmark_idle_seconds=2 * PATIENCE_SECONDS)
    run.sending(1)
    run.process.send_signal(signal.SIGSTOP)
    other = {"name": "udp_port_scan_64", "protocol": "tcp", "ip_length": 64}
    pcaps = {"pcaps_dir": str(run.folder / "pcaps"), "pcaps_set": [other]}
    for playbook, given in (("pcaps", pcaps), ("restore", {}), ("lab_down", {})):
        done = play(f"playbooks/{playbook}.yml", **given)
        assert done.rc != 0
        assert f"is in use by run {run.run_id}" in " ".join(done.stdout.split())
    run.process.send_signal(signal.SIGCONT)
    (trial,) = run.completed()
    assert trial["verdict"]["reasons"] == []


@pytest.mark.long
def test_a_run_that_was_killed_while_it_starts_sends_counts_or_stores_leaves_nothing(begin: Callable[..., Run]) -> None:
    def kept() -> bool:
        return any(STATE.glob("receive-counts*.json"))

    def storing() -> bool:
        return any((runs[-1].folder / "results/stores/samples").glob("*.csv"))

    phases: dict[str, Callable[[], Any]] = {"starts": receivers, "sends": senders, "counts": kept, "stores": storing}
    runs: list[Run] = []
    for phase, reached in phases.items():
        # The proof would be seen as the trial.
        runs.append(begin(repeats=1, run_id=phase, benchmark_duration_paced=2, benchmark_proof=False))
        run = runs[-1]
        eventually(f"a trial {phase}", lambda reached=reached, run=run: reached() or run.process.poll() is not None)
        run.process.kill()
        run.process.wait()
        assert LEASE.exists(), run.text()
    last = begin(repeats=1, run_id="last", benchmark_duration_paced=2)
    (trial,) = last.completed()
    assert trial["verdict"]["reasons"] == []
    stored = {run.run_id: run.stored() for run in runs}
    # Killed before tcpreplay started, there may have been no trial yet.
    assert len(stored["starts"]) <= 1
    assert {phase: len(trials) for phase, trials in stored.items()} == {
        **dict.fromkeys(phases, 1),
        "starts": len(stored["starts"]),
    }
    assert not stored["sends"][0]["verdict"]["valid"]
    for phase in ("counts", "stores"):
        assert stored[phase][0]["verdict"]["reasons"] == []
        assert stored[phase][0]["witness"]["packets"] == stored[phase][0]["claim"]["successful"]
    assert left() == []


@pytest.mark.long
def test_trials_of_runs_that_are_gone_are_stored_apart_by_one_call_each(begin: Callable[..., Run]) -> None:
    run = begin(repeats=1, run_id="gone")
    run.sending(1)
    run.process.kill()
    run.process.wait()
    eventually("tcpreplay has ended", lambda: not senders())
    shutil.rmtree(run.folder / "results/gone")
    last = begin(repeats=1, run_id="last", benchmark_duration_paced=2)
    last.completed()
    text = " ".join(last.text().split())
    assert "Stored for run gone, which was interrupted and is not here: " in text
    (record,) = (run.folder / "results/orphaned").glob("gone--001-*.json")
    assert record.with_name(f"{record.stem}.csv").exists()
    assert left() == []
