"""The reports of a trial's witnesses as they are stored, and how far the witnesses disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import combinations

from ..trial.evidence import WitnessReport, WitnessState
from .model import WitnessPair, WitnessResult


def stored(report: WitnessReport) -> WitnessResult:
    """The report as the result of the trial has it; its samples go to a file of their own."""
    state, count = {field.name: getattr(report, field.name) for field in fields(WitnessState)}, report.witness
    counted = {"method": None, "matches": None, "packets": None} if count is None else vars(count)
    return WitnessResult(**state, **counted, position=report.position)


def disagreements(
    reports: Sequence[WitnessReport], pps: float | None, tolerance_packets: float
) -> tuple[WitnessPair, ...]:
    """The witnesses that counted at the same position, compared pairwise.

    ``tolerance_packets`` is for other traffic. Counters that had not settled when they were read may also lack the
    packets of one refresh at ``pps`` packets/s.
    """
    pairs = []
    for first, second in combinations([one for one in reports if one.counted is not None], 2):
        if first.position != second.position:
            continue
        difference = (first.counted or 0) - (second.counted or 0)
        refresh = sum(side.refresh_seconds or 0 for side in (first, second) if not side.settled)
        tolerated = round(tolerance_packets + refresh * (pps or 0))
        percent = 100 * difference / first.counted if first.counted else None
        within = abs(difference) <= tolerated
        pairs.append(WitnessPair(first.name, second.name, difference, percent, tolerated, within))
    return tuple(pairs)
