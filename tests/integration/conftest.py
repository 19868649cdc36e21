"""Run real playbooks through ansible-runner in a lab that only the tests use.

Each test process has a mount namespace with empty /run/netns, /run/linerate and /var/lib/linerate, so that it can use
the same names as the machine's own lab and as the other test processes.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import ansible_runner
import pytest
import yaml
from tests.integration.devices import bridge

from linerate.lab.namespaces import SENDER, absent, present
from linerate.system.run import run as run_command

REPOSITORY = Path(__file__).parents[2]
VENV_BIN = Path(os.environ.get("VIRTUAL_ENV", REPOSITORY / ".venv")) / "bin"
CLONE_NEWNS = 0x00020000
SSHD = "/usr/sbin/sshd"
SSH_PORT = 22022


@dataclass(frozen=True)
class Played:
    """The result of a playbook. ``changed`` counts changed tasks by (play, host)."""

    rc: int
    stdout: str
    changed: Mapping[tuple[str, str], int]
    failures: tuple[str, ...]

    @property
    def changed_tasks(self) -> int:
        """Changed tasks, summed over plays and hosts."""
        return sum(self.changed.values())


class Play(Protocol):
    """Runs a playbook, named by its path in this repository.

    ``drop`` names capabilities that it does not get, and ``before`` is a command under which it runs.
    """

    def __call__(
        self, playbook: str, *options: str, drop: Sequence[str] = (), before: Sequence[str] = (), **extra_vars: Any
    ) -> Played: ...


@pytest.fixture(scope="session", autouse=True)
def own_mounts() -> None:
    """Give this process and its children their own /run/netns, /run/linerate and /var/lib/linerate, where permitted."""
    if os.geteuid() != 0:
        pytest.skip("the integration tests create network namespaces: run them as root")
    folders = ("/run/netns", "/run/linerate", "/var/lib/linerate")
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
    # An ordinary container does not permit it, and has no namespaces to separate either.
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        for folder in folders:
            subprocess.run(["mount", "-t", "tmpfs", "linerate-tests", folder], check=True)


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip a test that needs network namespaces where they are not permitted."""
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"network namespaces are not permitted here: {tried.stderr.strip()}")


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """A function that runs one playbook with options of ansible-playbook and extra variables."""

    def run(
        playbook: str, *options: str, drop: Sequence[str] = (), before: Sequence[str] = (), **extra_vars: Any
    ) -> Played:
        private = tmp_path_factory.mktemp("runner")
        binary = private / "ansible-playbook"
        dropped = ",".join(f"-{name}" for name in drop)
        without = ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"] if drop else []
        command = shlex.join([*before, *without, str(VENV_BIN / "ansible-playbook")])
        binary.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        binary.chmod(0o755)
        done = ansible_runner.run(
            private_data_dir=str(private),
            project_dir=str(REPOSITORY),
            playbook=playbook,
            cmdline=" ".join(options),
            extravars=extra_vars,
            envvars={
                "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
                "PATH": f"{private}:{VENV_BIN}:{os.environ['PATH']}",
            },
            quiet=True,
        )
        return _played(done)

    return run


@pytest.fixture(scope="session")
def ansible() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs an ad hoc `ansible` command on the embedded lab's inventory."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [VENV_BIN / "ansible", *arguments]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def free_port() -> int:
    """A UDP port of the loopback address that nobody uses, as two test files may have an SNMP agent at a time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


@pytest.fixture
def lab(namespaces: None) -> Iterator[None]:
    """The lab of namespaces for one test; by the core, in a tenth of the time that the playbook takes."""
    present(run_command)
    yield
    absent(run_command)


@pytest.fixture
def device(lab: None) -> Iterator[str]:
    """A device under test between the lab's two ends: a namespace with a bridge of two ports, ``in`` and ``out``."""
    with bridge() as name:
        yield name


@pytest.fixture
def by_ssh(lab: None, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The ``inventory`` of a sender behind a real sshd, on 127.0.0.1 in its namespace; ``before`` enters that."""
    if not Path(SSHD).exists():
        pytest.skip("needs openssh-server: tests/packages.yml installs it")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)], check=True)
    options = {
        "Port": SSH_PORT,
        "ListenAddress": "127.0.0.1",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "user.pub",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "PidFile": "none",
        "UsePAM": "yes",
    }
    (tmp_path / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    inside = ["ip", "netns", "exec", SENDER.namespace]
    sshd = subprocess.Popen([*inside, SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=subprocess.DEVNULL)
    inventory = tmp_path / "ssh.yml"
    host = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": SSH_PORT,
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


def _played(done: ansible_runner.Runner) -> Played:
    changed: Counter[tuple[str, str]] = Counter()
    failures = []
    for event in done.events:
        data = event.get("event_data", {})
        result = data.get("res") or {}
        if event["event"] == "runner_on_ok" and result.get("changed"):
            changed[data["play"], data["host"]] += 1
        if event["event"] in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            failures.append(str(result.get("msg", "")))
    return Played(done.rc, done.stdout.read(), changed, tuple(failures))
