"""The events of a trial while it runs, for programs that follow it: JSON lines in a file on the sender.

One object per line: ``start`` (trial_id, started_at, duration_seconds), ``interval`` (elapsed_seconds,
interval_seconds, packets, bytes) about twice a second at most, and ``end`` (ended_at, elapsed_seconds,
stopped_because). They serve display only: nothing here may fail a trial, so that every error ends the events.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..clock import utc_now
from ..receiver.sampler import Sample
from ..system.files import make_folder
from .journal import name_of
from .model import Trial

FOLDER = "/run/linerate/events"
LEAST_SECONDS = 0.5
"""The time between two intervals; samples may be far closer."""
MAX_FILES = 16
MAX_BYTES = 4 * 1024 * 1024


def path_of(trial: Trial, folder: str = FOLDER) -> str:
    """The file of the events of ``trial``. InputError where its name is not a plain file name."""
    return str(Path(folder, f"{name_of(trial)}.jsonl"))


def remove_events(folder: str = FOLDER) -> None:
    """Remove the events of all trials; no trial may be sending."""
    shutil.rmtree(folder, ignore_errors=True)


class Events:
    """The events of one trial, which are being written."""

    def __init__(self, trial: Trial, folder: str = FOLDER) -> None:
        self._file: int | None = None
        self._bytes = 0
        self._since, self._packets, self._octets = 0.0, 0, 0
        path = Path(path_of(trial, folder))
        try:
            make_folder(folder)
            _make_room(path)
            # Readable by all, as the counters of an interface are: a follower needs no privilege.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o644)
        except OSError:
            return
        self._write(
            "start", trial_id=trial.trial_id, started_at=utc_now(), duration_seconds=trial.offered.duration_seconds
        )

    def sample(self, sample: Sample) -> None:
        """Add an interval; samples closer than :data:`LEAST_SECONDS` are joined."""
        self._packets += sample.packets
        self._octets += sample.bytes
        interval = sample.elapsed_seconds - self._since
        if interval < LEAST_SECONDS:
            return
        self._write(
            "interval",
            elapsed_seconds=round(sample.elapsed_seconds, 3),
            interval_seconds=round(interval, 3),
            packets=self._packets,
            bytes=self._octets,
        )
        self._since, self._packets, self._octets = sample.elapsed_seconds, 0, 0

    def end(self, elapsed_seconds: float, stopped_because: str | None) -> None:
        """Add the last event, and close the file."""
        self._write(
            "end", ended_at=utc_now(), elapsed_seconds=round(elapsed_seconds, 3), stopped_because=stopped_because
        )
        self.close()

    def close(self) -> None:
        """Close the file; what is written after that is dropped."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, event: str, **fields: Any) -> None:
        if self._file is None or self._bytes > MAX_BYTES:
            return
        line = json.dumps({"event": event, **fields}, separators=(",", ":")).encode() + b"\n"
        self._bytes += len(line)
        try:
            os.write(self._file, line)
        except OSError:
            self.close()


def _make_room(path: Path) -> None:
    found = sorted(path.parent.glob("*.jsonl"), key=lambda other: other.stat().st_mtime)
    for other in (path, *found[: len(found) - MAX_FILES + 1]):
        other.unlink(missing_ok=True)
