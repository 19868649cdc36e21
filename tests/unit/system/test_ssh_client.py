"""The SSH connection is found in the environment of an ancestor, after sudo has removed it."""

from __future__ import annotations

import os
import subprocess
import sys

from linerate.system.ssh_client import session_environment

CONNECTION = "192.0.2.8 50000 192.0.2.9 22"


def test_connection_is_found_in_an_ancestor():
    grandchild = "from linerate.system.ssh_client import session_environment as s; print(s({}).get('SSH_CONNECTION'))"
    # The child in between does not have the variable, as under sudo.
    child = "import os, subprocess, sys; subprocess.run(sys.argv[1:], env={'PATH': os.environ['PATH']}, check=True)"
    done = subprocess.run(
        [sys.executable, "-c", child, sys.executable, "-c", grandchild],
        env={**os.environ, "SSH_CONNECTION": CONNECTION},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == CONNECTION


def test_own_environment_takes_precedence():
    assert session_environment({"SSH_CONNECTION": CONNECTION})["SSH_CONNECTION"] == CONNECTION


def test_no_connection_outside_a_session(tmp_path):
    (tmp_path / "proc/9").mkdir(parents=True)
    (tmp_path / "proc/9/environ").write_bytes(b"PATH=/bin\0")
    (tmp_path / "proc/9/stat").write_text("9 (a ) b) S 1 9 9")
    assert session_environment({"HOME": "/root"}, pid=9, root=str(tmp_path)) == {"HOME": "/root"}
