"""Detects that the caller of this process is gone, and sets a time limit that the kernel enforces."""

from __future__ import annotations

import ctypes
import os
import select
import signal
from types import FrameType

from ..errors import HostError

# include/uapi/asm-generic/siginfo.h, include/uapi/linux/time.h
_SIGEV_SIGNAL = 0
_CLOCK_MONOTONIC = 1
_SIGEVENT_BYTES = 64


class CallerWatch:
    """Tells why the work should end: a signal arrived, or nobody reads the output any more.

    The output's pipe or socket closes with the death of `ansible-playbook`, of its worker, of the SSH client, or of
    sshd's process for the session. It does so over SSH and in a network namespace alike.
    """

    def __init__(self, output: int = 1) -> None:
        self._poll = select.poll()
        # POLLERR (a pipe without a reader) and POLLHUP (a closed peer) are reported without being requested (poll(2)).
        self._poll.register(output, 0)
        self._signalled: str | None = None

    def listen(self) -> CallerWatch:
        """Treat SIGINT, SIGTERM and SIGHUP as reasons to end, instead of dying at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)
        return self

    def end_reason(self) -> str | None:
        """The reason to end; None while there is none."""
        if self._signalled:
            return self._signalled
        return "the controller went away" if self._poll.poll(0) else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signalled = f"it received {signal.Signals(number).name}"


class _Event(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * (_SIGEVENT_BYTES - ctypes.sizeof(ctypes.c_void_p) - 2 * ctypes.sizeof(ctypes.c_int))),
    )


def end_within(seconds: float) -> None:
    """Let the kernel kill this process after ``seconds``, even if it hangs or is stopped (SIGSTOP).

    A stopped process cannot keep a deadline by itself; a timer that sends SIGKILL does (timer_create(2)). Child
    processes do not inherit the timer. HostError if it is not available.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "timer_create"):
        # A separate library before glibc 2.34.
        library = ctypes.CDLL("librt.so.1", use_errno=True)
    timer = ctypes.c_void_p()
    event = _Event(signo=signal.SIGKILL, notify=_SIGEV_SIGNAL)
    whole = int(seconds)
    # struct itimerspec: no interval, and the time until it expires.
    times = (ctypes.c_long * 4)(0, 0, whole, max(1, int((seconds - whole) * 1e9)))
    failed = library.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer))
    if failed or library.timer_settime(timer, 0, ctypes.byref(times), None):
        why = os.strerror(ctypes.get_errno())
        raise HostError("timer", None, f"cannot be set: {why}", "Raise RLIMIT_SIGPENDING.")
