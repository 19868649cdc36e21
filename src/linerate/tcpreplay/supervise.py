"""Run a sender that cannot be trusted to end: two pipes, bounded memory, a deadline from outside.

tcpreplay sets stderr non-blocking, may write over 100 MB of it in ten seconds, ignores its own
``--duration`` when nothing can be sent, and may spin for ever while netmap drains.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

from ..errors import HostError, InputError
from ..host.run import tied

KEPT_BYTES = 64 * 1024
GRACE_SECONDS = 3.0
MAX_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Outcome:
    """How a supervised program ended. A negative ``exit_status`` is the signal that ended it.

    ``stdout`` and ``stderr`` hold at most their first and last 64 KiB; ``stderr_bytes`` is all it wrote.
    """

    exit_status: int
    signals_sent: tuple[str, ...]
    deadline_exceeded: bool
    elapsed_seconds: float
    stdout: str
    stderr: str
    stderr_bytes: int


class Capture:
    """The head and the tail of a stream in bounded memory."""

    def __init__(self, keep: int = KEPT_BYTES) -> None:
        self._keep = keep
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        self.total += len(data)
        room = self._keep - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room < len(data) else b""
        if len(self._tail) > 2 * self._keep:
            del self._tail[: -self._keep]

    def text(self) -> str:
        tail = bytes(self._tail[-self._keep :])
        dropped = self.total - len(self._head) - len(tail)
        gap = f"\n[... {dropped} bytes left out ...]\n".encode() if dropped else b""
        return (bytes(self._head) + gap + tail).decode("utf-8", "replace")


def supervise(
    argv: Sequence[str],
    deadline_seconds: float,
    tick: Callable[[int], float] | None = None,
    grace_seconds: float = GRACE_SECONDS,
    started: Callable[[int], None] | None = None,
) -> Outcome:
    """Run ``argv`` to its end, or to the deadline: then SIGINT, and SIGKILL ``grace_seconds`` later.

    ``started(pid)`` is called once it runs; ``tick(pid)`` over and over, it returns the seconds until its next call.
    The program dies with this process. HostError where it cannot be started.
    """
    if deadline_seconds <= 0:
        raise InputError(
            "deadline", deadline_seconds, "must be more than 0 seconds", "Give the planned time and a margin."
        )
    if shutil.which(argv[0]) is None:
        raise HostError("program", argv[0], "is not on this host, or may not be executed", "Run the provisioning play.")
    begin = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603
            tied(argv, "KILL"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        raise HostError(
            "program", error.filename, f"cannot be started: {error.strerror}", "Run the provisioning play."
        ) from error
    watch = _Watch(process, begin, deadline_seconds, grace_seconds)
    try:
        if started:
            started(process.pid)
        watch.until_end(tick)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return watch.outcome()


class _Watch:
    def __init__(self, process: subprocess.Popen[bytes], started: float, deadline: float, grace: float) -> None:
        self._process = process
        self._started = started
        self._limits = [(started + deadline, signal.SIGINT), (started + deadline + grace, signal.SIGKILL)]
        self._sent: list[str] = []
        self._captures = {"stdout": Capture(), "stderr": Capture()}
        self._ended = started

    def until_end(self, tick: Callable[[int], float] | None) -> None:
        with selectors.DefaultSelector() as selector:
            for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr)):
                assert pipe is not None  # noqa: S101
                selector.register(pipe, selectors.EVENT_READ, name)
            while self._process.poll() is None:
                pause = tick(self._process.pid) if tick else MAX_WAIT_SECONDS
                self._enforce()
                until_limit = self._limits[0][0] - time.monotonic() if self._limits else MAX_WAIT_SECONDS
                self._drain(selector, max(0.001, min(pause, until_limit, MAX_WAIT_SECONDS)))
            self._ended = time.monotonic()
            while self._drain(selector, 0):
                pass

    def _enforce(self) -> None:
        while self._limits and time.monotonic() >= self._limits[0][0]:
            _, number = self._limits.pop(0)
            self._process.send_signal(number)
            self._sent.append(signal.Signals(number).name)

    def _drain(self, selector: selectors.BaseSelector, wait: float) -> bool:
        """Read once from each pipe that has something: a flood must not keep the deadline waiting."""
        if not selector.get_map():
            time.sleep(min(wait, 0.01))
            return False
        ready = selector.select(wait)
        for key, _ in ready:
            data = os.read(key.fd, 1 << 16)
            if data:
                self._captures[key.data].feed(data)
            else:
                selector.unregister(key.fileobj)
        return bool(ready)

    def outcome(self) -> Outcome:
        stderr = self._captures["stderr"]
        return Outcome(
            exit_status=self._process.returncode,
            signals_sent=tuple(self._sent),
            deadline_exceeded=bool(self._sent),
            elapsed_seconds=self._ended - self._started,
            stdout=self._captures["stdout"].text(),
            stderr=stderr.text(),
            stderr_bytes=stderr.total,
        )
