"""Join what the sender and the witnesses saw of one trial into its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..nic.counters import ReceiverNic, SenderNic
from ..receiver.packet_counter import Count
from ..trial.curve import curve_of, within_sending
from ..trial.engines.registry import engine
from ..trial.evidence import Claim, Process, Sent, WitnessReport
from ..trial.loss import Loss, locate
from ..trial.model import Case, LineRate, Offered, Trial
from ..trial.verdict import Evidence, Tolerance, judge
from ..trial.witnesses import primary
from ..units import Rates, rates
from .model import SCHEMA, Achieved, BothCurves, BothRates, Disagreement, TrialResult
from .samples import samples_path
from .witnesses import disagreements, stored


def result_of(
    trial: Trial, sent: Sent, reports: Sequence[WitnessReport], tolerance: Tolerance | None = None
) -> TrialResult:
    """The result of ``trial``, by what the sender returned and what its witnesses reported (none: not witnessed)."""
    tolerance, received = tolerance or Tolerance(), primary(reports)
    counts = Counts(
        offered=trial.offered,
        claim=sent.claim,
        sender_nic=sent.nic,
        receiver_nic=received.nic if received else None,
        witness=received.witness if received else None,
    )
    follows, loss = derive(trial.case, trial.bench.line_rate, counts), _loss(sent, received)
    curve = _curves(sent, received)
    evidence = Evidence(
        offered=trial.offered,
        sent=sent,
        witnessed=counts.witness.packets if counts.witness else None,
        loss=loss,
        line_rate_percent=follows.rates.sent.line_rate_percent if follows.rates.sent else None,
        core_limit=engine(trial.method.engine).core_limit(sent.adapter, paced=trial.offered.paced_pps is not None),
        faults=_faults(sent, reports),
    )
    return TrialResult(
        **_of_trial(trial),
        **_of_sender(sent),
        **_of_witnesses(reports, sent.claim, tolerance),
        **vars(follows),
        receiver_nic=counts.receiver_nic,
        witness=counts.witness,
        loss=loss,
        cv_percent=cv_percent(sent.claim, curve),
        curve=curve,
        verdict=judge(evidence, tolerance),
    )


def _of_trial(trial: Trial) -> dict[str, Any]:
    """The fields of the result that the trial has."""
    bench = trial.bench
    return {
        "schema": SCHEMA,
        "run_id": bench.run_id,
        "trial_id": trial.trial_id,
        "sequence": trial.sequence,
        "repeat": trial.repeat,
        "case": trial.case,
        "engine": trial.method.engine,
        "processes": trial.method.processes,
        "offered": trial.offered,
        "sender": bench.sender,
        "receiver": bench.receiver,
        "versions": bench.versions,
        "line_rate": bench.line_rate,
        "fingerprint": bench.fingerprint,
        "samples": samples_path(trial.trial_id),
    }


def _of_sender(sent: Sent) -> dict[str, Any]:
    """The fields of the result that the sender returned."""
    names = ("adapter", "argv", "started_at", "ended_at", "process", "claim", "recovery")
    return {
        **{name: getattr(sent, name) for name in names},
        "partial": is_partial(sent.process, sent.claim),
        "sender_nic": sent.nic,
        "sender_cpu_percent": sent.cpu_percent,
        "sender_core_busy_percent": sent.core_busy_percent,
    }


def _of_witnesses(reports: Sequence[WitnessReport], claim: Claim | None, tolerance: Tolerance) -> dict[str, Any]:
    """The fields of the result on all witnesses."""
    pps, packets = (claim.pps, claim.successful) if claim else (None, 0)
    return {
        "witnesses": tuple(stored(report) for report in reports),
        "witness_disagreement": disagreements(reports, pps, tolerance.packets(packets)),
    }


@dataclass(frozen=True)
class Counts:
    """The offered load of a trial and every count of its packets, which further numbers are derived from."""

    offered: Offered
    claim: Claim | None
    sender_nic: SenderNic
    receiver_nic: ReceiverNic | None
    witness: Count | None


@dataclass(frozen=True)
class Derived:
    """What follows from the counts of a trial."""

    achieved: Achieved
    disagreement: Disagreement
    rates: BothRates


def derive(case: Case, line_rate: LineRate, counts: Counts) -> Derived:
    """What follows from ``counts`` of frames of ``case`` on a link of ``line_rate``."""
    claim, nic, witness = counts.claim, counts.sender_nic, counts.witness
    received = counts.receiver_nic.rx_packets if counts.receiver_nic else None
    requested, sent_pps = counts.offered.pps, claim.pps if claim else None
    received_pps = claim.pps * witness.packets / claim.packets if claim and claim.packets and witness else None
    return Derived(
        achieved=Achieved(
            requested, sent_pps, 100 * sent_pps / requested if requested and sent_pps is not None else None
        ),
        disagreement=Disagreement(
            claim.successful - nic.tx_packets if claim and nic.tx_packets is not None else None,
            received - witness.packets if received is not None and witness else None,
        ),
        rates=BothRates(_rates(sent_pps, case, line_rate), _rates(received_pps, case, line_rate)),
    )


def _rates(pps: float | None, case: Case, line_rate: LineRate) -> Rates | None:
    return None if pps is None else rates(pps, case.mean_frame_length, line_rate.bps)


def is_partial(process: Process, claim: Claim | None) -> bool:
    """Whether the trial was cut off, by linerate or by others: its counts are of the part before."""
    interrupted = claim is not None and claim.interrupted
    return bool(process.stopped_because or interrupted or process.exit_status != 0)


def cv_percent(claim: Claim | None, curve: BothCurves) -> float | None:
    """The coefficient of variation that a trial is known by: that of what was received while it was sending."""
    return curve.received.cv_percent if claim and curve.received else None


def _curves(sent: Sent, received: WitnessReport | None) -> BothCurves:
    seconds, arrived = sent.claim.seconds if sent.claim else None, received.samples if received else ()
    return BothCurves(*(curve_of(within_sending(samples, seconds)) for samples in (sent.samples, arrived)))


def _loss(sent: Sent, received: WitnessReport | None) -> Loss | None:
    if received is None or sent.claim is None or not sent.claim.successful:
        return None
    return locate(sent.claim.successful, sent.nic, received)


def _faults(sent: Sent, reports: Sequence[WitnessReport]) -> tuple[str, ...]:
    """What failed apart from the sending: a count that is missing, an interface that was not restored."""
    faults = []
    if reports and primary(reports) is None:
        faults.append(f"not witnessed: {'; '.join(str(one.reason) for one in reports)}")
    if sent.recovery and sent.recovery.error:
        faults.append(f"the settings of the sending interface were not restored: {sent.recovery.error}")
    return tuple(faults)
