"""Whole runs whose parts are killed: nothing sends on, what was measured is stored as partial, the run goes on."""

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
import yaml
from tests.integration.conftest import REPOSITORY, VENV_BIN
from tests.integration.trials import PATIENCE_SECONDS, SENDER, disturb_nic, eventually, nic, senders

from linerate.results.store import check
from linerate.trial.journal import FOLDER, left

SSHD = "/usr/sbin/sshd"
PORT = 22022
RUN = "a-run"
ENDED = {"the controller went away", "it received SIGTERM", "it received SIGHUP"}


class Run:
    """`ansible-playbook playbooks/benchmark.yml` in the background, with trials of some seconds each."""

    def __init__(self, folder: Path, repeats: int, inventory: str | None, before: list[str], **given: Any) -> None:
        self.folder = folder
        self.variables = json.dumps(
            {
                "benchmark_run_id": RUN,
                "benchmark_repeats": repeats,
                "benchmark_rates": [{"mode": "pps", "value": 2000}],
                "benchmark_cases": ["udp_port_scan_64"],
                "benchmark_duration_paced": 6,
                "benchmark_sample_interval": 0.2,
                "benchmark_rate_tolerance_percent": 50,
                "benchmark_results_dir": str(folder / "results"),
                "pcaps_dir": str(folder / "pcaps"),
                **given,
            }
        )
        self.inventory = ["-i", "inventory/lab", *(["-i", inventory] if inventory else [])]
        self.before = before
        self.output = (folder / "output").open("w+")
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
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "LC_ALL": "C.UTF-8"},
        )

    def sending(self, number: int) -> int:
        """The tcpreplay of the trial of that number, once it has sent for a while."""
        eventually(f"trial {number} sends", lambda: self._samples(number) > 2)
        (sender,) = senders()
        return sender

    def _samples(self, number: int) -> int:
        assert self.process.poll() is None, self.said()
        found = list(Path(FOLDER).glob(f"{RUN}--{number:03d}-*.jsonl"))
        return found[0].read_text().count("\n") if found else 0

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def ends(self) -> list[dict[str, Any]]:
        """The trials that are stored when it has ended well."""
        assert self.process.wait(timeout=2 * PATIENCE_SECONDS) == 0, self.said()
        return self.stored()

    def stored(self) -> list[dict[str, Any]]:
        lines = (self.folder / "results" / RUN / "trials.jsonl").read_text().splitlines()
        trials = [json.loads(line) for line in lines]
        for trial in trials:
            check(trial, REPOSITORY / "schemas/trial.schema.json")
        return trials


@pytest.fixture
def begin(lab: None, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    begun: list[Run] = []

    def begin(repeats: int, inventory: str | None = None, before: list[str] | None = None, **given: Any) -> Run:
        begun.append(Run(tmp_path, repeats, inventory, before or [], **given))
        return begun[-1]

    yield begin
    for run in begun:
        if run.process.poll() is None:
            run.process.terminate()
            # One that a failed test left stopped does not end.
            run.process.send_signal(signal.SIGCONT)
            run.process.wait()
        run.output.close()
    eventually("tcpreplay has ended", lambda: not senders())


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def named(name: str) -> list[int]:
    """The processes of that name in the lab's sender, and outside of it in this test's reach."""
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


def assert_partial(trial: dict[str, Any], reasons: set[str]) -> None:
    assert trial["partial"]
    assert not trial["verdict"]["valid"]
    assert trial["process"]["stopped_because"] in reasons
    assert f"did not run to its end: {trial['process']['stopped_because']}" in trial["verdict"]["reasons"]
    counted, arrived = trial["sender_nic"]["tx_packets"], trial["witness"]["packets"]
    assert 0 < counted < trial["offered"]["packets"]
    # A killed module's last look at the counters is up to a sample older than the end of sending.
    assert arrived >= counted


def counting() -> list[int]:
    """The processes that count at the receiver: forks of the module that began them, in sessions of their own."""
    listed = subprocess.run(["ip", "netns", "pids", "linerate-receiver1"], capture_output=True, text=True, check=True)
    return [pid for pid in map(int, listed.stdout.split()) if leads(pid)]


def leads(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def test_a_killed_module_a_stopped_receiver_and_a_lost_pcap_cost_a_trial_each_and_not_the_run(begin):
    run = begin(repeats=4)
    os.kill(parent(run.sending(1)), signal.SIGKILL)
    run.sending(2)
    (receiver,) = counting()
    os.kill(receiver, signal.SIGSTOP)
    run.sending(3)
    (run.folder / "pcaps/udp_port_scan_64.pcap").unlink()
    first, second, third, fourth = run.ends()
    assert_partial(first, {"the module that watched it was killed"})
    # What is sent does not depend on who counts; that nobody did is said.
    assert second["claim"]["successful"] == second["offered"]["packets"]
    assert second["witness"] is None
    assert any("does not answer (timed out)" in reason for reason in second["verdict"]["reasons"])
    assert third["verdict"]["reasons"] == []
    assert "udp_port_scan_64.pcap" in fourth["process"]["stopped_because"]
    assert (fourth["partial"], fourth["claim"], fourth["witness"]["packets"]) == (True, None, 0)
    assert senders() == []
    # All is stored, so nothing is left to be collected.
    assert list(Path(FOLDER).iterdir()) == []


def test_a_killed_playbook_leaves_no_sender_and_what_was_measured_is_collected(begin):
    run = begin(repeats=2)
    run.sending(1)
    before = nic()
    disturb_nic()
    run.process.kill()
    run.process.wait()
    eventually("tcpreplay has ended", lambda: not senders())
    eventually("the interface is as it was", lambda: nic() == before)
    assert run.stored() == []
    (journal,) = Path(FOLDER).iterdir()
    with journal.open() as held:
        # As the module does that still puts the interface back.
        fcntl.flock(held, fcntl.LOCK_EX)
        collect = run.play("collect")
        eventually("it waits for the journal", lambda: readers(journal) or collect.poll() is not None)
    assert collect.wait(timeout=PATIENCE_SECONDS) == 0, run.said()
    (trial,) = run.stored()
    assert_partial(trial, ENDED)
    assert list(Path(FOLDER).iterdir()) == []
    assert run.play("collect").wait(timeout=PATIENCE_SECONDS) == 0, run.said()
    assert len(run.stored()) == 1


def readers(path: Path) -> list[str]:
    """The processes but this one that have the file open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == str(path):
                found.append(link.parts[2])
        except OSError:
            continue
    return [pid for pid in found if pid != str(os.getpid())]


def test_a_trial_that_has_ended_and_is_not_stored_yet_is_its_run_s_own(begin):
    run = begin(repeats=1)
    run.sending(1)
    (receiver,) = counting()
    run.process.send_signal(signal.SIGSTOP)
    eventually("its module has ended", lambda: left()[0])
    assert run.play("collect").wait(timeout=PATIENCE_SECONDS) == 0, run.said()
    assert "belongs to a run that goes on" in " ".join(run.said().split())
    assert run.stored() == []
    assert counting() == [receiver]
    # Another run's trial of the same number and case has another name.
    assert len(list(Path("/run/linerate").glob(f"receive-{RUN}--001-*.sock"))) == 1
    run.process.send_signal(signal.SIGCONT)
    (trial,) = run.ends()
    assert trial["verdict"]["reasons"] == []


def test_a_proof_that_is_cut_off_ends_the_run_and_leaves_nobody_counting(begin):
    # By itself the count would end later than anybody waits here.
    run = begin(repeats=1, benchmark_proof_pps=20, benchmark_deadline_margin=2 * PATIENCE_SECONDS)
    eventually("the receiver counts", counting)
    (sender,) = eventually("the burst is sent", senders)
    os.kill(parent(sender), signal.SIGKILL)
    assert run.process.wait(timeout=PATIENCE_SECONDS) != 0
    eventually("nobody counts", lambda: not counting())
    assert not (run.folder / "results").exists()


@pytest.fixture
def by_ssh(lab: None, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Arguments of ``begin`` for a sender that is reached by a real sshd, on 127.0.0.1 in its namespace."""
    if not Path(SSHD).exists():
        pytest.skip("needs openssh-server: tests/packages.yml installs it")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)], check=True)
    options = {
        "Port": PORT,
        "ListenAddress": "127.0.0.1",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "user.pub",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "PidFile": "none",
        "UsePAM": "yes",
    }
    (tmp_path / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    inside = ["ip", "netns", "exec", SENDER]
    sshd = subprocess.Popen([*inside, SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=subprocess.DEVNULL)
    inventory = tmp_path / "ssh.yml"
    host = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": PORT,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(tmp_path / "user"),
        "ansible_control_path_dir": str(tmp_path / "cp"),
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
    }
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"sender1": host}}}))
    yield {"inventory": str(inventory), "before": inside}
    for control in (tmp_path / "cp").glob("*"):
        subprocess.run(["ssh", "-o", f"ControlPath={control}", "-O", "exit", "none"], check=False, capture_output=True)
    sshd.terminate()
    sshd.wait()


def session_of(pid: int) -> int:
    """The process of sshd that a process came by."""
    while Path(f"/proc/{pid}/comm").read_text().strip() not in ("sshd", "sshd-session"):
        pid = parent(pid)
        assert pid > 1
    return pid


def clients() -> list[int]:
    """The SSH clients of this test that wait for a command; not the one that only shares its connection."""
    return [pid for pid in named("ssh") if f"Port={PORT}" in command(pid) and "[mux]" not in command(pid)]


def test_a_connection_that_drops_costs_a_trial_and_not_the_run(begin, by_ssh):
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
    first, second, third = run.ends()
    assert_partial(first, ENDED)
    assert_partial(second, ENDED)
    # tcpreplay was interrupted, and its word is kept, where the machine was not too busy for it.
    assert first["claim"] is None or first["claim"]["interrupted"]
    assert third["verdict"]["reasons"] == []
    assert senders() == []
    assert nic() == before


def test_a_killed_playbook_leaves_no_sender_behind_ssh(begin, by_ssh):
    run = begin(repeats=1, **by_ssh)
    run.sending(1)
    before = nic()
    disturb_nic()
    # `ip netns exec` has become it.
    run.process.kill()
    run.process.wait()
    eventually("tcpreplay has ended", lambda: not senders())
    eventually("the interface is as it was", lambda: nic() == before)
    assert run.play("collect").wait(timeout=PATIENCE_SECONDS) == 0, run.said()
    (trial,) = run.stored()
    assert_partial(trial, ENDED)
