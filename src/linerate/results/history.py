"""The runs of a results folder, newest first, and the names by which commands find them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, LinerateError, ResultError
from .compare_runs import hardware_differences
from .files import SCHEMAS
from .groups import group_trials
from .read import RUN, load_run
from .run import Run
from .store import LATEST, ORPHANED

PREVIOUS = "previous"


@dataclass(frozen=True)
class Entry:
    """A folder of the results folder. ``run`` is None where it cannot be read, and ``problem`` says why."""

    path: Path
    run: Run | None
    problem: str | None = None

    @property
    def created_at(self) -> str:
        return self.run.info.created_at if self.run else ""


def history(results: Path, schemas: Path = SCHEMAS) -> list[Entry]:
    """Every run in ``results``, newest first, without the samples; then the folders that cannot be read.

    InputError where ``results`` is no folder.
    """
    entries = [_entry(path, schemas) for path in _folders(results)]
    return sorted(entries, key=lambda entry: (entry.created_at, entry.path.name), reverse=True)


def _folders(results: Path) -> list[Path]:
    try:
        return sorted(path for path in results.iterdir() if _may_be_run(path))
    except OSError as error:
        hint = "Name the folder that the runs are in, or run a benchmark first."
        raise InputError("results folder", str(results), f"cannot be read: {error.strerror}", hint) from error


def _may_be_run(path: Path) -> bool:
    """A folder whose name is not one of those that are no run; LATEST is a link to one that is listed itself."""
    return path.is_dir() and not path.is_symlink() and path.name not in (LATEST, ORPHANED) and path.name[0] != "."


def _entry(path: Path, schemas: Path) -> Entry:
    try:
        return Entry(path, load_run(path, schemas, samples=False))
    except LinerateError as error:
        return Entry(path, None, str(error))
    except OSError as error:
        return Entry(path, None, f"cannot be read: {error.strerror}")


def find_run(name: str, results: Path) -> Path:
    """The folder of the run ``name``: a path, a name in ``results``, or ``latest``. InputError where there is none."""
    if name == LATEST and not (results / LATEST / RUN).is_file():
        # A file system without links has none.
        newest = next((entry.path for entry in history(results) if entry.run), None)
        if newest is None:
            raise InputError(
                "run", name, f"there is none in {results}", "Run a benchmark, or name the folder of a run."
            )
        return newest
    for path in (Path(name), results / name):
        if (path / RUN).is_file():
            return path
    hint = "Use a name that `linerate list` prints, latest, or the folder of a run."
    raise InputError("run", name, f"is neither the folder of a run nor the name of one in {results}", hint)


def previous_run(after: Run, results: Path, schemas: Path = SCHEMAS) -> Run | None:
    """The newest run in ``results`` before ``after`` that it can be compared with, without its samples.

    Both have a case by the same send method at the same load, the first with a valid trial, on the same hardware.
    """
    folders = [(_created_at(path), path) for path in _folders(results)]
    for created_at, path in sorted(folders, reverse=True):
        if "" < created_at < after.info.created_at:
            before = _entry(path, schemas).run
            if before and _comparable(before, after):
                return before
    return None


def _created_at(path: Path) -> str:
    """The start of the run in ``path``, without reading its trials; empty where it is not known."""
    try:
        return str(json.loads((path / RUN).read_text(encoding="utf-8"))["created_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _comparable(before: Run, after: Run) -> bool:
    if hardware_differences(before.info.environment, after.info.environment):
        return False
    first, second = (
        {(group.case_name, group.method, group.mode, group.value) for group in groups}
        for groups in ([group for group in group_trials(before.trials) if group.valid], group_trials(after.trials))
    )
    return bool(first & second)


def loaded(before: str, after: str, results: Path) -> tuple[Run, Run]:
    """The two runs to compare, by the names of find_run(); ``before`` may also be PREVIOUS."""
    second = load_run(find_run(after, results))
    if before != PREVIOUS:
        return load_run(find_run(before, results)), second
    first = previous_run(second, results)
    if first is None:
        rule = f"no earlier run in {results} has the same hardware and a case, send method and offered load in common"
        raise ResultError("run", second.run_id, f"cannot be compared with a previous one: {rule}", "Name the run.")
    return first, second
