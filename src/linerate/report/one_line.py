"""A trial's result in one line, for the person who watches the run."""

from __future__ import annotations

from collections.abc import Iterator

from ..results.model import TrialResult
from ..trial.curve import Curve
from ..trial.timing import INTERFACE, SHARE
from ..units import megabits


def one_line(trial: TrialResult) -> str:
    """Rates in packets/s and L2 Mbit/s (with FCS), loss, stability, limit, and whether it is valid or why not."""
    return ", ".join(_parts(trial))


def _parts(trial: TrialResult) -> Iterator[str]:
    sent, received, loss, verdict = trial.rates.sent, trial.rates.received, trial.loss, trial.verdict
    yield trial.trial_id
    if sent:
        requested = trial.achieved.requested_pps
        if requested:
            yield f"requested {requested:,.0f} pps"
        clock = " by monotonic clock" if trial.timing.sent_rate == INTERFACE else ""
        yield f"sent {sent.pps:,.0f} pps{clock} ({megabits(sent.l2_bps):,.1f} Mbit/s L2)"
    if received:
        share = " by the sent rate" if trial.timing.received_rate == SHARE else ""
        yield f"received {received.pps:,.0f} pps{share}"
    elif sent:
        yield "not witnessed"
    if loss:
        yield f"loss {loss.packets:,} packets ({loss.percent:.3g} %)" + (f" at: {loss.where}" if loss.where else "")
    yield from _stability(trial.curve.received or trial.curve.sent)
    yield from _witnesses(trial)
    if trial.sender_nic.tx_packets is None:
        yield "not counted by the sending interface"
    yield f"limit: {verdict.limit}"
    yield "valid" if verdict.valid else "NOT VALID: " + "; ".join(verdict.reasons)


def _stability(curve: Curve | None) -> Iterator[str]:
    if curve is not None and curve.grade is not None:
        yield f"{curve.grade} (CV {curve.cv_percent:.1f} % over samples of {curve.interval_seconds:.2g} s)"


def _witnesses(trial: TrialResult) -> Iterator[str]:
    """The witnesses that could not count, and those that disagree."""
    for one in trial.witnesses:
        if not one.usable:
            yield f"{one.name} could not count ({one.reason})"
    for pair in trial.witness_disagreement:
        differ = "" if pair.within else " (DISAGREE)"
        yield f"{pair.first} minus {pair.second} {pair.packets:+,} packets{differ}"
