"""The folders that builds work in. Each is locked by its build, which tells those in use from those that were left.

The locks are flock(2) on the folders themselves: the kernel lets go when a process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import HostError


@contextmanager
def one_at_a_time(folder: str | Path) -> Iterator[None]:
    """Wait until nobody else has ``folder`` locked, and lock it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def build_folder(work: str, prefix: str) -> Iterator[Path]:
    """An empty folder below ``work`` that the caller removes; those that other builds have left are removed first."""
    os.makedirs(work, exist_ok=True)
    for left in left_in(work, prefix):
        shutil.rmtree(left, ignore_errors=True)
    folder, descriptor = _new(work, prefix)
    try:
        yield folder
    finally:
        os.close(descriptor)


def left_in(work: str | Path, prefix: str) -> Iterator[Path]:
    """What builds that have ended left below ``work``, each locked until the next one is asked for."""
    for path in sorted(Path(work).glob(f"{prefix}*")):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield path
            finally:
                os.close(descriptor)


def remove_left(work: str | Path, prefix: str, check: bool = False) -> tuple[str, ...]:
    """Remove what builds that have ended left below ``work``; the steps that were needed."""
    steps = []
    for path in left_in(work, prefix):
        steps.append(f"remove {path}")
        try:
            if not check:
                shutil.rmtree(path)
        except OSError as error:
            hint = "Remove it by hand."
            raise HostError("folder", str(path), f"cannot be removed: {error.strerror}", hint) from error
    return tuple(steps)


def _new(work: str, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=work))
        # Until it is locked, another process may take it for one that was left.
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return folder, descriptor
            os.close(descriptor)
