"""Run a program and hand back what it said: the one place where the core starts short commands."""

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
        hint = "Install the package that holds it, or correct PATH."
        raise HostError("program", command[0], "is not on this host", hint) from None
    except OSError as error:
        hint = "Make it an executable file that this user may run."
        raise HostError("program", command[0], f"could not be started ({error.strerror})", hint) from None
    except subprocess.TimeoutExpired:
        hint = "See why it hangs by running it by hand."
        raise HostError("command", " ".join(command), f"did not end within {timeout:g} s", hint) from None
    return Completed(command, done.returncode, done.stdout, done.stderr)


def checked(done: Completed, hint: str = "Mend the cause, and run again.") -> str:
    """What a program wrote to stdout; :class:`HostError` with what it said where it did not end well."""
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise HostError("command", " ".join(done.argv), f"ended with {done.returncode}: {said}", hint)
    return done.stdout


LoggedRunner = Callable[[Sequence[str], Path, Path], int]
"""What the core wants handed in for long work: argv, the folder to work in, the log. :func:`run_logged` is it."""


def tied(argv: Sequence[str], ending: str) -> tuple[str, ...]:
    """``argv`` as a program that gets the signal ``ending`` when this process dies (prctl(2), PR_SET_PDEATHSIG)."""
    return ("setpriv", "--pdeathsig", ending, *argv)


def run_logged(argv: Sequence[str], folder: Path, log: Path, timeout: float = 3 * 3600) -> int:
    """Run ``argv`` in ``folder`` without a shell, in the C locale; both streams go to ``log`` as they come.

    Returns the exit status (negative: by that signal), for the caller to judge. The program is told to end
    when this process dies: what is killed must not go on writing behind the back of the next attempt.
    Where ``argv`` cannot be started, the log says why and the status is not 0.
    Raises :class:`HostError` where it does not end in time (it is killed then, with all it started).
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
            hint = f"See {log} for how far it came."
            raise HostError("command", " ".join(argv), f"did not end within {timeout:g} s", hint) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
