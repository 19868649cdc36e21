"""File locks (flock(2)) that the kernel releases when the last process that holds them ends.

Only the lock counts: a lock file left by a killed process is not held, and the next process takes it over.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Union

from ..clock import utc_now
from ..errors import HostError
from .files import make_folder

FOLDER = "run/linerate"
PATIENCE_SECONDS = 5.0
"""How long the previous sender may take to end, with all processes that it started."""

_POLL_SECONDS = 0.1
_HOLDER_BYTES = 4096

PathLike = Union[str, "os.PathLike[str]"]


class LockHeldError(HostError):
    """Another process holds the lock."""


@contextmanager
def exclusive(
    path: PathLike, wait_seconds: float | None = None, create: bool = False, mode: int = 0o644
) -> Iterator[int]:
    """Hold the only lock on ``path``, a file or a folder; the descriptor that holds it.

    A process that inherits the descriptor keeps the lock if this one dies first. ``wait_seconds`` bounds the wait for
    the current holder: None waits without a bound, 0 does not wait. With ``create`` a missing file is created with
    ``mode``, and its folder too. LockHeldError when another process keeps the lock, HostError when ``path`` cannot be
    opened.
    """
    with _locked(path, False, wait_seconds, create, mode) as descriptor:
        yield descriptor


@contextmanager
def shared(path: PathLike, wait_seconds: float | None = None) -> Iterator[int]:
    """Hold a lock on ``path`` that excludes :func:`exclusive` only; otherwise like it."""
    with _locked(path, True, wait_seconds) as descriptor:
        yield descriptor


def is_held(path: PathLike, wait_seconds: float = 0.0) -> bool:
    """Whether another process holds the exclusive lock on ``path`` for longer than ``wait_seconds``.

    Nothing is created; a path that cannot be opened is not held.
    """
    try:
        with shared(path, wait_seconds):
            return False
    except LockHeldError:
        return True
    except HostError:
        return False


def lock(descriptor: int, wait_seconds: float | None = None, share: bool = False) -> bool:
    """Lock the open file ``descriptor``, for code that opens it in its own way; False when another process holds it.

    The lock lasts until the descriptor is closed.
    """
    operation = fcntl.LOCK_SH if share else fcntl.LOCK_EX
    if wait_seconds is None:
        fcntl.flock(descriptor, operation)
        return True
    end = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
        time.sleep(_POLL_SECONDS)


@contextmanager
def sole_sender(interface: str, work: str, root: str = "/") -> Iterator[int]:
    """Hold the lock of a sending ``interface``, to do ``work`` (such as one trial of a run); its descriptor.

    LockHeldError names the current holder if it does not end within :data:`PATIENCE_SECONDS`.
    """
    path = lock_path(interface, root)
    with ExitStack() as held:
        try:
            descriptor = held.enter_context(exclusive(path, PATIENCE_SECONDS, create=True, mode=0o600))
        except LockHeldError as error:
            raise _in_use(interface, path) from error
        os.ftruncate(descriptor, 0)
        holder = {"pid": os.getpid(), "work": work, "since": utc_now()}
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        try:
            yield descriptor
        finally:
            path.unlink(missing_ok=True)


def refuse_held(interface: str, root: str = "/") -> None:
    """LockHeldError if another process sends on ``interface``. Creates nothing."""
    path = lock_path(interface, root)
    if is_held(path, PATIENCE_SECONDS):
        raise _in_use(interface, path)


def remove_orphaned_locks(root: str = "/") -> None:
    """Remove the lock files of senders that were killed, of all interfaces and namespaces."""
    for path in sorted(Path(root, FOLDER).glob("interface-*.lock")):
        # One that is held, or that this user may not open, stays.
        with suppress(HostError), exclusive(path, wait_seconds=0):
            path.unlink(missing_ok=True)


def lock_path(interface: str, root: str = "/") -> Path:
    """The lock file of an interface of this network namespace; another namespace may have the same name."""
    namespace = os.stat("/proc/self/ns/net").st_ino
    return Path(root, FOLDER, f"interface-{namespace}-{interface}.lock")


@contextmanager
def _locked(
    path: PathLike, share: bool, wait_seconds: float | None, create: bool = False, mode: int = 0o644
) -> Iterator[int]:
    linked = False
    while not linked:
        descriptor = _open(Path(path), create, mode)
        try:
            if not _lock(descriptor, path, wait_seconds, share):
                raise LockHeldError(
                    "lock", str(path), "is held by another process", "Wait until that process has ended."
                )
            # The previous holder may have removed the file: then other processes lock another one of the same name.
            linked = os.fstat(descriptor).st_nlink > 0
            if linked:
                yield descriptor
        finally:
            os.close(descriptor)


def _lock(descriptor: int, path: PathLike, wait_seconds: float | None, share: bool) -> bool:
    try:
        return lock(descriptor, wait_seconds, share)
    except OSError as error:
        hint = "Use a folder of another file system: NFS needs its lock service, and some shared folders have no locks."
        raise HostError("lock", str(path), f"is not supported by the file system: {error.strerror}", hint) from error


def _open(path: Path, create: bool, mode: int) -> int:
    try:
        if create:
            make_folder(path.parent)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
        # A folder opens for reading only; a file opens for writing because NFS requires that of an exclusive lock.
        return os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | os.O_CLOEXEC)
    except OSError as error:
        hint = f"Run as root, or make {path.parent} writable for this user."
        raise HostError("lock", str(path), f"cannot be opened: {error.strerror}", hint) from error


def _in_use(interface: str, path: Path) -> LockHeldError:
    hint = "Wait until that has ended, or end it: two senders on one interface distort each other's results."
    return LockHeldError("interface", interface, f"is in use: {_holder(path)}", hint)


def _holder(path: Path) -> str:
    """The description that the holder wrote to the lock file; it may not have written it yet."""
    try:
        with path.open("rb") as file:
            content: dict[str, Any] = json.loads(file.read(_HOLDER_BYTES))
        pid, work, since = int(content["pid"]), content["work"], content["since"]
    except (OSError, ValueError, KeyError, TypeError):
        return "another process holds its lock"
    ended = "" if Path(f"/proc/{pid}").exists() else ", which has ended; its child still runs"
    return f"{work}, since {since} (process {pid}{ended})"
