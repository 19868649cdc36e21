"""Runs of which a process is killed: sending stops, the partial result is stored, and the run continues."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import REPOSITORY, SSH_PORT, VENV_BIN
from tests.integration.trials import PATIENCE_SECONDS, disturb_nic, eventually, nic, parent, pids, senders

from linerate.lab.namespaces import RECEIVER
from linerate.results.store import check
from linerate.trial.journal import FOLDER, KILLED, interrupted

RUN = "a-run"
STOPPED = ("the controller", "SIGTERM", "SIGHUP")
"""Of the reasons for which a module ends its trial when its controller ends, one of these is a part."""


class Run:
    """`ansible-playbook playbooks/benchmark.yml` in the background, with trials of a few seconds each."""

    def __init__(
        self,
        folder: Path,
        repeats: int,
        inventory: str | None,
        before: list[str],
        checkout: Path = REPOSITORY,
        run_id: str = RUN,
        **given: Any,
    ) -> None:
        self.folder, self.checkout, self.run_id = folder, checkout, run_id
        self.variables = json.dumps(
            {
                "benchmark_run_id": run_id,
                "benchmark_repeats": repeats,
                "benchmark_rates": [{"mode": "pps", "value": 2000}],
                "benchmark_cases": ["udp_port_scan_64"],
                "benchmark_engines": ["kernel"],
                "benchmark_duration_paced": 6,
                "benchmark_sample_interval": 0.2,
                "benchmark_rate_tolerance_percent": 50,
                # These tests cut trials off and then expect the run to go on to its end.
                "benchmark_fail_on_invalid": False,
                "benchmark_results_dir": str(folder / "results"),
                "pcaps_dir": str(folder / "pcaps"),
                **given,
            }
        )
        self.inventory = ["-i", "inventory/lab", *(["-i", inventory] if inventory else [])]
        self.before = before
        self.output_path = folder / f"output of {run_id}"
        self.output = self.output_path.open("w+")
        self.process = self.play("benchmark")

    def play(self, playbook: str) -> subprocess.Popen[bytes]:
        command = [
            str(VENV_BIN / "ansible-playbook"),
            f"playbooks/{playbook}.yml",
            *self.inventory,
            "-e",
            self.variables,
        ]
        return subprocess.Popen(
            [*self.before, *command],
            cwd=self.checkout,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ANSIBLE_CONFIG": str(self.checkout / "ansible.cfg"), "LC_ALL": "C.UTF-8"},
        )

    def sending(self, number: int) -> int:
        """Wait until the trial with that number has samples; its tcpreplay."""
        eventually(f"trial {number} sends", lambda: self._samples(number) > 2)
        (sender,) = senders()
        return sender

    def _samples(self, number: int) -> int:
        assert self.process.poll() is None, self.text()
        found = list(Path(FOLDER).glob(f"{self.run_id}--{number:03d}-*.jsonl"))
        return found[0].read_text().count("\n") if found else 0

    def text(self) -> str:
        return self.output_path.read_text()

    def completed(self) -> list[dict[str, Any]]:
        """Wait for the successful end of the run; its stored trials."""
        assert self.process.wait(timeout=2 * PATIENCE_SECONDS) == 0, self.text()
        return self.stored()

    def stored(self) -> list[dict[str, Any]]:
        lines = (self.folder / "results" / self.run_id / "trials.jsonl").read_text().splitlines()
        trials = [json.loads(line) for line in lines]
        for trial in trials:
            check(trial, REPOSITORY / "schemas/trial.schema.json")
        return trials


@pytest.fixture
def begin(lab: None, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(repeats: int, inventory: str | None = None, before: list[str] | None = None, **given: Any) -> Run:
        runs.append(Run(tmp_path, repeats, inventory, before or [], **given))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            # A failed test may leave it stopped.
            run.process.send_signal(signal.SIGCONT)
            run.process.wait()
        run.output.close()
    eventually("tcpreplay has ended", lambda: not senders())


def named(name: str) -> list[int]:
    """The processes with that name, of all namespaces."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == name:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def assert_partial(trial: dict[str, Any], reasons: tuple[str, ...]) -> None:
    """The trial was stopped for one of ``reasons``, and is stored with what had been counted by then."""
    assert trial["partial"]
    assert not trial["verdict"]["valid"]
    assert any(reason in trial["process"]["stopped_because"] for reason in reasons), trial["process"]
    assert f"did not run to its end: {trial['process']['stopped_because']}" in trial["verdict"]["reasons"]
    counted, arrived = trial["sender_nic"]["tx_packets"], trial["witness"]["packets"]
    assert 0 < counted < trial["offered"]["packets"]
    # A killed module read its counters up to one sample before sending stopped.
    assert arrived >= counted


def receivers() -> list[int]:
    """The processes that count at the receiver: forks of the module that started them, each in its own session."""
    return [pid for pid in pids(RECEIVER) if is_session_leader(pid)]


def is_session_leader(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def kill_with_disturbed_nic(run) -> None:
    """Kill the playbook as it sends; nothing sends any more, and the interface has its settings again."""
    before = nic()
    disturb_nic()
    run.process.kill()
    run.process.wait()
    eventually("tcpreplay has ended", lambda: not senders())
    eventually("the interface is restored", lambda: nic() == before)


@pytest.mark.long
def test_a_killed_module_a_stopped_receiver_and_a_missing_pcap_affect_one_trial_each(begin):
    run = begin(repeats=4)
    os.kill(parent(run.sending(1)), signal.SIGKILL)
    run.sending(2)
    (receiver,) = receivers()
    os.kill(receiver, signal.SIGSTOP)
    run.sending(3)
    (run.folder / "pcaps/udp_port_scan_64.pcap").unlink()
    first, second, third, fourth = run.completed()
    assert_partial(first, (KILLED,))
    # Sending does not depend on the receiver; the verdict says that it did not count.
    assert second["claim"]["successful"] == second["offered"]["packets"]
    assert second["witness"] is None
    assert any("does not answer (timed out)" in reason for reason in second["verdict"]["reasons"])
    assert third["verdict"]["reasons"] == []
    assert "udp_port_scan_64.pcap" in fourth["process"]["stopped_because"]
    assert (fourth["partial"], fourth["claim"], fourth["witness"]["packets"]) == (True, None, 0)
    assert senders() == []
    # Everything is stored, so there is nothing to collect.
    assert list(Path(FOLDER).iterdir()) == []


@pytest.mark.long
def test_a_killed_playbook_leaves_no_sender_and_its_partial_result_can_be_collected(begin):
    run = begin(repeats=2)
    run.sending(1)
    kill_with_disturbed_nic(run)
    assert run.stored() == []
    (journal,) = Path(FOLDER).iterdir()
    with journal.open() as held:
        # As the module does while it restores the interface.
        fcntl.flock(held, fcntl.LOCK_EX)
        collect = run.play("collect")
        eventually("the playbook waits for the journal", lambda: readers(journal) or collect.poll() is not None)
    assert collect.wait(timeout=PATIENCE_SECONDS) == 0, run.text()
    (trial,) = run.stored()
    assert_partial(trial, STOPPED)
    assert list(Path(FOLDER).iterdir()) == []
    assert run.play("collect").wait(timeout=PATIENCE_SECONDS) == 0, run.text()
    assert len(run.stored()) == 1


def readers(path: Path) -> list[str]:
    """The other processes that have the file open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == str(path):
                found.append(link.parts[2])
        except OSError:
            continue
    return [pid for pid in found if pid != str(os.getpid())]


@pytest.mark.long
def test_a_trial_that_its_running_run_has_not_stored_yet_is_not_collected(begin):
    run = begin(repeats=1)
    run.sending(1)
    (receiver,) = receivers()
    run.process.send_signal(signal.SIGSTOP)
    eventually("the module has ended", lambda: interrupted()[0])
    assert run.play("collect").wait(timeout=PATIENCE_SECONDS) == 0, run.text()
    assert "belongs to a run in progress" in " ".join(run.text().split())
    assert run.stored() == []
    assert receivers() == [receiver]
    # The name contains the run, so that another run's trial with the same number does not match.
    assert len(list(Path("/run/linerate").glob(f"receive-{RUN}--001-*.sock"))) == 1
    run.process.send_signal(signal.SIGCONT)
    (trial,) = run.completed()
    assert trial["verdict"]["reasons"] == []


def test_an_interrupted_proof_of_arrival_ends_the_run_and_its_receiver(begin):
    # The receiver's own deadline is later than this test waits.
    run = begin(repeats=1, benchmark_proof_pps=20, benchmark_deadline_margin=2 * PATIENCE_SECONDS)
    eventually("the receiver counts", receivers)
    (sender,) = eventually("the burst is sent", senders)
    os.kill(parent(sender), signal.SIGKILL)
    assert run.process.wait(timeout=PATIENCE_SECONDS) != 0
    eventually("no receiver counts", lambda: not receivers())
    assert not (run.folder / "results").exists()


def session_of(pid: int) -> int:
    """The process of sshd that is an ancestor of ``pid``."""
    while Path(f"/proc/{pid}/comm").read_text().strip() not in ("sshd", "sshd-session"):
        pid = parent(pid)
        assert pid > 1
    return pid


def clients() -> list[int]:
    """This test's SSH clients that wait for a command, without the one that only shares its connection."""
    return [pid for pid in named("ssh") if f"Port={SSH_PORT}" in command(pid) and "[mux]" not in command(pid)]


@pytest.mark.long
def test_a_dropped_ssh_connection_affects_one_trial_and_not_the_run(begin, by_ssh):
    run = begin(repeats=3, **by_ssh)
    run.sending(1)
    before = nic()
    disturb_nic()
    for client in clients():
        os.kill(client, signal.SIGKILL)
    sender = run.sending(2)
    assert nic() == before
    disturb_nic()
    os.kill(session_of(sender), signal.SIGKILL)
    first, second, third = run.completed()
    assert_partial(first, STOPPED)
    assert_partial(second, STOPPED)
    # tcpreplay was interrupted; its claim is kept unless a busy machine delayed it for too long.
    assert first["claim"] is None or first["claim"]["interrupted"]
    assert third["verdict"]["reasons"] == []
    assert senders() == []
    assert nic() == before


@pytest.mark.long
def test_a_killed_playbook_leaves_no_sender_on_a_host_behind_ssh(begin, by_ssh):
    run = begin(repeats=1, **by_ssh)
    run.sending(1)
    # This is ansible-playbook: `ip netns exec` has replaced itself by it.
    kill_with_disturbed_nic(run)
    assert run.play("collect").wait(timeout=PATIENCE_SECONDS) == 0, run.text()
    (trial,) = run.stored()
    assert_partial(trial, STOPPED)
