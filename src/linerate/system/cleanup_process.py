"""A process that outlives this one and cleans up if this one is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Callable

KILLED_SECONDS = 10.0
SETTLED_POLLS = 5
POLL_SECONDS = 0.05
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_START_TIME = 19
"""Position in /proc/PID/stat after the name of the program: field 22 (proc_pid_stat(5))."""


class CleanupProcess:
    """Runs ``cleanup`` in a child process if this process dies, or finishes without a release.

    The child waits for the end of a pipe whose other end only this process holds, so it notices SIGKILL. It is in its
    own session and ignores the signals that end this process. All modules that ``cleanup`` needs must be loaded before,
    since the files of this program may be removed by then.
    """

    def __init__(self, cleanup: Callable[[], None]) -> None:
        self._cleanup = cleanup
        self._pid = self._pipe = -1

    def start(self) -> CleanupProcess:
        reading, self._pipe = os.pipe()
        # Blocked until the child ignores them: one that arrives right after the fork must not end it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            self._wait(reading)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(reading)
        return self

    def release(self) -> None:
        """End the child without a cleanup."""
        # If the child was killed, no cleanup is needed either.
        with suppress(BrokenPipeError):
            os.write(self._pipe, b".")
        self.finish()

    def finish(self) -> None:
        """Wait for the end of the child, which cleans up first unless it was released."""
        os.close(self._pipe)
        os.waitpid(self._pid, 0)

    def _wait(self, reading: int) -> None:
        try:
            os.setsid()
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
            # A reader that waits for the end of this process' output must not wait for the child.
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            if not os.read(reading, 1):
                self._cleanup()
        finally:
            os._exit(0)


def kill_processes_of(
    commands: Sequence[Sequence[str]], root: str = "/", kill: Callable[[int, int], None] = os.kill
) -> int:
    """Kill the processes that run ``commands`` in this network namespace and started after this one; their number.

    Polls until there has been none for a while, since one may be about to start. This also finds a program with file
    capabilities, which does not get its parent death signal (prctl(2), PR_SET_PDEATHSIG).
    """
    began, network = start_time(os.getpid(), root), _network(os.getpid(), root)
    running = [b"\0".join(map(os.fsencode, argv)) + b"\0" for argv in commands]
    killed: set[int] = set()
    quiet, end = 0, time.monotonic() + KILLED_SECONDS
    while quiet < SETTLED_POLLS and time.monotonic() < end:
        found = [
            pid
            for pid in _running(running, root)
            if start_time(pid, root) >= began and _network(pid, root) in (network, None)
        ]
        for pid in found:
            try:
                kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
            killed.add(pid)
        quiet = 0 if found else quiet + 1
        time.sleep(POLL_SECONDS)
    return len(killed)


def _running(commands: Sequence[bytes], root: str) -> list[int]:
    found = []
    for path in Path(root, "proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes()
        except OSError:
            continue
        # setpriv(1) with its options precedes the command until it executes it.
        if any(arguments == command or arguments.endswith(b"\0" + command) for command in commands):
            found.append(int(path.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def start_time(pid: int, root: str = "/") -> int:
    """When a process started, in clock ticks since boot; -1 if it is gone or a zombie."""
    try:
        fields = Path(root, f"proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] == "Z" else int(fields[_START_TIME])


def _network(pid: int, root: str) -> str | None:
    """The network namespace of a process; None if this user may not see it."""
    try:
        return os.readlink(Path(root, f"proc/{pid}/ns/net"))
    except OSError:
        return None
