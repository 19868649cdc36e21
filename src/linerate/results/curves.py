"""The curves of a group's repeats as one line of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from ..trial.curve import grade
from .groups import Group
from .model import RECEIVED, SENT


@dataclass(frozen=True)
class GroupCurve:
    """The rate over time of the valid repeats, of the side ``counted``, in packets/s.

    ``mean_pps`` and ``cv_percent`` are medians of the repeats, ``min_pps`` and ``max_pps`` the lowest and the highest
    sample of any. ``stability`` is the grade of ``cv_percent``; None where the repeats are too short for a grade.
    """

    counted: str
    interval_seconds: float
    mean_pps: float
    min_pps: float
    max_pps: float
    cv_percent: float | None
    stability: str | None


def group_curve(group: Group) -> GroupCurve | None:
    """The curve of ``group``; None where no valid repeat has samples."""
    for side in (RECEIVED, SENT) if group.counted == RECEIVED else (SENT,):
        curves = [curve for trial in group.valid if (curve := trial.side_curve(side))]
        if curves:
            break
    else:
        return None
    variations = [curve.cv_percent for curve in curves if curve.cv_percent is not None]
    variation = median(variations) if variations else None
    return GroupCurve(
        counted=side,
        interval_seconds=median(curve.interval_seconds for curve in curves),
        mean_pps=median(curve.mean_pps for curve in curves),
        min_pps=min(curve.min_pps for curve in curves),
        max_pps=max(curve.max_pps for curve in curves),
        cv_percent=variation,
        stability=grade(variation) if any(curve.grade for curve in curves) else None,
    )
