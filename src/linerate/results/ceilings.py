"""The greatest load that a sender can offer of a pcap, by the trials at top speed of the same run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..trial.loads import TOP_SPEED
from ..trial.model import Trial
from ..units import line_rate_pps
from .model import TrialResult

LINE, SENDER = "line rate", "the sender"


@dataclass(frozen=True)
class Ceiling:
    """The greatest load in packets/s, and what sets it."""

    pps: float
    by: str


def ceiling_of(result: TrialResult) -> tuple[Ceiling | None, str | None]:
    """What the sender of a trial at top speed can send, at most line rate; or None, and why it is not known."""
    sent = result.rates.sent
    if not result.valid or sent is None:
        reasons = "; ".join(result.verdict.reasons) or "no rate"
        return None, f"the trial that measures the sender's own limit is not valid: {reasons}"
    limit = result.line_rate.limit_bps
    line = line_rate_pps(limit, result.case.mean_frame_length) if limit else math.inf
    by = LINE if result.verdict.limit == "line" or sent.pps >= line else SENDER
    # Rounded down: a load above line rate would be one at top speed.
    return Ceiling(math.floor(1000 * min(sent.pps, line)) / 1000, by), None


def sender_limit(trial: Trial, results: Iterable[TrialResult]) -> float | None:
    """The sender's own limit in packets/s for the pcap and send method of ``trial``, by earlier ``results`` of its run.

    None where no trial at top speed has shown it, or where the line was the limit.
    """
    found = [
        ceiling
        for result in results
        if (result.offered.mode, result.offered.packets) == (TOP_SPEED, None)
        and (result.case, result.method) == (trial.case, trial.method)
        and (ceiling := ceiling_of(result)[0])
    ]
    highest = max(found, key=lambda ceiling: ceiling.pps, default=None)
    return highest.pps if highest and highest.by == SENDER else None
