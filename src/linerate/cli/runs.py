"""``linerate list``, ``show``, ``open``: the stored runs."""

from __future__ import annotations

import argparse
import json
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LinerateError
from .common import GOOD, NOT_RUN, add_results, examples, failed, results_of

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_RUN = "name or folder of a run, or latest (the default)"


def add_parser(subparsers: Subparsers) -> None:
    """Register the commands."""
    parser = subparsers.add_parser(
        "list",
        help="list the runs, newest first",
        description="List the runs of a results folder, newest first: when, scenario, hosts, highest rates of valid "
        "trials, how many of the trials that ended are valid, whether the run passed its gates, and a fingerprint "
        "that is equal for equal hardware and software. Folders that cannot be read are listed last, with the reason. "
        "Exit status: 0, or 2 if there is no such folder.",
        epilog=examples("linerate list", "linerate list --results results --json"),
    )
    add_results(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    parser.set_defaults(run=list_runs)

    parser = subparsers.add_parser(
        "show",
        help="print the summary of a run",
        description="Print the summary of a run, in Markdown. Exit status: 0, 2 there is no such run, 3 it cannot be "
        "read.",
        epilog=examples("linerate show", "linerate show latest --json"),
    )
    parser.add_argument("run_name", metavar="RUN", nargs="?", default="latest", help=_RUN)
    add_results(parser)
    parser.add_argument("--json", action="store_true", help="print the data of summary.json")
    parser.set_defaults(run=show)

    parser = subparsers.add_parser(
        "open",
        help="open the report of a run in a browser",
        description="Write the report of a run if it is missing or out of date, print its address and open it in a "
        "browser; $BROWSER names one. Exit status: 0, 2 there is no such run, 3 it cannot be read, or no browser "
        "starts.",
        epilog=examples("linerate open", "BROWSER=firefox linerate open latest"),
    )
    parser.add_argument("run_name", metavar="RUN", nargs="?", default="latest", help=_RUN)
    add_results(parser)
    parser.set_defaults(run=open_report)


def list_runs(args: argparse.Namespace) -> int:
    """Print the runs."""
    # jinja2 and jsonschema take longer to import than other commands take to run.
    from ..report.run_list import runs_data, runs_text
    from ..results.history import history

    try:
        found = history(results_of(args))
    except LinerateError as error:
        return failed("list", error)
    print(json.dumps(runs_data(found), indent=2) if args.json else runs_text(found))
    return GOOD


def show(args: argparse.Namespace) -> int:
    """Print the summary of one run."""
    from ..report.summary import summary_markdown
    from ..report.summary_data import summary_data
    from ..results.history import find_run
    from ..results.read import load_run

    try:
        run = load_run(find_run(args.run_name, results_of(args)))
    except LinerateError as error:
        return failed("show", error)
    print(
        json.dumps(summary_data(run), indent=2) if args.json else summary_markdown(run), end="\n" if args.json else ""
    )
    return GOOD


def open_report(args: argparse.Namespace) -> int:
    """Open the report of one run."""
    from ..report.write import write_report
    from ..results.history import find_run

    try:
        address = Path(write_report(find_run(args.run_name, results_of(args))).report).as_uri()
    except LinerateError as error:
        return failed("open", error)
    print(address, flush=True)
    if webbrowser.open(address):
        return GOOD
    print("linerate open: no browser starts here. Set BROWSER, or open the address elsewhere.", file=sys.stderr)
    return NOT_RUN
