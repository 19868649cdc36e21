"""A trial's rate over time: the samples while it was sending, and how steady they are."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ..receiver.sampler import Sample
from ..record import Record

LEAST_GRADED = 5
"""With fewer samples a coefficient of variation is uncertain by more than a third, and so is a grade."""

GRADES = (("flat", 1.0), ("steady", 5.0), ("uneven", 15.0))
"""A stability grade and the highest coefficient of variation, in percent, that earns it.

Flat is the rate tolerance of a valid paced trial; a sender that keeps its pace shows 0 to 0.3 % over a second. Steady
is a sender at top speed on a quiet machine. At 15 %, one sample in twenty is 30 % away from the mean, which any graph
shows as up and down: that, and more, is unsteady. In a shorter sample a late wake-up weighs more, so grades are
comparable only between samples of the same length.
"""
LOWEST_GRADE = "unsteady"


@dataclass(frozen=True)
class Curve(Record):
    """The packet rate over time in packets/s, each sample divided by its real interval.

    ``interval_seconds`` is the median interval, ``mean_pps`` the mean over the whole time, ``min_pps`` and ``max_pps``
    single samples. ``cv_percent`` is None with fewer than two samples, ``grade`` with fewer than LEAST_GRADED.
    """

    samples: int
    interval_seconds: float
    mean_pps: float
    min_pps: float
    max_pps: float
    cv_percent: float | None
    grade: str | None


def while_sending(samples: Sequence[Sample], packets: int | None = None) -> list[Sample]:
    """The whole intervals before the last of ``packets``, by default of all that were counted.

    The interval in which the last packet was counted is left out: it includes silence, of unknown length.
    """
    total = sum(sample.packets for sample in samples)
    last = total if packets is None else min(packets, total)
    counted = 0
    for place, sample in enumerate(samples):
        counted += sample.packets
        if counted >= last:
            return list(samples[:place])
    return list(samples)


def coefficient_of_variation(samples: Sequence[Sample]) -> float | None:
    """Standard deviation over mean of the packet rate, in percent; None with fewer than two samples."""
    values = [sample.pps for sample in samples]
    mean = statistics.fmean(values) if len(values) > 1 else 0.0
    return 100 * statistics.stdev(values) / mean if mean else None


def curve_of(samples: Sequence[Sample]) -> Curve | None:
    """The curve of ``samples``; None without a sample."""
    if not samples:
        return None
    rates = [sample.pps for sample in samples]
    variation = coefficient_of_variation(samples)
    return Curve(
        samples=len(samples),
        interval_seconds=round(statistics.median(sample.interval_seconds for sample in samples), 6),
        mean_pps=sum(sample.packets for sample in samples) / sum(sample.interval_seconds for sample in samples),
        min_pps=min(rates),
        max_pps=max(rates),
        cv_percent=variation,
        grade=grade(variation) if len(samples) >= LEAST_GRADED else None,
    )


def grade(cv_percent: float | None) -> str | None:
    """The stability grade of a coefficient of variation in percent: flat, steady, uneven, unsteady."""
    if cv_percent is None:
        return None
    return next((name for name, most in GRADES if cv_percent <= most), LOWEST_GRADE)
