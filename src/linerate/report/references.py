"""Reference lines of the plots and the table of the reference experiment."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.groups import Group
from ..results.reference import CASES, CITATION, MODE, Ours, ReferenceCase, ReferenceRow, matches
from ..units import line_rate_pps
from .axis import Reference
from .text import NONE, clean, interval_text, number, offered, rate_text


def references(groups: Sequence[Group], has_line_rate: bool) -> list[Reference]:
    """The lines of a plot of ``groups``, in packets/s: those that all share, and the experiment's."""
    first, *others = [_own(group, has_line_rate) for group in groups]
    shared = [line for line in first if all(line in other for other in others)]
    if len({group.case_name for group in groups}) > 1:
        return shared
    found = [case for case in CASES if any(matches(case, group) for group in groups)]
    return shared + [Reference("experiment", f"{case.engine} in the {CITATION}", case.pps) for case in found]


def _own(group: Group, has_line_rate: bool) -> list[Reference]:
    """The offered rate, unless the line carries less, and the line rate."""
    trial = group.trials[0]
    rate, paced = trial.line_rate, trial.offered.paced_pps
    found = [] if paced is None else [Reference("offered", "offered", paced)]
    if not has_line_rate:
        return found
    line = "line rate, assumed" if rate.source == "assumed" else "line rate"
    return [*found, Reference("line-rate", line, line_rate_pps(rate.bps, trial.case.mean_frame_length))]


def case_offered(case: ReferenceCase) -> str:
    """The offered load of a case of the experiment."""
    return offered(MODE, case.mbps)


def why_not(row: ReferenceRow) -> str:
    """Why no trial here sent the case; empty where one did."""
    if row.ours:
        return ""
    reasons = (": ".join(part for part in (item.adapter, clean(item.reason)) if part) for item in row.unavailable)
    return "; ".join(reasons) or "no trial of this run"


def reference_rows(rows: Sequence[ReferenceRow], has_line_rate: bool) -> list[dict[str, str]]:
    """One row per case of the experiment and send method here; one with the reason where there is none."""
    return [_row(row, ours, has_line_rate) for row in rows for ours in (row.ours or (None,))]


def _row(row: ReferenceRow, ours: Ours | None, has_line_rate: bool) -> dict[str, str]:
    case = row.case
    return {
        "case": case.case,
        "engine": case.engine,
        "frame": f"{case.frame_length} B",
        "offered": case_offered(case),
        "pps": number(case.pps),
        "mbps": number(case.rated_mbps, 2),
        "line": number(case.rates.line_rate_percent, 1),
        "method": clean(ours.member.method.name) if ours else NONE,
        "ours": rate_text(ours.member.pps) if ours else NONE,
        "counted": ours.member.counted if ours and ours.member.pps else NONE,
        "ours_line": number(_line(ours), 1) if has_line_rate else NONE,
        "ratio": interval_text(ours.ratio) if ours else NONE,
        "why_not": clean(why_not(row)),
    }


def _line(ours: Ours | None) -> float | None:
    return ours.member.group.median(ours.member.counted, "line_rate_percent") if ours else None
