"""``linerate compare BEFORE AFTER``: what the second run's rates are of the first's, and what else differs."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LinerateError

if TYPE_CHECKING:
    from ..results.compare import Ratio
    from ..results.compare_runs import Effect, RunsCompared

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

HEADER = ("Case", "Offered", "Before, pps (95 %)", "After, pps (95 %)", "After / before (95 %)", "Counted", "Valid")
ALIGN = "lrrrrlr"


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand; its ``run`` default is called with the parsed arguments."""
    parser = subparsers.add_parser(
        "compare",
        help="hold two runs against each other",
        description="Print the ratio of the rates of two runs, AFTER over BEFORE, with 95 %% intervals, for every "
        "case, way to send and offered load that both have, and the fields of the environment that differ. Rates are "
        "in packets/s, received, or sent where not both were witnessed; where packets were lost beyond the sender, the "
        "ratio of what was sent stands beside it. Valid trials alone count.",
    )
    parser.add_argument("before", metavar="BEFORE", type=Path, help="folder of a run")
    parser.add_argument("after", metavar="AFTER", type=Path, help="folder of a run that changed something")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of Markdown")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, or 1 with the reason on stderr when a run cannot be read or both have nothing in common."""
    # Here, not above: jsonschema takes longer to import than the other subcommands take to run.
    from ..results.compare_runs import compare_runs
    from ..results.model import load_run

    try:
        found = compare_runs(load_run(args.before), load_run(args.after))
    except LinerateError as error:
        print(f"linerate compare: {error}", file=sys.stderr)
        return 1
    print(json.dumps(_data(found), indent=2) if args.json else "\n".join(_lines(found)))
    if not found.effects:
        print("linerate compare: the runs have no case, way to send and offered load in common", file=sys.stderr)
        return 1
    return 0


def _lines(found: RunsCompared) -> list[str]:
    from ..report.markdown import md, table
    from ..results.statistics import METHOD

    lines = [f"# {md(found.before.run_id)} to {md(found.after.run_id)}", ""]
    if found.effects:
        lines += [*table(HEADER, [_row(effect) for effect in found.effects], ALIGN), ""]
    lines.append(f"- Intervals of 95 %: {md(METHOD)}.")
    lines.append("- The runs were not interleaved: a drift between them shows, too.")
    for which, names in (("first", found.alone_before), ("second", found.alone_after)):
        lines += [f"- Only the {which} run has: {md('; '.join(names))}."] if names else []
    for title, differing in (("in the environment", found.environment), ("in what was sent", found.sending)):
        lines += ["", f"## What differs {title}", ""]
        for one in differing:
            before, after = (json.dumps(value, ensure_ascii=False) for value in (one.before, one.after))
            lines.append(f"- {md(one.field)}: {md(before)} before, {md(after)} after")
        lines += [] if differing else ["- Nothing."]
    return lines


def _row(effect: Effect) -> tuple[str, ...]:
    from ..results.compare import interval_text, rate_text

    sides = (effect.before, effect.after)
    valid = " and ".join(f"{len(side.group.valid)}/{len(side.group.trials)}" for side in sides)
    found = effect.ratio
    return (
        f"{effect.case}, {effect.way}",
        effect.offered,
        *(rate_text(side.pps) for side in sides),
        interval_text(found.ratio) if found else "no valid trial",
        _counted(found) if found else "",
        valid,
    )


def _counted(found: Ratio) -> str:
    from ..results.compare import interval_text

    if found.lost_at:
        return f"{found.counted}, limit: {', '.join(found.lost_at)}; of sent: {interval_text(found.sent)}"
    return found.counted + (", both paced" if found.paced else "")


def _data(found: RunsCompared) -> dict[str, Any]:
    from ..report.summary_data import estimate_data
    from ..results.statistics import METHOD

    return {
        "before": found.before.run_id,
        "after": found.after.run_id,
        "interval": {"level_percent": 95, "method": METHOD},
        "effects": [
            {
                "case": effect.case,
                "way": effect.way,
                "offered": effect.offered,
                "counted": effect.ratio.counted if effect.ratio else None,
                "paced": effect.ratio.paced if effect.ratio else None,
                "before_pps": estimate_data(effect.before.pps),
                "after_pps": estimate_data(effect.after.pps),
                "after_over_before": estimate_data(effect.ratio.ratio) if effect.ratio else None,
                "lost_at": list(effect.ratio.lost_at) if effect.ratio else [],
                "sent_after_over_before": estimate_data(effect.ratio.sent) if effect.ratio else None,
            }
            for effect in found.effects
        ],
        "environment": [asdict(one) for one in found.environment],
        "sending": [asdict(one) for one in found.sending],
        "only_before": list(found.alone_before),
        "only_after": list(found.alone_after),
    }
