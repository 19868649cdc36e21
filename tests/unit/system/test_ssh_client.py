"""The SSH session is found where sudo has hidden it: in the environment of an ancestor."""

from __future__ import annotations

import os
import subprocess
import sys

from linerate.system.ssh_client import session_environment

CONNECTION = "192.0.2.8 50000 192.0.2.9 22"


def test_an_ancestor_knows_the_connection_that_sudo_took_away():
    grandchild = "from linerate.system.ssh_client import session_environment as s; print(s({}).get('SSH_CONNECTION'))"
    # The child in between has no such variable, as sudo leaves it.
    child = "import os, subprocess, sys; subprocess.run(sys.argv[1:], env={'PATH': os.environ['PATH']}, check=True)"
    done = subprocess.run(
        [sys.executable, "-c", child, sys.executable, "-c", grandchild],
        env={**os.environ, "SSH_CONNECTION": CONNECTION},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == CONNECTION


def test_its_own_environment_comes_first():
    assert session_environment({"SSH_CONNECTION": CONNECTION})["SSH_CONNECTION"] == CONNECTION


def test_without_a_session_there_is_none(tmp_path):
    (tmp_path / "proc/9").mkdir(parents=True)
    (tmp_path / "proc/9/environ").write_bytes(b"PATH=/bin\0")
    (tmp_path / "proc/9/stat").write_text("9 (a ) b) S 1 9 9")
    assert session_environment({"HOME": "/root"}, pid=9, root=str(tmp_path)) == {"HOME": "/root"}
