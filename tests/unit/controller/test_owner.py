"""The owner of a run: whether its `ansible-playbook` still runs here, has ended here, or is not known."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from linerate.controller import owner as module
from linerate.controller.owner import ended, lives, owner, ran_here


def test_the_owner_of_a_run_is_known_while_its_process_lives() -> None:
    process = subprocess.Popen(["sleep", "600"])
    made = owner(process.pid)
    assert lives(made)
    assert not ended(made)
    # Another process with the same number.
    assert not lives({**made, "began": made["began"] - 1})
    assert ended({**made, "began": made["began"] - 1})
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    # A zombie stores nothing.
    assert not lives(made)
    assert ended(made)
    process.wait()
    assert not lives(made)
    assert ended(made)
    assert not lives(owner(process.pid))


@pytest.mark.parametrize("found", [None, {}, "text", 7, {"pid": "../1", "began": -1}, {"pid": 1}, {"pid": None}])
def test_an_unusable_owner_is_not_alive(found: object) -> None:
    assert not lives(found)
    assert not ended(found)


def test_nothing_is_known_of_the_processes_of_another_boot_or_controller() -> None:
    made = owner(os.getpid())
    assert not lives({**made, "machine": "another"})
    assert not ended({**made, "machine": "another", "pid": 2**22 + 1})


def test_a_process_that_is_hidden_from_this_user_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    made = owner(os.getpid())
    # As proc(5) with hidepid: there is no folder of the process.
    monkeypatch.setattr(module, "start_time", lambda pid: -1)
    monkeypatch.setattr(module, "Path", lambda path: Path("/nowhere"))
    assert not ended(made)


def test_the_controller_of_a_run_is_known_after_a_boot() -> None:
    made = owner(os.getpid())
    assert made["controller"].endswith(f"@{socket.gethostname()}")
    assert ran_here({**made, "machine": "before the boot"})
    assert not ran_here({**made, "controller": "ann@another.example"})
    assert ran_here(None)


def test_a_worker_ends_with_its_playbook() -> None:
    worker = (
        "import os, sys, time\n"
        "if os.fork():\n"
        "    os.read(int(sys.argv[1]), 1)\n"
        "    os._exit(0)\n"
        "from linerate.controller.owner import end_with_playbook\n"
        "assert end_with_playbook() == os.getppid()\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(600)\n"
    )
    reading, writing = os.pipe()
    playbook = subprocess.Popen(
        [sys.executable, "-c", worker, str(reading)], stdout=subprocess.PIPE, text=True, pass_fds=[reading]
    )
    assert playbook.stdout is not None
    assert int(playbook.stdout.readline()) > 0
    playbook.kill()
    playbook.wait()
    # The worker holds the other end of the pipe until it ends.
    assert playbook.stdout.read() == ""
    os.close(reading)
    os.close(writing)
