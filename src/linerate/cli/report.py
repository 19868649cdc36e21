"""``linerate report``: write the report, the summaries, the table of trials and junit.xml; print their paths."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import LinerateError
from .common import GOOD, add_results, examples, failed, results_of

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand; its ``run`` default is called with the parsed arguments."""
    parser = subparsers.add_parser(
        "report",
        help="write the report, the summaries and junit.xml of a run again",
        description="Write report.html, summary.md, summary.json, trials.csv and junit.xml to the folder of a run, and "
        "print their paths. Exit status: 0, 2 there is no such run, 3 it cannot be read or written.",
        epilog=examples("linerate report", "linerate report results/latest"),
    )
    name = "name or folder of a run, or latest (the default)"
    parser.add_argument("run_name", metavar="RUN", nargs="?", default="latest", help=name)
    add_results(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files and print their paths."""
    # Imported late: jinja2 and jsonschema take longer to import than the other subcommands take to run.
    from ..report.write import write_report
    from ..results.history import find_run

    try:
        written = write_report(find_run(args.run_name, results_of(args)))
    except LinerateError as error:
        return failed("report", error)
    for path in (written.report, written.summary, written.data, written.trials, written.junit):
        print(path)
    return GOOD
