"""One at a time: a lock is a file's flock(2), which the kernel lets go when the last process that has it dies.

The file itself says nothing: one that is left behind, by somebody who was killed, is no lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..clock import utc_now
from ..errors import HostError

FOLDER = "run/linerate"
PATIENCE_SECONDS = 5.0
"""How long the one before may take to end, with all that it started."""


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock file ``path``, once whoever has it lets go.

    Raises ``OSError`` where the file cannot be made. It stays.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def sole_sender(interface: str, work: str, root: str = "/") -> Iterator[int]:
    """Be the only one who sends on ``interface``, for ``work`` (a run's trial); the descriptor that holds the lock.

    A process that inherits the descriptor keeps the lock when this one dies before it. HostError where another holds
    it and does not let go.
    """
    path = lock_path(interface, root)
    descriptor = _open(path)
    try:
        _take(descriptor, interface)
        while not os.fstat(descriptor).st_nlink:
            # Whoever held it has removed it meanwhile: it is no longer the file that others find.
            os.close(descriptor)
            descriptor = _open(path)
            _take(descriptor, interface)
        os.ftruncate(descriptor, 0)
        holder = {"pid": os.getpid(), "work": work, "since": utc_now()}
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        try:
            yield descriptor
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        hint = f"Run as root, or make {path.parent} a folder of this user's."
        raise HostError("lock", str(path), f"cannot be made: {error.strerror}", hint) from error


def refuse_held(interface: str, root: str = "/") -> None:
    """HostError where another sends on ``interface`` now. Makes and keeps nothing."""
    try:
        descriptor = os.open(lock_path(interface, root), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _take(descriptor, interface)
    finally:
        os.close(descriptor)


def lock_path(interface: str, root: str = "/") -> Path:
    """The lock of an interface; a name means another interface in another network namespace."""
    namespace = os.stat("/proc/self/ns/net").st_ino
    return Path(root, FOLDER, f"interface-{namespace}-{interface}.lock")


def _take(descriptor: int, interface: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                break
        time.sleep(0.1)
    rule = f"is in use: {_holder(os.pread(descriptor, 4096, 0))}"
    hint = "Wait until that has ended, or end it: two senders on one interface spoil each other's numbers."
    raise HostError("interface", interface, rule, hint)


def _holder(written: bytes) -> str:
    """Who holds a lock, by what he wrote; he may have been about to."""
    try:
        said: dict[str, Any] = json.loads(written)
        pid, work, since = int(said["pid"]), said["work"], said["since"]
    except (ValueError, KeyError, TypeError):
        return "another process holds its lock"
    gone = "" if Path(f"/proc/{pid}").exists() else ", which ended and left another running"
    return f"{work}, since {since} (process {pid}{gone})"
