"""The run folder: run.json, trials.jsonl and samples, validated before they are written.

Storing a trial takes the same time however many the run has: its line is appended, and a small index holds the counts.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import HostError, InputError, ResultError
from ..record import Record
from ..system.files import make_folder, where_supported, write_whole
from ..system.lock import exclusive
from ..trial.loads import TOP_SPEED
from .files import HINT_FILE, RUN_SCHEMA, TRIAL_SCHEMA, check
from .model import TrialResult
from .read import RUN, TRIALS
from .samples import samples_path

LATEST = "latest"
"""The link to the newest run, in the folder of the runs."""

ORPHANED = "orphaned"
"""The folder of the trials whose run is not here, in the folder of the runs."""

FOLDER_MODE = 0o755
"""Results are for everyone to read and for their owner to change, whatever the umask."""

INDEX = ".stored.json"
"""Counts of trials.jsonl, for its size in bytes. It holds nothing else: without it the lines are counted again."""

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_HINT_FOLDER = "Make it a folder that this user may write to, with room for the results."


@dataclass(frozen=True)
class Stored(Record):
    """How many trials a trials.jsonl of ``bytes`` bytes holds, and how many of them are valid."""

    bytes: int = 0
    trials: int = 0
    valid: int = 0


def plain(run_id: str) -> str:
    """``run_id``, which names a folder and is part of other names. InputError where it is not a plain name."""
    if run_id in (LATEST, ORPHANED) or not _RUN_ID.fullmatch(run_id):
        hint = "Use letters, digits, dots, dashes and underscores, at most 100, the first a letter or a digit."
        raise InputError("run_id", run_id, f"is not a plain name, or is {LATEST!r} or {ORPHANED!r}", hint)
    return run_id


class RunFolder:
    """One run's results. ``schemas`` is the folder of the JSON Schemas."""

    def __init__(self, path: Path, schemas: Path) -> None:
        self.path = path
        self._schemas = schemas
        self._trials = path / TRIALS

    @classmethod
    def create(cls, results: Path, run: Mapping[str, Any], schemas: Path) -> RunFolder:
        """Create the folder of ``run`` (run.json) and point ``latest`` at it.

        InputError when it exists: results are never overwritten. HostError when it cannot be created.
        """
        run_id = plain(run["run_id"])
        check(run, schemas / RUN_SCHEMA)
        folder = cls(results / run_id, schemas)
        try:
            make_folder(results, FOLDER_MODE)
            folder._make()
        except FileExistsError as error:
            raise InputError("run_id", run_id, "already has results", "Choose another run_id.") from error
        except OSError as error:
            rule = f"cannot be used: {error.strerror}"
            raise HostError("results folder", str(results), rule, _HINT_FOLDER) from error
        folder._begin(run)
        _point_at(results, run_id)
        return folder

    @classmethod
    def resume(cls, results: Path, run: Mapping[str, Any], schemas: Path) -> tuple[RunFolder, tuple[str, ...]]:
        """The folder of ``run``, which ended early, and the ids of the trials that it has.

        InputError when it was another run: of other pcaps, send methods, loads, witnesses or hosts.
        """
        folder = cls(results / plain(run["run_id"]), schemas)
        with folder._alone():
            stored = json.loads((folder.path / RUN).read_bytes())
            ended = tuple(str(line.get("trial_id")) for line in folder._lines())
        for name, then, now in (
            ("plan", stored["plan"]["trials"], run["plan"]["trials"]),
            ("searches", stored.get("searches", []), run.get("searches", [])),
            ("gates", stored.get("gates", run.get("gates")), run.get("gates")),
            ("witnesses", stored["witnesses"], run["witnesses"]),
            ("fingerprint", stored["environment"]["fingerprint"], run["environment"]["fingerprint"]),
        ):
            if then != json.loads(json.dumps(now)):
                rule = f"cannot continue: the {name} of the run is not that of the scenario and the hosts now"
                hint = "Restore what was changed, or start a new run."
                raise InputError("benchmark_resume", run["run_id"], rule, hint)
        return folder, ended

    @staticmethod
    def probe(results: Path) -> None:
        """Try in ``results``, or in the folder where it would be made, what storing a run needs; nothing of it is left.

        HostError that names what the file system refuses.
        """
        try:
            # A link to nothing is no folder, and none can be made in its place.
            existing = next(folder for folder in (results, *results.absolute().parents) if os.path.lexists(folder))
            with TemporaryDirectory(prefix=".linerate-", dir=existing) as name:
                folder = RunFolder(Path(name, "run"), results)
                folder._make()
                folder._begin({})
                with folder._alone():
                    folder._append(b"{}\n", 0)
        except OSError as error:
            rule = f"cannot be used: {error.strerror}"
            raise HostError("results folder", str(results), rule, _HINT_FOLDER) from error
        except HostError as error:
            # It names a file of this attempt, unless the file system is what cannot be used.
            hint = _HINT_FOLDER if name in error.hint else error.hint
            raise HostError("results folder", str(results), error.rule, hint) from error

    def _make(self) -> None:
        (self.path / "samples").mkdir(parents=True, exist_ok=False)
        for created in (self.path, self.path / "samples"):
            with where_supported():
                created.chmod(FOLDER_MODE)

    def _begin(self, run: Mapping[str, Any]) -> None:
        write_whole(self.path / RUN, (json.dumps(run, indent=2) + "\n").encode())
        write_whole(self._trials, b"")

    def add(self, result: TrialResult, samples: str) -> bool:
        """Store a trial that has ended; False, and nothing changes, where one of its id is stored.

        ResultError when it does not satisfy the schema: then nothing is written.
        """
        record = result.to_json()
        check(record, self._schemas / TRIAL_SCHEMA)
        with self._alone():
            self._drop_cut_line()
            counts = self._stored()
            if self._holds(result.trial_id):
                return False
            write_whole(self.path / result.samples, samples.encode())
            line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
            self._append(line, counts.bytes)
            self._keep(replace(counts, trials=counts.trials + 1, valid=counts.valid + result.valid))
        return True

    def holds(self, trial_id: str) -> bool:
        """Whether the trial of that id is stored."""
        with self._alone():
            return self._holds(trial_id)

    def stored(self) -> Stored:
        """How many trials are stored, and how many of them are valid."""
        with self._alone():
            return self._stored()

    def at_top_speed(self) -> list[TrialResult]:
        """The results of trials at top speed."""
        mark = json.dumps(TOP_SPEED).encode()
        with self._alone():
            lines = [line for line in self._trials.read_bytes().split(b"\n") if mark in line]
        found = (_object(line) or {} for line in lines)
        return [TrialResult.from_json(one) for one in found if one.get("offered", {}).get("mode") == TOP_SPEED]

    def _holds(self, trial_id: str) -> bool:
        # The samples are written first, so a trial without them is not stored: the lines are read for others only.
        if not (self.path / samples_path(trial_id)).exists():
            return False
        return any(line.get("trial_id") == trial_id for line in self._lines())

    def _stored(self) -> Stored:
        size = self._trials.stat().st_size
        try:
            counts = Stored.from_json(json.loads((self.path / INDEX).read_bytes()))
        except (OSError, ValueError, InputError):
            counts = Stored()
        if counts.bytes == size:
            return counts
        lines = list(self._lines())
        return Stored(size, len(lines), sum(bool(line.get("verdict", {}).get("valid")) for line in lines))

    def _lines(self) -> Iterator[dict[str, Any]]:
        """The lines of trials.jsonl as JSON objects, without a check of the schema."""
        for number, line in enumerate(self._trials.read_bytes().split(b"\n"), start=1):
            if line.strip():
                found = _object(line)
                if found is None:
                    rule = f"line {number} is not a JSON object"
                    raise ResultError(TRIALS, str(self.path), rule, HINT_FILE)
                yield found

    def _drop_cut_line(self) -> None:
        """Remove the end of a line that a crash cut off; its trial was never reported as stored."""
        with self._trials.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                return
            file.seek(size - 1)
            if file.read(1) == b"\n":
                return
            file.seek(0)
            content = file.read()
            whole, _, tail = content.rpartition(b"\n")
            if _object(tail) is None:
                file.truncate(len(whole) + 1 if whole else 0)
            else:
                file.write(b"\n")

    def _append(self, line: bytes, size: int) -> None:
        """Append one line, or nothing where that fails; ``size`` is that of the file in bytes."""
        descriptor = os.open(self._trials, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _keep(self, counts: Stored) -> None:
        content = replace(counts, bytes=self._trials.stat().st_size).to_json()
        # An index that is missing or out of date is not used, so a failure to write it is no failure to store a trial.
        with suppress(OSError):
            (self.path / INDEX).write_text(json.dumps(content), encoding="ascii")
            (self.path / INDEX).chmod(0o644)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the run's lock: an interrupted trial may be collected while its own run is about to store it."""
        if not (self.path / RUN).is_file():
            raise HostError("run folder", str(self.path), f"contains no {RUN}", "Restore it, or start a new run.")
        try:
            # run.json exists as long as the run, and is never replaced by another file.
            with exclusive(self.path / RUN):
                yield
        except OSError as error:
            rule = f"cannot be written to: {error.strerror}"
            raise HostError("run folder", str(self.path), rule, _HINT_FOLDER) from error


def _point_at(results: Path, run_id: str) -> None:
    """Point the link ``latest`` at a run. It is a convenience: a file system without links has none."""
    latest = results / f".latest.{run_id}"
    with suppress(OSError):
        latest.unlink(missing_ok=True)
        latest.symlink_to(run_id)
        latest.replace(results / LATEST)
    with suppress(OSError):
        latest.unlink(missing_ok=True)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
