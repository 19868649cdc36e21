"""A gate at which several processes wait, so that all of them start at one instant."""

from __future__ import annotations

import errno
import inspect
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence

from ..errors import HostError
from . import hold

FOLDER = "/run/linerate"
PREFIX = "gate-"
LEAD_NS = 20_000_000
"""From the opening to the instant: each process has read it by then."""
_STARTED = re.compile(rf"^{re.escape(hold.MARK)} (-?[0-9]+) ns$", re.MULTILINE)


class Gate:
    """``paths`` are FIFOs, one per process. Each process opens its own when it is ready, and reads the instant there.

    The instant is in nanoseconds of the monotonic clock. HostError where the FIFOs cannot be made.
    """

    def __init__(self, count: int, folder: str = FOLDER) -> None:
        place = folder if os.access(folder, os.W_OK | os.X_OK) else None
        try:
            self.folder = tempfile.mkdtemp(prefix=PREFIX if place else f"linerate-{PREFIX}", dir=place)
            self.paths = tuple(os.path.join(self.folder, str(number)) for number in range(count))
            for path in self.paths:
                os.mkfifo(path, 0o600)
        except OSError as error:
            hint = "Make /run/linerate or /tmp writable, or use one process."
            raise HostError("gate", error.filename, f"cannot be made: {error.strerror}", hint) from error
        self._writers: dict[str, int] = {}
        self.is_open = False

    def poll(self) -> bool:
        """Whether the gate is open: it opens once, as soon as all processes wait at it."""
        if self.is_open:
            return True
        for path in self.paths:
            if path not in self._writers and (writer := _writer(path)) is not None:
                self._writers[path] = writer
        if len(self._writers) == len(self.paths):
            instant = b"%d\n" % (time.monotonic_ns() + LEAD_NS)
            for writer in self._writers.values():
                os.write(writer, instant)
            self.is_open = True
            self.remove()
        return self.is_open

    def remove(self) -> None:
        """Close and remove the FIFOs; processes that still wait end without an instant."""
        for writer in self._writers.values():
            os.close(writer)
        self._writers = {}
        shutil.rmtree(self.folder, ignore_errors=True)


def _writer(path: str) -> int | None:
    """The writing end of a FIFO; None while nobody reads it (fifo(7))."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise HostError("gate", path, f"cannot be opened: {error.strerror}", "Start the trial again.") from error


def held(argv: Sequence[str], path: str) -> list[str]:
    """The command that waits at the gate's ``path``, then becomes ``argv``."""
    return [sys.executable, "-I", "-c", inspect.getsource(hold), path, *argv]


def started_seconds(messages: str) -> float | None:
    """How long after the instant a held command became its program, by what it wrote to stderr; None: it did not."""
    found = _STARTED.search(messages)
    return int(found[1]) / 1e9 if found else None
