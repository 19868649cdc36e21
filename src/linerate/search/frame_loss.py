"""Frame loss rate (RFC 2544 section 26.3): from the greatest load down, until two trials in a row lose nothing."""

from __future__ import annotations

from .measurements import Load, Measurement, Measurements

STEPS = 10
"""Steps of 10 % of the greatest load; RFC 2544 allows no coarser ones."""
CLEAN_TRIALS = 2


def frame_loss(most_pps: float, seconds: float, measurements: Measurements) -> list[Measurement]:
    """The measurements from ``most_pps`` (line rate, or less where the sender cannot send it) down in steps of 10 %.

    TrialNeededError where the next trial is not stored, NotMeasurableError where one load cannot be measured.
    """
    found: list[Measurement] = []
    clean = 0
    for step in range(STEPS, 0, -1):
        one = measurements.measure(Load(round(most_pps * step / STEPS, 3), seconds))
        found.append(one)
        clean = clean + 1 if one.lost == 0 else 0
        if clean == CLEAN_TRIALS:
            break
    return found
