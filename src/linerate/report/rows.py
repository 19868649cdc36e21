"""The rows of the report's tables, each value as text with its unit in the heading."""

from __future__ import annotations

from typing import Any

from ..results.groups import Group
from ..results.model import RECEIVED, SENT, TrialResult
from ..units import Rates
from .text import NONE, clean, frame, group_offered, mbit, number, offered

_LINE = "Line rate, %"
_FIRST = ("Received, pps", "Loss, %", "Sent, pps", "Offered")
"""The columns that a narrow screen shows."""
_OTHERS = ("Achieved, %", _LINE, "L1, Mbit/s", "Lowest, pps", "Highest, pps", "CV, %", "CPU, %", "Core, %")
_BITS = ("l1_bps", "l2_bps", "pcap_bps")


def group_row(group: Group) -> dict[str, Any]:
    side = group.bits_side
    return {
        "case": clean(group.case_name),
        "method": clean(group.method.name),
        "frame": frame(group.case),
        "offered": group_offered(group),
        "sent": number(group.median(SENT, "pps")),
        "received": number(group.median(RECEIVED, "pps")),
        "witnessed": group.witnessed or not group.valid,
        "line": number(group.median(side, "line_rate_percent"), 2) if side else NONE,
        "lost": bool(group.worst_loss_percent),
        **{unit: mbit(group.median(side, unit) if side else None) for unit in _BITS},
        "loss": number(group.worst_loss_percent, 3),
        "cv": number(group.cv_percent, 2),
        "limit": ", ".join(group.limits) or NONE,
        "valid": f"{len(group.valid)}/{len(group.trials)}",
        "whole": len(group.valid) == len(group.trials),
    }


def trial_columns(has_line_rate: bool) -> list[tuple[str, str]]:
    """Headings of the trials' table, and whether the column holds numbers."""
    first, others = _numbers(has_line_rate)
    numbers = [[(label, "n") for label in labels] for labels in (first, others)]
    return [("Trial", ""), *numbers[0], ("Verdict", ""), *numbers[1], ("Curve", ""), ("Limit", "")]


def _numbers(has_line_rate: bool) -> tuple[list[str], list[str]]:
    """The columns of numbers, before and after the verdict."""
    return list(_FIRST), [label for label in _OTHERS if has_line_rate or label != _LINE]


def trial_row(trial: TrialResult, place: int, has_line_rate: bool) -> dict[str, Any]:
    """One trial; ``place`` is its number in the page."""
    rates, curve = trial.rates, trial.curve.received or trial.curve.sent
    shown = rates.received or rates.sent
    values = {
        "Offered": offered(trial.offered.mode, trial.offered.value),
        "Sent, pps": _pps(rates.sent),
        "Achieved, %": number(trial.achieved.percent, 2),
        "Received, pps": _pps(rates.received),
        _LINE: number(shown.line_rate_percent if shown else None, 2),
        "L1, Mbit/s": mbit(shown.l1_bps if shown else None),
        "Lowest, pps": number(curve.min_pps if curve else None),
        "Highest, pps": number(curve.max_pps if curve else None),
        "CV, %": number(trial.cv_percent, 2),
        "Loss, %": number(trial.loss.percent if trial.loss else None, 3),
        "CPU, %": number(trial.sender_cpu_percent),
        "Core, %": number(trial.sender_core_busy_percent),
    }
    marks, (first, others) = _marks(trial), _numbers(has_line_rate)
    return {
        "number": place,
        "id": clean(trial.trial_id),
        "group": clean(f"{trial.case.name}, {trial.method.name}"),
        "first": [values[label] for label in first],
        "others": [values[label] for label in others],
        "grade": (curve and curve.grade) or NONE,
        "limit": trial.verdict.limit,
        "valid": trial.valid,
        "doubtful": not trial.valid or bool(marks),
        "marks": marks,
        "reasons": [clean(reason) for reason in trial.verdict.reasons],
    }


def _marks(trial: TrialResult) -> list[str]:
    """Why the numbers are not those of a whole, witnessed trial."""
    marks = ["partial: cut off, the numbers are of the part before"] if trial.partial else []
    return marks if trial.witnessed else [*marks, "not witnessed: judged by the sender alone"]


def _pps(rates: Rates | None) -> str:
    return number(rates.pps if rates else None)
