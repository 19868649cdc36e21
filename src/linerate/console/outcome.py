"""The end of the view: PASS or FAIL, the best rates with their limit, the report, and the next command."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..report.text import bit_rate, clean, interval_text, number, offered
from ..results.statistics import Estimate

Json = Mapping[str, Any]


def read_summary(run_dir: str) -> dict[str, Any] | None:
    """summary.json of a run, None where there is none that can be read."""
    try:
        found = json.loads(Path(run_dir, "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def passed(summary: Json) -> bool:
    """Whether the run passed all its gates."""
    return all(gate["passed"] for gate in summary["gates"])


def failed_gates(summary: Json) -> list[str]:
    """What the gates that failed have found."""
    return [f"{clean(gate['name'])}: {clean(gate['text'])}" for gate in summary["gates"] if not gate["passed"]]


def best_rates(summary: Json) -> Iterator[str]:
    """The highest rate in packets and the highest in bits, each with its limit; once where both are the same.

    A run that searched has what it found in their place: its trials at top speed only show the sender's own limit.
    """
    if summary.get("searches"):
        yield from (clean(search["sentence"]) for search in summary["searches"])
        return
    results = [result for result in summary["results"] if _side(result)]
    seen = set()
    for unit in ("pps", "l1_bps"):
        best = max(results, key=lambda result: (_side(result) or {}).get(unit) or 0.0, default=None)
        if best is not None and id(best) not in seen:
            seen.add(id(best))
            yield _rate_line(best)
            yield f"  limit: {clean(', '.join(best['limits']))}"


def compared(summary: Json) -> Iterator[str]:
    """How fast each send method is: its ratio to the first one of its case and load, unless both kept to a rate."""
    for comparison in summary.get("comparisons", ()):
        load = comparison["offered"]
        for pair in comparison["ratios"]:
            if pair["to"] == comparison["send_methods"][0] and not pair["paced"]:
                found = pair["sent"] or pair["ratio"]
                verb = "sends" if pair["sent"] else "is"
                ratio = interval_text(Estimate(**{**found, "repeats": tuple(found["repeats"])}))
                yield (
                    f"{clean(pair['of'])} {verb} {ratio} times {clean(pair['to'])}: {clean(comparison['case'])}, "
                    f"{offered(load['mode'], load['value'])}"
                )


def _side(result: Json) -> dict[str, float | None] | None:
    side: dict[str, float | None] | None = result["received"] or result["sent"]
    return side


def _rate_line(result: Json) -> str:
    side, load = _side(result) or {}, result["offered"]
    percent = side.get("line_rate_percent")
    share = "" if percent is None else f" ({number(percent, 1)} % of line rate)"
    return (
        f"{number(side.get('pps'))} pps {'received' if result['received'] else 'sent'}, "
        f"{bit_rate(side.get('l1_bps') or 0)}{share}: {clean(result['case'])}, {clean(result['send_method'])}, "
        f"{offered(load['mode'], load['value'])}"
    )


def change(summary: Json) -> list[str]:
    """The change against the previous run, as the summary states it; nothing where there is none."""
    previous = summary["previous"]
    return [clean(line) for line in previous["lines"]] if previous else []


@dataclass(frozen=True)
class Command:
    """How the user started the playbook, by file name and whole command line, and how to start ``linerate``."""

    playbook: str
    line: str
    linerate: str


def next_command(command: Command, run_dir: str, complete: bool, first: str | None = None) -> str:
    """The command that is most likely to be wanted after the run in ``run_dir``.

    ``first`` is the run of another sender of the same playbook, if there is one.
    """
    if not complete:
        return f"{command.line} -e benchmark_resume={Path(run_dir).name}"
    previous = (read_summary(run_dir) or {}).get("previous")
    before = first or (previous and Path(run_dir).parent / previous["run"])
    if before:
        return f"{command.linerate} compare {shown(before)} {shown(run_dir)}"
    return f"{command.line}    (then: {command.linerate} compare {shown(run_dir)} {shown(Path(run_dir).parent)}/latest)"


def shown(path: str | Path) -> str:
    """A path as it is short to read: relative where it is below the working folder."""
    absolute = Path(path).resolve()
    with contextlib.suppress(ValueError, OSError):
        return str(absolute.relative_to(Path.cwd()))
    return str(absolute)
