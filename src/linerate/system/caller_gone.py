"""Whether the one who asked for this work still listens, and a bound on this process that the kernel itself keeps."""

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


class Lease:
    """Says why the work should end: a signal came, or nobody reads the answer any more.

    The answer's pipe is the lease. It breaks with `ansible-playbook`, with its worker, with the SSH client, and with
    sshd's process for the session (channels and pipes alike), and it is the same in a namespace and over SSH.
    """

    def __init__(self, answer: int = 1) -> None:
        self._poll = select.poll()
        # POLLERR (a pipe without a reader) and POLLHUP (a socket whose peer is closed) come unasked (poll(2)).
        self._poll.register(answer, 0)
        self._told: str | None = None

    def listen(self) -> Lease:
        """Take SIGINT, SIGTERM and SIGHUP as reasons, in place of an end on the spot."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)
        return self

    def over(self) -> str | None:
        """The reason; None while the lease lasts."""
        if self._told:
            return self._told
        return "the controller went away" if self._poll.poll(0) else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._told = f"it was told to end ({signal.Signals(number).name})"


class _Event(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * (_SIGEVENT_BYTES - ctypes.sizeof(ctypes.c_void_p) - 2 * ctypes.sizeof(ctypes.c_int))),
    )


def end_within(seconds: float) -> None:
    """Have the kernel kill this process after ``seconds``, also where it is stopped or hangs by then.

    A deadline that a process keeps by itself does not hold while it is stopped (SIGSTOP); a timer that sends SIGKILL
    does (timer_create(2)). Processes forked from this one do not inherit it. HostError where there is none to be had.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "timer_create"):
        # In a library of its own before glibc 2.34.
        library = ctypes.CDLL("librt.so.1", use_errno=True)
    timer = ctypes.c_void_p()
    event = _Event(signo=signal.SIGKILL, notify=_SIGEV_SIGNAL)
    whole = int(seconds)
    # struct itimerspec: the interval, none, and the time until it expires.
    times = (ctypes.c_long * 4)(0, 0, whole, max(1, int((seconds - whole) * 1e9)))
    failed = library.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer))
    if failed or library.timer_settime(timer, 0, ctypes.byref(times), None):
        why = os.strerror(ctypes.get_errno())
        raise HostError("timer", None, f"cannot be set: {why}", "Raise RLIMIT_SIGPENDING.")
