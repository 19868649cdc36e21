"""Errors of the file system, as errors that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import HostError

HINT = "Make it writable, with enough free space, and run again."


@contextmanager
def usable(path: str, rule: str = "cannot be used", hint: str = HINT) -> Iterator[None]:
    """Raise ``HostError`` for an ``OSError`` of the block; it names the file of that error, otherwise ``path``."""
    try:
        yield
    except OSError as error:
        raise HostError("path", str(error.filename or path), f"{rule}: {error.strerror}", hint) from error
