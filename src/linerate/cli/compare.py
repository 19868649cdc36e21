"""``linerate compare BEFORE AFTER``: the ratios of two runs' rates, and what else differs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LinerateError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand; its ``run`` default is called with the parsed arguments."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two runs",
        description="Print the ratio of the rates of two runs, AFTER divided by BEFORE, with 95 % intervals, for every "
        "case, send method and offered load that both have, and the fields of the environment that differ. Rates are "
        "in packets/s, received, or sent where not both were witnessed; where packets were lost beyond the sender, the "
        "ratio of what was sent is printed too. Only valid trials count.",
    )
    parser.add_argument("before", metavar="BEFORE", type=Path, help="folder of a run")
    parser.add_argument("after", metavar="AFTER", type=Path, help="folder of a run with something changed")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of Markdown")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, or 1 with the reason on stderr when a run cannot be read or both have nothing in common."""
    # Imported late: jsonschema takes longer to import than the other subcommands take to run.
    from ..report.run_comparison import comparison_json, comparison_markdown
    from ..results.compare_runs import compare_runs
    from ..results.read import load_run

    try:
        found = compare_runs(load_run(args.before), load_run(args.after))
    except LinerateError as error:
        print(f"linerate compare: {error}", file=sys.stderr)
        return 1
    print(json.dumps(comparison_json(found), indent=2) if args.json else comparison_markdown(found))
    if not found.effects:
        print("linerate compare: the runs have no case, send method and offered load in common", file=sys.stderr)
        return 1
    return 0
