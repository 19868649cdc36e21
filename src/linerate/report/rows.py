"""The rows of the report's tables, each value as text with its unit in the heading."""

from __future__ import annotations

from typing import Any

from ..results.groups import Group
from ..results.model import Trial
from ..units import Rates
from .text import NONE, clean, mbit, number, offered

_VALUES = (
    "Offered", "Sent, pps", "Achieved, %", "Received, pps", "Line rate, %", "L1, Mbit/s", "Lowest, pps", "Highest, pps",
    "CV, %", "Loss, %", "CPU, %", "Core, %",
)  # fmt: skip
TRIAL_COLUMNS = (("Trial", ""), ("Verdict", ""), *((label, "n") for label in _VALUES), ("Curve", ""), ("Limit", ""))
"""Headings of the trials' table, and whether the column holds numbers."""


def group_row(group: Group) -> dict[str, Any]:
    side = group.bits_side
    bits = {unit: group.median(side, unit) if side else None for unit in ("l1_bps", "l2_bps", "pcap_bps")}
    return {
        "case": clean(group.case),
        "engine": group.engine,
        "frame": group.frame,
        "offered": group.offered,
        "sent": number(group.median("sent", "pps")),
        "received": number(group.median("received", "pps")),
        "witnessed": group.witnessed or not group.valid,
        "line": number(group.median(side, "line_rate_percent"), 2) if side else NONE,
        **{unit: mbit(value) for unit, value in bits.items()},
        "loss": number(group.worst_loss_percent, 3),
        "cv": number(group.cv_percent, 2),
        "limit": ", ".join(group.limits) or NONE,
        "valid": f"{len(group.valid)}/{len(group.trials)}",
        "whole": len(group.valid) == len(group.trials),
    }


def trial_row(trial: Trial, place: int) -> dict[str, Any]:
    """One trial; ``place`` is its number in the page."""
    record = trial.record
    sent, received = _bits(trial.sent), _bits(trial.received)
    shown = received if trial.received else sent
    curve = trial.curve("received") or trial.curve("sent") or {}
    values = {
        "Offered": offered(trial.mode, trial.offered_value),
        "Sent, pps": sent["pps"],
        "Achieved, %": number(trial.achieved_percent, 2),
        "Received, pps": received["pps"],
        "Line rate, %": shown["line"],
        "L1, Mbit/s": shown["l1_bps"],
        "Lowest, pps": number(curve.get("min_pps")),
        "Highest, pps": number(curve.get("max_pps")),
        "CV, %": number(trial.cv_percent, 2),
        "Loss, %": number(trial.loss_percent, 3),
        "CPU, %": number(record["sender_cpu_percent"]),
        "Core, %": number(record["sender_core_busy_percent"]),
    }
    marks = _marks(trial)
    return {
        "number": place,
        "id": clean(trial.trial_id),
        "way": clean(f"{trial.case}, {trial.engine}"),
        "numbers": [values[label] for label in _VALUES],
        "grade": curve.get("grade") or NONE,
        "limit": trial.limit,
        "valid": trial.valid,
        "doubtful": not trial.valid or bool(marks),
        "marks": marks,
        "reasons": [clean(reason) for reason in trial.reasons],
    }


def _marks(trial: Trial) -> list[str]:
    """What keeps a reader from taking the numbers as those of a whole, witnessed trial."""
    marks = ["partial: cut off, the numbers are of its part until then"] if trial.record.get("partial") else []
    return marks if trial.witnessed else [*marks, "not witnessed: judged by the sender alone"]


def _bits(rates: Rates | None) -> dict[str, str]:
    if rates is None:
        return dict.fromkeys(("pps", "line", "l1_bps", "l2_bps", "pcap_bps"), NONE)
    return {
        "pps": number(rates.pps),
        "line": number(rates.line_rate_percent, 2),
        **{unit: mbit(getattr(rates, unit)) for unit in ("l1_bps", "l2_bps", "pcap_bps")},
    }
