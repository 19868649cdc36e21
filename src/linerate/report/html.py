"""A run as one self-contained HTML file, without scripts, styles, fonts or links from elsewhere.

All data passes Jinja's autoescape, plots included: they are inline SVG. A content security policy names the one script
by hash, so that even markup that was not escaped could load and run nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..results.compare import compare_methods
from ..results.compare_runs import RunsCompared
from ..results.groups import Group, group_trials
from ..results.reference import CITATION, with_reference
from ..results.run import Run
from ..results.statistics import METHOD
from . import plots as report_plots
from .answer import BAD, GOOD, MIXED, tiles, title
from .bars import blocks
from .caveats import adapters, caveats, lab_text, line_rate_note, unavailable
from .comparison import headline_sentences, ratio_rows
from .details import group_details
from .findings import findings, headline, verdict
from .gates import Gate, gates, passed
from .hosts import hosts, plan
from .loads import LEAST_LOADS, load_charts
from .references import reference_rows
from .rows import group_row, trial_columns, trial_row
from .run_comparison import ALIGN, HEADER, change_lines, change_rows
from .searches import outcomes, searches_view
from .sizes import size_charts
from .text import clean, group_title, number
from .witnesses import counted

TEMPLATES = Path(__file__).resolve().parent / "templates"

_OPEN_CURVES = 16
"""More curves than this are collapsed by case."""


def report_html(run: Run, change: RunsCompared | None = None) -> str:
    """The report, with the ``change`` against the previous run if there is one.

    Equal runs give equal text: it does not contain the current time.
    """
    groups, searches, found = group_trials(run.listed), searches_view(run), gates(run)
    where, notice = lab_text(run)
    shown, comparisons = headline(run, groups), compare_methods(groups)
    scripts = [_file("report.js")] if groups else []
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            policy=_policy(scripts),
            style=_file("report.css"),
            scripts=scripts,
            title=title(run, groups, outcomes(run)),
            tiles=tiles(run, groups, found, change),
            verdict=verdict(run),
            standing=_standing(run, found),
            failures=[gate.line for gate in found if not gate.passed],
            change=_change(change),
            has_line_rate=run.has_line_rate,
            searches=searches,
            loads=load_charts(groups),
            sizes=size_charts(groups, run.has_line_rate),
            least_loads=LEAST_LOADS,
            headline=[*searches["sentences"], *headline_sentences(comparisons)],
            ratios=ratio_rows(comparisons),
            reference=reference_rows(with_reference(run, groups), run.has_line_rate),
            method=METHOD,
            citation=CITATION,
            findings=[line for line in findings(run, groups) if line not in shown],
            caveats=caveats(run),
            where=where,
            notice=notice,
            line_rate_note=line_rate_note(run),
            groups=[group_row(group) for group in groups],
            plan=plan(run),
            unavailable=unavailable(run),
            adapters=adapters(run),
            hosts=hosts(run),
            **_plots(run, groups),
            **_trials(run, group_trials(run.trials)),
        )
    )


def _plots(run: Run, groups: Sequence[Group]) -> dict[str, Any]:
    """The plots; many curves are grouped by case, so that they can stay collapsed."""
    curves, bars = report_plots.curves(run, groups), blocks(groups, run.has_line_rate)
    shown, kept = ([curve for curve in curves if curve.in_order is folded] for folded in (False, True))
    few = len(shown) <= _OPEN_CURVES
    cases: dict[str, list[report_plots.Curve]] = {}
    for curve in shown:
        cases.setdefault("" if few else curve.case, []).append(curve)
    return {
        "blocks": [block for block in bars if not block.in_order],
        "kept_blocks": [block for block in bars if block.in_order],
        "curves": list(cases.items()),
        "kept_curves": kept,
        "uncurved": [
            group_title(group) for group in groups if not any(run.samples[trial.trial_id] for trial in group.trials)
        ],
        "box": report_plots,
    }


def _trials(run: Run, groups: Sequence[Group]) -> dict[str, Any]:
    """Every trial, as a row and in full. Links use the number of a trial, since its id is data."""
    numbers = {trial.trial_id: place for place, trial in enumerate(run.trials, start=1)}
    return {
        "trial_columns": trial_columns(run.has_line_rate),
        "trials": [trial_row(trial, numbers[trial.trial_id], run.has_line_rate) for trial in run.trials],
        "counted": counted(run.trials),
        "details": [group_details(run, group, numbers) for group in groups],
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["clean"] = clean
    environment.filters["number"] = number
    environment.filters["compact"] = lambda value: json.dumps(value, allow_nan=False, separators=(",", ":"))
    return environment


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _change(found: RunsCompared | None) -> dict[str, Any] | None:
    """The change against the previous run: its run, in lines, and as rows of a table."""
    if found is None:
        return None
    lines, rows = change_lines(found), change_rows(found)
    return {"run": clean(found.before.path.name), "lines": lines, "rows": rows, "header": list(zip(HEADER, ALIGN))}


def _standing(run: Run, found: Sequence[Gate]) -> str:
    """The verdict's colour: good, mixed or bad."""
    if not run.valid or not passed(tuple(found)):
        return BAD if run.trials else MIXED
    return GOOD if len(run.valid) == len(run.trials) and not run.missing else MIXED
