"""The curves of a group's repeats as one line of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from .groups import Group
from .model import RECEIVED, SENT


@dataclass(frozen=True)
class GroupCurve:
    """The rate over time of the valid repeats, of the side ``counted``, in packets/s.

    ``mean_pps`` is the median of the repeats, ``min_pps`` and ``max_pps`` the lowest and the highest sample of any.
    ``cv_percent`` and its grade, ``stability``, are of the least steady repeat; no grade where that is too short.
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
    worst = max(curves, key=lambda curve: curve.cv_percent or 0.0)
    return GroupCurve(
        counted=side,
        interval_seconds=median(curve.interval_seconds for curve in curves),
        mean_pps=median(curve.mean_pps for curve in curves),
        min_pps=min(curve.min_pps for curve in curves),
        max_pps=max(curve.max_pps for curve in curves),
        cv_percent=worst.cv_percent,
        stability=worst.grade,
    )
