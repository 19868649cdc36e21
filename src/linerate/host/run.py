"""Run a program and hand back what it said: the one place where the core starts short commands."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

from ..errors import HostError


@dataclass(frozen=True)
class Completed:
    """What a program was asked, how it ended (negative: by that signal), and what it wrote."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


Runner = Callable[[Sequence[str]], Completed]
"""What the core wants handed in wherever it needs a program; :func:`run` is the real one."""


def run(argv: Sequence[str], timeout: float = 60) -> Completed:
    """Run ``argv`` without a shell, in the C locale, for at most ``timeout`` seconds.

    A status other than 0 is for the caller to judge. Raises :class:`HostError` where the program
    is missing, cannot be started, or does not end in time (it is killed then).
    """
    command = tuple(argv)
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            env=environment,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        mend = "Install the package that holds it, or correct PATH."
        raise HostError("program", command[0], "is not on this host", mend) from None
    except OSError as error:
        mend = "Make it an executable file that this user may run."
        raise HostError("program", command[0], f"could not be started ({error.strerror})", mend) from None
    except subprocess.TimeoutExpired:
        mend = "See why it hangs by running it by hand."
        raise HostError("command", " ".join(command), f"did not end within {timeout:g} s", mend) from None
    return Completed(command, done.returncode, done.stdout, done.stderr)
