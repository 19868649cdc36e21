"""The folders that builds work in. A build locks its folder, so an unlocked one is a remainder of a killed build."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import HostError
from ..system.lock import exclusive, lock
from .paths import usable


def name_prefix(product: str) -> str:
    """How the names of a product's build folders begin."""
    return f"linerate-{product}-build-"


@contextmanager
def build_folder(work: str, prefix: str) -> Iterator[Path]:
    """A new, empty folder below ``work``, which the caller removes; remainders of other builds are removed first."""
    os.makedirs(work, exist_ok=True)
    for path in unused_folders(work, prefix):
        shutil.rmtree(path, ignore_errors=True)
    folder, descriptor = _new(work, prefix)
    try:
        yield folder
    finally:
        os.close(descriptor)


def unused_folders(work: str | Path, prefix: str) -> Iterator[Path]:
    """The build folders below ``work`` whose build has ended, each locked until the next one is requested."""
    for path in sorted(Path(work).glob(f"{prefix}*")):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError, HostError), exclusive(path, wait_seconds=0):
                yield path


def remove_unused(work: str | Path, prefix: str, check: bool = False) -> tuple[str, ...]:
    """Remove the build folders below ``work`` whose build has ended; the steps that were needed."""
    steps = []
    for path in unused_folders(work, prefix):
        steps.append(f"remove {path}")
        with usable(str(path), "cannot be removed", "Remove it by hand."):
            if not check:
                shutil.rmtree(path)
    return tuple(steps)


def _new(work: str, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=work))
        # Until the folder is locked, another process may take it for a remainder and remove it.
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            lock(descriptor)
            if os.fstat(descriptor).st_nlink:
                return folder, descriptor
            os.close(descriptor)
