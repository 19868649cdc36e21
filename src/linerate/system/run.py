"""Run a program and return its output: the only place where the core starts commands."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ..errors import HostError


@dataclass(frozen=True)
class Completed:
    """The command, exit status (negative: the signal that ended it) and output of a program."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


Runner = Callable[[Sequence[str]], Completed]
"""Runs a command for the core; :func:`run` does it on the real system."""


def run(argv: Sequence[str], timeout: float = 60) -> Completed:
    """Run ``argv`` without a shell, in the C locale, for at most ``timeout`` seconds.

    The caller judges an exit status other than 0. HostError if the program is missing, cannot be started, or does not
    end in time; then it is killed.
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
        hint = "Install the package that holds it, or correct PATH."
        raise HostError("program", command[0], "is not on this host", hint) from None
    except OSError as error:
        hint = "Make it an executable file that this user may run."
        raise HostError("program", command[0], f"could not be started ({error.strerror})", hint) from None
    except subprocess.TimeoutExpired:
        hint = "Run it by hand to see why it hangs."
        raise HostError("command", " ".join(command), f"did not end within {timeout:g} s", hint) from None
    return Completed(command, done.returncode, done.stdout, done.stderr)


def checked(done: Completed, hint: str = "Fix the cause, and run again.") -> str:
    """The stdout of a program that succeeded; HostError with its messages if it failed."""
    if done.returncode != 0:
        output = " ".join((done.stderr or done.stdout).split())
        raise HostError("command", " ".join(done.argv), f"ended with {done.returncode}: {output}", hint)
    return done.stdout


LoggedRunner = Callable[[Sequence[str], Path, Path], int]
"""Runs a long command for the core: argv, working folder, log file. :func:`run_logged` does it on the real system."""


def tied(argv: Sequence[str], ending: str) -> tuple[str, ...]:
    """The command that runs ``argv`` and gets the signal ``ending`` when this process dies (PR_SET_PDEATHSIG)."""
    return ("setpriv", "--pdeathsig", ending, *argv)


def run_logged(argv: Sequence[str], folder: Path, log: Path, timeout: float = 3 * 3600) -> int:
    """Run ``argv`` in ``folder`` without a shell, in the C locale, with both streams in ``log``; the exit status.

    A negative status is the signal that ended it; the caller judges it. If ``argv`` cannot be started, the log says why
    and the status is not 0. The program gets SIGTERM when this process dies, so that it does not write to the files of
    the next attempt. HostError if it does not end in time; then it is killed with all its children.
    """
    command = tied(argv, "TERM")
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
            )
        except FileNotFoundError:
            hint = "Install the package that holds it (util-linux), or correct PATH."
            raise HostError("program", command[0], "is not on this host", hint) from None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            hint = f"See {log} for its output."
            raise HostError("command", " ".join(argv), f"did not end within {timeout:g} s", hint) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
