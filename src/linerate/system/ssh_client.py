"""The SSH connection through which this process was started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "SSH_CONNECTION"


def session_environment(environment: Mapping[str, str], pid: int | None = None, root: str = "/") -> dict[str, str]:
    """``environment``, with the SSH_CONNECTION of the nearest ancestor that has one (sshd(8) sets it).

    sudo removes it from the environment of its command (sudoers(5), env_reset), so a process that became root does not
    have it itself.
    """
    found = dict(environment)
    pid = os.getpid() if pid is None else pid
    while VARIABLE not in found and pid > 1:
        try:
            block = Path(root, f"proc/{pid}/environ").read_bytes()
            # The command name is in parentheses and may contain any character; the parent is the second field after it.
            pid = int(Path(root, f"proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
        pairs = (os.fsdecode(pair).partition("=") for pair in block.split(b"\0"))
        found.update({name: value for name, _, value in pairs if name == VARIABLE})
    return found
