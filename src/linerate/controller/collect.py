"""The interrupted trials of a sender's journals: stored in their runs, or apart where a run is not here."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clock import utc_now
from ..errors import HostError, ResultError
from ..results.build import result_of
from ..results.files import TRIAL_SCHEMA, check
from ..results.model import TrialResult
from ..results.read import RUN
from ..results.samples import samples_csv
from ..results.store import FOLDER_MODE, ORPHANED, RunFolder
from ..system.files import write_whole
from ..trial.evidence import Sent, WitnessReport
from ..trial.journal import name_of
from ..trial.model import Trial
from ..trial.verdict import Tolerance
from ..trial.witnesses import reports_of
from .owner import ended, lives, ran_here

KEPT_DAYS = 7
"""How long a trial is left to the controller of its run, in days since it ended."""


@dataclass(frozen=True)
class Interrupted:
    """A journal as linerate_journal returned it; ``leased``: its run holds the lease of the sender."""

    trial: Trial
    sent: Sent
    leased: bool

    @classmethod
    def of(cls, returned: Mapping[str, Any]) -> Interrupted:
        """InputError where ``returned`` is not complete."""
        return cls(Trial.from_json(returned["trial"]), Sent.of_result(returned["sent"]), bool(returned["leased"]))

    @property
    def name(self) -> str:
        return name_of(self.trial)

    def counts(self) -> list[dict[str, str]]:
        """The counts of its receivers: the ``host``, and the ``name`` of the count."""
        hosts = [witness.host for witness in self.trial.bench.witnesses if witness.kind == "linux"]
        return [{"host": host, "name": f"{self.name}.{position}"} for position, host in enumerate(hosts)]

    def reports(self, counted: Mapping[str, Mapping[str, Any]]) -> list[WitnessReport]:
        """What its witnesses reported, by the results of its counts by name.

        An agent's readings before the trial are lost with the run, so that it is no witness.
        """
        results = iter([counted.get(count["name"], {}) for count in self.counts()])
        return reports_of(
            [
                [witness.to_json(), next(results) if witness.kind == "linux" else {}]
                for witness in self.trial.bench.witnesses
            ]
        )


@dataclass(frozen=True)
class Home:
    """Where a trial belongs: its run's folder, None if that is not here. ``reason``: why it is not stored now.

    ``settled``: its journal is not needed any more.
    """

    folder: RunFolder | None
    reason: str | None = None
    settled: bool = False


def home_of(journal: Interrupted, results: Path, schemas: Path) -> Home:
    """Where an interrupted trial belongs, in the folder of runs ``results`` or where its run was started."""
    trial, owner = journal.trial, journal.trial.owner
    if lives(owner) or (journal.leased and not ended(owner)):
        return Home(None, f"belongs to a run in progress: {results / trial.bench.run_id}")
    for path in _folders(trial, results):
        folder = RunFolder(path, schemas)
        try:
            held = folder.holds(trial.trial_id)
        except (HostError, ResultError):
            # Such as the results of another user.
            continue
        return Home(folder, "is stored already", True) if held else Home(folder)
    if owner is not None and not ran_here(owner):
        until = _days_after(journal.sent.ended_at)
        if utc_now() < until:
            return Home(None, f"is left to {owner['controller']}, where its run was started, until {until}")
    return Home(None)


def judge(journal: Interrupted, reports: Sequence[WitnessReport], tolerance: Tolerance) -> tuple[TrialResult, str]:
    """The result of an interrupted trial, and its samples as CSV."""
    return result_of(journal.trial, journal.sent, reports, tolerance), samples_csv(journal.trial, journal.sent, reports)


def store_apart(name: str, result: TrialResult, samples: str, results: Path, schemas: Path) -> Path:
    """Store a trial whose run is not here in the folder ``orphaned`` of ``results``: its record, and the samples.

    Returns the record's path. HostError where it cannot be written, ResultError where it breaks the schema.
    """
    record = result.to_json()
    check(record, schemas / TRIAL_SCHEMA)
    path = results / ORPHANED / f"{name}.json"
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        rule = f"cannot be created: {error.strerror}"
        raise HostError("folder", str(path.parent), rule, "Make it a folder that this user may write to.") from error
    write_whole(path.with_name(f"{name}.csv"), samples.encode())
    write_whole(path, (json.dumps(record, indent=2) + "\n").encode())
    return path


def _folders(trial: Trial, results: Path) -> Iterator[Path]:
    """The folders of the trial's run that are here: in ``results``, and where it was started."""
    paths = [results / trial.bench.run_id]
    started = (trial.owner or {}).get("run_dir")
    if isinstance(started, str) and Path(started).is_absolute() and ran_here(trial.owner):
        paths.append(Path(started))
    for path in paths:
        try:
            run_id = json.loads((path / RUN).read_bytes())["run_id"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if run_id == trial.bench.run_id:
            yield path


def _days_after(time: str) -> str:
    """:data:`KEPT_DAYS` after ``time``, both as :func:`utc_now` writes them; ``time`` where it is not one."""
    try:
        ended_at = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    except ValueError:
        return time
    return utc_now(ended_at.timestamp() + KEPT_DAYS * 86_400)
