"""``linerate compare BEFORE AFTER``: the ratios of two runs' rates, and what else differs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, LinerateError, ResultError
from .common import FAILED, GOOD, add_results, examples, failed, results_of

if TYPE_CHECKING:
    from ..report.gates import Gate

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand; its ``run`` default is called with the parsed arguments."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two runs",
        description="Print the ratio of the rates of two runs, AFTER divided by BEFORE, with 95 % intervals and a "
        "verdict (faster, slower, ~ for no significant difference, too few repeats), for every case, send method and "
        "offered load that both have, and the fields of the environment that differ. Rates are in packets/s, "
        "received, or sent where not both were witnessed; where packets were lost beyond the sender, the ratio of "
        "what was sent is printed too. Only valid trials count. Exit status: 0, 1 a rate is below --fail-below, 2 "
        "there is no such run, 3 the runs cannot be read or compared.",
        epilog=examples(
            "linerate compare previous latest",
            "linerate compare previous latest --fail-below 0.95 --junit compared.xml",
            "linerate compare results/BEFORE results/AFTER --json",
        ),
    )
    add = parser.add_argument
    run_name = "name or folder of a run, or latest"
    previous = "previous is the newest earlier run with the same hardware and something in common"
    add("before", metavar="BEFORE", help=f"{run_name}; {previous}")
    add("after", metavar="AFTER", help=f"{run_name}, with something changed")
    add_results(parser)
    add("--json", action="store_true", help="print one JSON object instead of Markdown")
    add(
        "--fail-below",
        metavar="RATIO",
        type=_ratio,
        help="exit with 1 if a rate of AFTER is below RATIO times that of BEFORE, unless the difference is not "
        "significant, or if AFTER lacks a result that BEFORE has",
    )
    add("--junit", metavar="FILE", type=Path, help="write the results of --fail-below to FILE as JUnit XML")
    parser.set_defaults(run=run)


def _ratio(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} must be a ratio above 0, for example 0.95")
    return value


def run(args: argparse.Namespace) -> int:
    """Print the comparison; the exit status also says whether it passed."""
    # Imported late: jsonschema takes longer to import than the other subcommands take to run.
    from ..report.run_comparison import comparison_json, comparison_markdown, fail_below
    from ..results.compare_runs import compare_runs
    from ..results.history import loaded

    try:
        if args.junit is not None and args.fail_below is None:
            raise InputError("--junit", str(args.junit), "has nothing to state", "Add --fail-below RATIO.")
        found = compare_runs(*loaded(args.before, args.after, results_of(args)))
        gates = fail_below(found, args.fail_below) if args.fail_below is not None else []
        if args.junit is not None:
            _write_junit(args.junit, f"{found.before.run_id} to {found.after.run_id}", gates)
        if args.json:
            data = comparison_json(found)
            print(json.dumps({**data, "gates": [vars(gate) for gate in gates]}, indent=2))
        else:
            print("\n".join([comparison_markdown(found), *_gate_lines(gates)]))
        if not found.effects:
            rule = "have no case, send method and offered load in common"
            raise ResultError("runs", f"{found.before.run_id}, {found.after.run_id}", rule, "Compare others.")
    except LinerateError as error:
        return failed("compare", error)
    return GOOD if all(gate.passed for gate in gates) else FAILED


def _gate_lines(gates: list[Gate]) -> list[str]:
    from ..report.markdown import md

    return ["", "## Gates", "", *(f"- {md(gate.line)}" for gate in gates)] if gates else []


def _write_junit(path: Path, name: str, gates: list[Gate]) -> None:
    from ..report.junit import Suite, gate_cases, junit
    from ..system.files import write_whole

    write_whole(path, junit(name, [Suite(name, gate_cases(gates))]).encode())
