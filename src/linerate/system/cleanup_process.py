"""A process that outlives this one, and cleans up after it where it ends without having done so itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Callable

KILLED_SECONDS = 10.0
SETTLED_LOOKS = 5
LOOK_SECONDS = 0.05
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_START_TIME = 19
"""Position in /proc/PID/stat, after the program's name: field 22 (proc_pid_stat(5))."""


class Guardian:
    """Begins on entering; runs ``cleanup`` in a process of its own where this one dies, or leaves without releasing.

    It waits on a pipe that only this process holds the other end of, so that it notices SIGKILL, too. It is in a
    session of its own and ignores the signals that end this one. What ``cleanup`` needs must be loaded by now: the
    files of this program may be gone by then.
    """

    def __init__(self, cleanup: Callable[[], None]) -> None:
        self._cleanup = cleanup
        self._pid = self._pipe = -1

    def start(self) -> Guardian:
        reading, self._pipe = os.pipe()
        # Held back until it ignores them: one that comes right after the fork must not end it.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            self._wait(reading)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        os.close(reading)
        return self

    def release(self) -> None:
        """All is clean: end it."""
        # Where somebody has killed it, nobody is to be told; what it stood by for went well all the same.
        with suppress(BrokenPipeError):
            os.write(self._pipe, b".")
        self.let_clean()

    def let_clean(self) -> None:
        """End it, after it has cleaned up where it was not released; it does not outlive this call."""
        os.close(self._pipe)
        os.waitpid(self._pid, 0)

    def _wait(self, reading: int) -> None:
        try:
            os.setsid()
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
            # Whoever waits for the end of this process' output must not wait for the guardian.
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nowhere, standard)
            if not os.read(reading, 1):
                self._cleanup()
        finally:
            os._exit(0)


def kill_runs_of(argv: Sequence[str], root: str = "/", kill: Callable[[int, int], None] = os.kill) -> int:
    """Kill what runs ``argv`` in this network namespace and began after this process; how many were killed.

    Looks until it has seen none for a while: one may be about to begin. A program with file capabilities loses the
    tie to its parent's death (prctl(2), PR_SET_PDEATHSIG), and its command line stays readable.
    """
    began, network = start_time(os.getpid(), root), _network(os.getpid(), root)
    command = b"\0".join(map(os.fsencode, argv)) + b"\0"
    killed: set[int] = set()
    quiet, end = 0, time.monotonic() + KILLED_SECONDS
    while quiet < SETTLED_LOOKS and time.monotonic() < end:
        found = [
            pid
            for pid in _running(command, root)
            if start_time(pid, root) >= began and _network(pid, root) in (network, None)
        ]
        for pid in found:
            try:
                kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
            killed.add(pid)
        quiet = 0 if found else quiet + 1
        time.sleep(LOOK_SECONDS)
    return len(killed)


def _running(command: bytes, root: str) -> list[int]:
    found = []
    for path in Path(root, "proc").glob("[0-9]*/cmdline"):
        try:
            said = path.read_bytes()
        except OSError:
            continue
        # Before it: what ties it to its parent (setpriv), until that becomes the program.
        if said == command or said.endswith(b"\0" + command):
            found.append(int(path.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def start_time(pid: int, root: str = "/") -> int:
    """In clock ticks since boot; -1 where the process is gone, or a zombie: that is as good as gone."""
    try:
        fields = Path(root, f"proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] == "Z" else int(fields[_START_TIME])


def _network(pid: int, root: str) -> str | None:
    """The network namespace; None where it may not be seen."""
    try:
        return os.readlink(Path(root, f"proc/{pid}/ns/net"))
    except OSError:
        return None
