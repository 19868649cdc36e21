"""A trial's rate over time: the samples while it was sending, and how steady they are."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

SHORTEST_SAMPLE_SHARE = 0.5
LEAST_GRADED = 3
"""Fewer samples than this are no curve."""

GRADES = (("flat", 1.0), ("steady", 5.0), ("uneven", 15.0))
"""A stability grade and the highest coefficient of variation, in percent, that earns it.

Flat is what a paced trial's rate may be off and still be valid; a sender that keeps its pace shows 0 to 0.3 % over a
second. Steady is a sender at top speed on a quiet machine. At 15 % one sample in twenty is 30 % away from the mean,
which any graph shows as up and down: that, and more, is unsteady. The shorter the samples the more a late wake-up
weighs in each, so grades are of equals only where the interval is the same.
"""
LOWEST_GRADE = "unsteady"

Sample = Mapping[str, Any]


def within_sending(samples: Sequence[Sample], sending_seconds: float) -> list[Sample]:
    """The samples up to the end of sending; the one that outlasts it is cut there, with all that came in it.

    A cut sample much shorter than the others says more of the clock than of the rate, and is left out.
    """
    kept: list[Sample] = []
    begin = 0.0
    for position, sample in enumerate(samples):
        if sample["elapsed_seconds"] > sending_seconds:
            rest = {
                "elapsed_seconds": sending_seconds,
                "interval_seconds": sending_seconds - begin,
                "packets": sum(late["packets"] for late in samples[position:]),
            }
            if kept and rest["interval_seconds"] < SHORTEST_SAMPLE_SHARE * kept[0]["interval_seconds"]:
                return kept
            return [*kept, rest] if rest["interval_seconds"] > 0 else kept
        kept.append(sample)
        begin = sample["elapsed_seconds"]
    return kept


def coefficient_of_variation(samples: Sequence[Sample]) -> float | None:
    """Standard deviation over mean of the packet rate, in percent; None with fewer than two samples."""
    values = [sample["packets"] / sample["interval_seconds"] for sample in samples]
    mean = statistics.fmean(values) if len(values) > 1 else 0.0
    return 100 * statistics.stdev(values) / mean if mean else None


def describe(samples: Sequence[Sample]) -> dict[str, Any] | None:
    """A curve in numbers: packets/s over the real intervals, and the grade; None without a sample.

    The mean is of all that time, min and max are of single samples.
    """
    if not samples:
        return None
    values = [sample["packets"] / sample["interval_seconds"] for sample in samples]
    seconds = sum(sample["interval_seconds"] for sample in samples)
    variation = coefficient_of_variation(samples)
    return {
        "samples": len(samples),
        "interval_seconds": round(statistics.median(sample["interval_seconds"] for sample in samples), 6),
        "mean_pps": sum(sample["packets"] for sample in samples) / seconds,
        "min_pps": min(values),
        "max_pps": max(values),
        "cv_percent": variation,
        "grade": grade(variation) if len(samples) >= LEAST_GRADED else None,
    }


def grade(cv_percent: float | None) -> str | None:
    """The stability grade of a coefficient of variation in percent: flat, steady, uneven, unsteady."""
    if cv_percent is None:
        return None
    return next((name for name, most in GRADES if cv_percent <= most), LOWEST_GRADE)
