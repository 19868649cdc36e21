"""``linerate report RUN_DIR``: write report.html, summary.md, summary.json and trials.csv; print their paths."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LinerateError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand; its ``run`` default is called with the parsed arguments."""
    parser = subparsers.add_parser(
        "report",
        help="write a run's report.html, summary.md, summary.json and trials.csv",
        description="Write report.html, summary.md, summary.json and trials.csv to the folder of a run, and print "
        "their paths.",
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="folder of a run, for example results/latest")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, or 1 with the reason on stderr when the run cannot be read or written."""
    # Imported late: jinja2 and jsonschema take longer to import than the other subcommands take to run.
    from ..report.write import write_report

    try:
        written = write_report(args.run_dir)
    except LinerateError as error:
        print(f"linerate report: {error}", file=sys.stderr)
        return 1
    for path in (written.report, written.summary, written.data, written.trials):
        print(path)
    return 0
