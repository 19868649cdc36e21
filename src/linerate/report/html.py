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
from ..results.groups import Group, group_trials
from ..results.reference import with_reference
from ..results.run import Run
from ..results.statistics import METHOD
from . import plots as report_plots
from .bars import blocks
from .caveats import adapters, caveats, lab_text, line_rates, unavailable
from .comparison import headline_sentences, ratio_rows
from .details import group_details
from .findings import findings, headline, verdict
from .hosts import hosts, plan
from .loads import LEAST_LOADS, load_charts
from .references import reference_rows
from .rows import TRIAL_COLUMNS, group_row, trial_row
from .searches import searches_view
from .text import clean, group_title, number
from .witnesses import counted

TEMPLATES = Path(__file__).resolve().parent / "templates"

_OPEN_CURVES = 16
"""More curves than this are collapsed by case."""


def report_html(run: Run) -> str:
    """The report. Equal runs give equal text: it does not contain the current time."""
    groups, searches = group_trials(run.listed), searches_view(run)
    where, notice = lab_text(run)
    shown, comparisons = headline(groups), compare_methods(groups)
    scripts = [_file("report.js")] if groups else []
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            policy=_policy(scripts),
            style=_file("report.css"),
            scripts=scripts,
            verdict=verdict(run),
            standing=_standing(run),
            searches=searches,
            loads=load_charts(groups),
            least_loads=LEAST_LOADS,
            headline=[*searches["sentences"], *shown, *headline_sentences(comparisons)],
            ratios=ratio_rows(comparisons),
            reference=reference_rows(with_reference(run, groups)),
            method=METHOD,
            findings=[line for line in findings(run, groups) if line not in shown],
            caveats=caveats(run),
            where=where,
            notice=notice,
            line_rates=line_rates(run),
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
    curves = report_plots.curves(run, groups)
    few = len(curves) <= _OPEN_CURVES
    cases: dict[str, list[report_plots.Curve]] = {}
    for curve in curves:
        cases.setdefault("" if few else curve.case, []).append(curve)
    return {
        "blocks": blocks(groups),
        "curves": list(cases.items()),
        "uncurved": [
            group_title(group) for group in groups if not any(run.samples[trial.trial_id] for trial in group.trials)
        ],
        "box": report_plots,
    }


def _trials(run: Run, groups: Sequence[Group]) -> dict[str, Any]:
    """Every trial, as a row and in full. Links use the number of a trial, since its id is data."""
    numbers = {trial.trial_id: place for place, trial in enumerate(run.trials, start=1)}
    return {
        "trial_columns": TRIAL_COLUMNS,
        "trials": [trial_row(trial, numbers[trial.trial_id]) for trial in run.trials],
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


def _standing(run: Run) -> str:
    """The verdict's colour: good, mixed or bad."""
    if not run.valid:
        return "bad" if run.trials else "mixed"
    return "good" if len(run.valid) == len(run.trials) and not run.missing else "mixed"
