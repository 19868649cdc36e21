"""The run folder: run.json, trials.jsonl and samples, each written whole and held against its schema."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema

from ..errors import HostError, InputError, ResultError
from ..system.files import write_whole

LATEST = "latest"
"""The link to the newest run, beside the runs."""

FOLDER_MODE = 0o755
"""Results are for everyone to read and for their owner to change, whatever the umask."""

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def check(record: Mapping[str, Any], schema: Path) -> None:
    """ResultError naming the field when ``record`` does not satisfy the JSON Schema in the file ``schema``."""
    error = jsonschema.exceptions.best_match(_validator(schema).iter_errors(record))
    if error is not None:
        raise ResultError(
            error.json_path,
            error.instance,
            f"does not satisfy {schema.name}: {error.message}",
            "Report this as a defect.",
        )


def _validator(schema: Path) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))


def plain(run_id: str) -> str:
    """``run_id``, which names a folder and stands in other names. InputError where it is more than a plain name."""
    if run_id == LATEST or not _RUN_ID.fullmatch(run_id):
        hint = "Give letters, digits, dots, dashes and underscores, at most 100, the first a letter or a digit."
        raise InputError("run_id", run_id, f"is not a plain name, or is {LATEST!r}", hint)
    return run_id


class RunFolder:
    """One run's results. ``schemas`` is the folder of the JSON Schemas."""

    def __init__(self, path: Path, schemas: Path) -> None:
        self.path = path
        self._schemas = schemas

    @classmethod
    def create(cls, results: Path, run: Mapping[str, Any], schemas: Path) -> RunFolder:
        """Make the folder of ``run`` (run.json) and point ``latest`` at it.

        InputError when it is there already: results are never written over; HostError when it cannot be made.
        """
        run_id = plain(run["run_id"])
        check(run, schemas / "run.schema.json")
        folder = cls(results / run_id, schemas)
        try:
            (folder.path / "samples").mkdir(parents=True, exist_ok=False)
            for made in (folder.path, folder.path / "samples"):
                made.chmod(FOLDER_MODE)
        except FileExistsError as error:
            raise InputError("run_id", run_id, "has results already", "Give another run_id.") from error
        except OSError as error:
            hint = "Make it a folder that this user may write to."
            raise HostError("results folder", str(results), f"cannot be used: {error.strerror}", hint) from error
        write_whole(folder.path / "run.json", (json.dumps(run, indent=2) + "\n").encode())
        write_whole(folder.path / "trials.jsonl", b"")
        latest = results / f".latest.{run_id}"
        latest.unlink(missing_ok=True)
        latest.symlink_to(run_id)
        latest.replace(results / LATEST)
        return folder

    def trials(self) -> list[dict[str, Any]]:
        """The trials stored so far. ResultError naming what is not a trial, or why none can be read."""
        validator = _validator(self._schemas / "trial.schema.json")
        try:
            lines = (self.path / "trials.jsonl").read_text(encoding="utf-8").split("\n")
            stored = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError, RecursionError) as error:
            rule = f"cannot be read as one JSON object a line ({error})"
            raise ResultError("trials.jsonl", str(self.path), rule, "Restore it as the run wrote it.") from error
        wrong = next((place for place, trial in enumerate(stored, 1) if not validator.is_valid(trial)), None)
        if wrong is not None:
            rule = f"holds something that is no trial, number {wrong}"
            raise ResultError("trials.jsonl", str(self.path), rule, "Restore it as the run wrote it.")
        return stored

    def add(self, trial: Mapping[str, Any], samples: str) -> bool:
        """Store a trial that has ended; False, and nothing changes, where one of its name is stored.

        ResultError when it does not satisfy the schema: then nothing is written.
        """
        check(trial, self._schemas / "trial.schema.json")
        with self._alone():
            if any(other["trial_id"] == trial["trial_id"] for other in self.trials()):
                return False
            write_whole(self.path / trial["samples"], samples.encode())
            stored = self.path / "trials.jsonl"
            before = stored.read_bytes()
            write_whole(stored, before + json.dumps(trial, separators=(",", ":")).encode() + b"\n")
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time: what a run left may be collected while another is about to store it, too."""
        try:
            # As long as there is a run it is there, and never replaced by another file.
            with (self.path / "run.json").open("r+b") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            hint = "Make it a folder that this user may write to."
            raise HostError("run folder", str(self.path), f"cannot be written to: {error.strerror}", hint) from error
