"""Run a sender that cannot be trusted to end: two pipes, bounded memory, a deadline and a watch from outside.

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Callable

from ..errors import HostError, InputError
from ..system.memory import OomWatch
from ..system.run import tied

KEPT_BYTES = 64 * 1024
MAX_STDERR_BYTES = 4 * 1024 * 1024
"""Tens of thousands of messages: a program that writes more of them no longer sends anything."""
GRACE_SECONDS = 3.0
HOPELESS_GRACE_SECONDS = 1.0
"""Short, as a run that is hopeless is to be over within 5 s of the fact being visible."""
MAX_WAIT_SECONDS = 1.0


class HopelessError(Exception):
    """What a tick raises, with the reason, when the run cannot come to anything any more."""


@dataclass(frozen=True)
class Outcome:
    """How a supervised program ended. A negative ``exit_status`` is the signal that ended it.

    ``stopped_because`` says why it was stopped from here, at the deadline or before, or by the kernel for lack of
    memory; None where it ended by itself. ``stdout`` and ``stderr`` hold at most their first and last 64 KiB;
    ``stderr_bytes`` is all it wrote.
    """

    exit_status: int
    signals_sent: tuple[str, ...]
    deadline_exceeded: bool
    stopped_because: str | None
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


@dataclass(frozen=True)
class Running:
    """The program while it runs: its ``pid``, and what it has said so far on ``stderr``."""

    pid: int
    stderr: Capture


Tick = Callable[[Running], float]
TickAll = Callable[[Sequence[Running]], float]


def supervise(
    argv: Sequence[str],
    deadline_seconds: float,
    tick: Tick | None = None,
    grace_seconds: float = GRACE_SECONDS,
    max_stderr_bytes: int = MAX_STDERR_BYTES,
    started: Callable[[int], None] | None = None,
) -> Outcome:
    """Run the one program ``argv`` as :func:`supervise_all` does."""
    return supervise_all(
        [argv],
        deadline_seconds,
        (lambda running: tick(running[0])) if tick else None,
        grace_seconds,
        max_stderr_bytes,
        (lambda number, pid: started(pid)) if started else None,
    )[0]


def supervise_all(
    commands: Sequence[Sequence[str]],
    deadline_seconds: float,
    tick: TickAll | None = None,
    grace_seconds: float = GRACE_SECONDS,
    max_stderr_bytes: int = MAX_STDERR_BYTES,
    started: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Run all ``commands`` to their ends, or to the deadline: then SIGINT, and SIGKILL ``grace_seconds`` later.

    ``started(number, pid)`` is called once each runs; ``tick`` over and over, it returns the seconds until its next
    call. Where it raises :class:`HopelessError`, a program has written more than ``max_stderr_bytes`` to stderr, or
    one of several fails while others run, the run is stopped at once, with SIGKILL after
    :data:`HOPELESS_GRACE_SECONDS`. The programs die with this process, and are in sessions of their own, so that a
    signal to this one's group does not cost their statistics. HostError where one cannot be started.
    """
    if deadline_seconds <= 0:
        raise InputError(
            "deadline", deadline_seconds, "must be more than 0 seconds", "Give the planned time and a margin."
        )
    for argv in commands:
        if shutil.which(argv[0]) is None:
            rule = "is not on this host, or may not be executed"
            raise HostError("program", argv[0], rule, "Run the provisioning play.")
    watch = _Watch(deadline_seconds, grace_seconds, max_stderr_bytes)
    try:
        for number, argv in enumerate(commands):
            pid = watch.start(argv)
            if started:
                started(number, pid)
        watch.until_end(tick)
    finally:
        watch.kill()
    return watch.outcomes()


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603
            tied(argv, "KILL"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        rule = f"cannot be started: {error.strerror}"
        raise HostError("program", error.filename, rule, "Run the provisioning play.") from error


class _Program:
    """One program that was started."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.process = _start(argv)
        self.stdout, self.stderr = Capture(), Capture()
        self.running = Running(self.process.pid, self.stderr)
        self.sent: list[str] = []
        self.ended = time.monotonic()

    @property
    def pipes(self) -> Iterator[tuple[IO[bytes], Capture]]:
        for pipe, capture in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr)):
            if pipe is not None:
                yield pipe, capture

    def runs(self) -> bool:
        if self.process.returncode is None:
            self.ended = time.monotonic()
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.runs():
            self.process.send_signal(number)
            self.sent.append(number.name)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe, _ in self.pipes:
            pipe.close()


class _Watch:
    def __init__(self, deadline: float, grace: float, max_stderr: int) -> None:
        self._programs: list[_Program] = []
        self._started = time.monotonic()
        self._deadline, self._grace, self._max_stderr = deadline, grace, max_stderr
        self._limits = [(self._started + deadline, signal.SIGINT), (self._started + deadline + grace, signal.SIGKILL)]
        self._because: str | None = None
        self._oom = OomWatch()

    def start(self, argv: Sequence[str]) -> int:
        self._programs.append(_Program(argv))
        return self._programs[-1].process.pid

    def until_end(self, tick: TickAll | None) -> None:
        with selectors.DefaultSelector() as selector:
            for program in self._programs:
                for pipe, capture in program.pipes:
                    selector.register(pipe, selectors.EVENT_READ, capture)
            while running := [program for program in self._programs if program.runs()]:
                for program in running:
                    self._oom.note(program.process.pid)
                pause = self._look(tick) if self._because is None else MAX_WAIT_SECONDS
                self._enforce()
                until_limit = self._limits[0][0] - time.monotonic() if self._limits else MAX_WAIT_SECONDS
                self._drain(selector, max(0.001, min(pause, until_limit, MAX_WAIT_SECONDS)))
            if any(one.process.returncode == -signal.SIGKILL and not one.sent for one in self._programs):
                self._because = self._oom.reason() or self._because
            while self._drain(selector, 0):
                pass

    def _look(self, tick: TickAll | None) -> float:
        try:
            if any(program.stderr.total > self._max_stderr for program in self._programs):
                raise HopelessError(f"it wrote more than {self._max_stderr:,} bytes of messages")
            self._refuse_failed()
            return tick([program.running for program in self._programs]) if tick else MAX_WAIT_SECONDS
        except HopelessError as reason:
            now = time.monotonic()
            self._because = str(reason)
            self._limits = [(now, signal.SIGINT), (now + min(HOPELESS_GRACE_SECONDS, self._grace), signal.SIGKILL)]
            return 0.0

    def _refuse_failed(self) -> None:
        """What the others send is not the whole any more."""
        for number, program in enumerate(self._programs, start=1):
            status = program.process.returncode
            if status:
                how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
                raise HopelessError(f"process {number} of {len(self._programs)} {how}")

    def _enforce(self) -> None:
        while self._limits and time.monotonic() >= self._limits[0][0]:
            _, number = self._limits.pop(0)
            self._because = self._because or self._late
            for program in self._programs:
                program.signal(number)

    @property
    def _late(self) -> str:
        return f"it did not end within {self._deadline:g} s"

    def _drain(self, selector: selectors.BaseSelector, wait: float) -> bool:
        """Read once from each pipe that has something: a flood must not keep the deadline waiting."""
        if not selector.get_map():
            time.sleep(min(wait, 0.01))
            return False
        ready = selector.select(wait)
        for key, _ in ready:
            data = os.read(key.fd, 1 << 16)
            if data:
                key.data.feed(data)
            else:
                selector.unregister(key.fileobj)
        return bool(ready)

    def kill(self) -> None:
        """Leave nothing behind, also where a tick failed."""
        for program in self._programs:
            program.kill()

    def outcomes(self) -> list[Outcome]:
        return [
            Outcome(
                exit_status=program.process.returncode,
                signals_sent=tuple(program.sent),
                deadline_exceeded=self._because == self._late,
                stopped_because=self._because,
                elapsed_seconds=program.ended - self._started,
                stdout=program.stdout.text(),
                stderr=program.stderr.text(),
                stderr_bytes=program.stderr.total,
            )
            for program in self._programs
        ]
