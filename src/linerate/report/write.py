"""Write a run's report, summary and table of trials into its folder, each file atomically."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, ResultError
from ..results.compare_runs import RunsCompared, compare_runs
from ..results.files import SCHEMAS, SUMMARY_SCHEMA
from ..results.files import check as check_schema
from ..results.history import previous_run
from ..results.read import load_run
from ..results.run import Run
from ..system.files import write_whole
from .gates import Gate, gates, passed
from .html import report_html
from .junit import run_junit
from .summary import summary_markdown
from .summary_data import summary_data
from .trials_csv import trials_csv

REPORT = "report.html"
SUMMARY = "summary.md"
DATA = "summary.json"
TRIALS = "trials.csv"
JUNIT = "junit.xml"


@dataclass(frozen=True)
class Written:
    """The files of a report. ``changed``: the content of at least one differs from before. ``gates`` are the run's."""

    report: Path
    summary: Path
    data: Path
    trials: Path
    junit: Path
    text: str
    previous_text: str | None
    changed: bool
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate of the run passed."""
        return passed(self.gates)

    @property
    def failures(self) -> list[str]:
        """The gates that did not pass, in words."""
        return [f"{gate.name}: {gate.text}" for gate in self.gates if not gate.passed]


def write_report(run_dir: Path, check: bool = False, schemas: Path = SCHEMAS) -> Written:
    """Render the run in ``run_dir`` and store the report there; with ``check`` only predict what would change.

    Raises ResultError when the run cannot be read, HostError when the files cannot be written.
    """
    run = load_run(run_dir, schemas)
    change = _change(run, schemas)
    found, text, data = gates(run), summary_markdown(run, change), summary_data(run, change)
    check_schema(data, schemas / SUMMARY_SCHEMA)
    contents = {
        run.path / REPORT: report_html(run, change),
        run.path / SUMMARY: text,
        run.path / DATA: json.dumps(data, indent=2) + "\n",
        run.path / TRIALS: trials_csv(run),
        run.path / JUNIT: run_junit(run, found),
    }
    before = {path: _read(path) for path in contents}
    stale = [path for path in contents if before[path] != contents[path]]
    if not check:
        for path in stale:
            write_whole(path, contents[path].encode())
    report, summary, stored, trials, junit = contents
    return Written(report, summary, stored, trials, junit, text, before[summary], bool(stale), found)


def _change(run: Run, schemas: Path) -> RunsCompared | None:
    """The run compared with the previous comparable one of its folder of results, None where there is none."""
    try:
        before = previous_run(run, run.path.parent, schemas) if run.valid else None
    except InputError:
        # A folder that cannot be listed has no history; the report of this run does not depend on it.
        return None
    return compare_runs(before, run) if before else None


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise ResultError("file", str(path), f"cannot be read: {error}", "Make it readable, or remove it.") from error
