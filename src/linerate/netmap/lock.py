"""One at a time: what a playbook does to netmap on a host, and what the host does by itself at its boot."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock file ``path``, once whoever has it lets go; the kernel lets go for a process that died.

    Raises ``OSError`` where the file cannot be made. It stays: removing it would give two holders.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
