"""A user without sudo learns what to do before anything starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "need-sudo"
NOT_FOUND = "linerate: sudo: not found. Install sudo and let this user use it without a password, or run as root.\n"
LOCKED = "linerate: sudo: needs a password. Let this user use it without one (NOPASSWD in sudoers), or run as root.\n"


@pytest.mark.parametrize(("user", "sudo", "said"), [(0, None, ""), (1, None, NOT_FOUND), (1, 1, LOCKED), (1, 0, "")])
def test_root_or_sudo_without_a_password(user, sudo, said, tmp_path):
    commands = {"id": f"echo {user}", "sudo": f"exit {sudo}"}
    for name, command in commands.items():
        if name != "sudo" or sudo is not None:
            (tmp_path / name).write_text(f"#!/bin/sh\n{command}\n")
            (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(TOOL)], env={**os.environ, "PATH": str(tmp_path)}, check=False, capture_output=True, text=True
    )
    assert (done.stderr, done.returncode) == (said, int(bool(said)))
