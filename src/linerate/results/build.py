"""Join what the sender and the witnesses saw of one trial into its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..nic.counters import ReceiverNic, SenderNic
from ..receiver.packet_counter import Count
from ..trial.curve import curve_of, while_sending
from ..trial.engines.registry import engine
from ..trial.evidence import Claim, Process, Sent, WitnessReport
from ..trial.loss import Loss, locate
from ..trial.model import Case, LineRate, Offered, Trial
from ..trial.timing import INTERFACE, PROGRAM, RECEIVER, SHARE, BothRates, Timing, span_of
from ..trial.verdict import Counted, Evidence, Tolerance, clock_reasons, judge, queued
from ..trial.witnesses import at_device, at_receiver, primary
from ..units import Rates, rates
from .model import SCHEMA, Achieved, BothCurves, Disagreement, TrialResult
from .samples import samples_path
from .witnesses import disagreements, stored


def result_of(
    trial: Trial,
    sent: Sent,
    reports: Sequence[WitnessReport],
    tolerance: Tolerance | None = None,
    sender_limit: float | None = None,
) -> TrialResult:
    """The result of ``trial``, by what the sender returned and what its witnesses reported (none: not witnessed).

    ``sender_limit`` is what the sender sends of the pcap at top speed, in packets/s, where that is known.
    """
    tolerance, received = tolerance or Tolerance(), primary(reports)
    counts = Counts(
        offered=trial.offered,
        claim=sent.claim,
        sender_nic=sent.nic,
        receiver_nic=received.nic if received else None,
        witness=received.witness if received else None,
        curve=_curves(sent, received),
        timing=_timing(trial, sent, received, tolerance),
    )
    follows, loss = derive(trial.case, trial.bench.line_rate, counts), _loss(sent, reports)
    evidence = Evidence(
        offered=trial.offered,
        sent=sent,
        timing=counts.timing,
        witnessed=counts.witness.packets if counts.witness else None,
        loss=loss,
        rates=follows.rates,
        core_limit=engine(trial.method.engine).core_limit(sent.adapter, paced=trial.offered.paced_pps is not None),
        sender_limit=sender_limit,
        faults=_faults(sent, reports),
    )
    return TrialResult(
        **_of_trial(trial),
        **_of_sender(sent),
        **_of_witnesses(reports, sent.claim, tolerance),
        **vars(follows),
        receiver_nic=counts.receiver_nic,
        witness=counts.witness,
        timing=counts.timing,
        loss=loss,
        cv_percent=cv_percent(sent.claim, counts.curve),
        curve=counts.curve,
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
    names = ("adapter", "argv", "started_at", "ended_at", "process", "claim", "recovery", "parts")
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
    """The offered load of a trial, every count of its packets, and the clocks: what further numbers follow from."""

    offered: Offered
    claim: Claim | None
    sender_nic: SenderNic
    receiver_nic: ReceiverNic | None
    witness: Count | None
    curve: BothCurves
    timing: Timing


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
    requested, (sent_pps, received_pps) = counts.offered.pps, _measured(counts)
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


def _measured(counts: Counts) -> tuple[float | None, float | None]:
    """The sent and the received rate in packets/s, each by the clock that the timing names."""
    claim, witness, curve, timing = counts.claim, counts.witness, counts.curve, counts.timing
    sent = claim.pps if claim else None
    if timing.sent_rate == INTERFACE and curve.sent:
        sent = curve.sent.mean_pps
    received = None
    if timing.received_rate == RECEIVER and curve.received:
        received = curve.received.mean_pps
    elif timing.received_rate == SHARE and claim and claim.packets and witness and sent is not None:
        received = sent * witness.packets / claim.packets
    return sent, received


def _rates(pps: float | None, case: Case, line_rate: LineRate) -> Rates | None:
    return None if pps is None else rates(pps, case.mean_frame_length, line_rate.limit_bps)


def is_partial(process: Process, claim: Claim | None) -> bool:
    """Whether the trial was cut off, by linerate or by others: its counts are of the part before."""
    interrupted = claim is not None and claim.interrupted
    return bool(process.stopped_because or interrupted or process.exit_status != 0)


def cv_percent(claim: Claim | None, curve: BothCurves) -> float | None:
    """The coefficient of variation that a trial is known by: that of what was received while it was sending."""
    return curve.received.cv_percent if claim and curve.received else None


def _curves(sent: Sent, received: WitnessReport | None) -> BothCurves:
    packets = sent.claim.packets if sent.claim else None
    return BothCurves(
        curve_of(while_sending(sent.samples, packets)),
        curve_of(while_sending(received.samples)) if received else None,
    )


def _timing(trial: Trial, sent: Sent, received: WitnessReport | None, tolerance: Tolerance) -> Timing:
    """The durations by every clock, and which measured the rates."""
    claim, curve = sent.claim, _curves(sent, received)
    delay = engine(trial.method.engine).refresh_seconds(trial.method.adapter)
    arrived = (received.counted or 0) if received else 0
    timing = Timing(
        sender=span_of(sent.samples, claim.packets, delay) if claim else None,
        receiver=span_of(received.samples, arrived) if received else None,
        wall_clock_step=sent.wall_clock_step,
        sent_rate=PROGRAM if claim else None,
        received_rate=RECEIVER if curve.received else SHARE if received and claim else None,
    )
    counted = Counted(sent.nic.tx_packets, arrived if received else None, queued(trial.offered))
    contradicted = claim is not None and any(clock_reasons(claim, sent.process, counted, timing, tolerance))
    return replace(timing, sent_rate=INTERFACE) if contradicted and curve.sent else timing


def _loss(sent: Sent, reports: Sequence[WitnessReport]) -> Loss | None:
    received = primary(reports)
    if received is None or sent.claim is None or not sent.claim.successful:
        return None
    return locate(sent.claim.successful, sent.nic, received, at_device(reports))


def _faults(sent: Sent, reports: Sequence[WitnessReport]) -> tuple[str, ...]:
    """What failed apart from the sending: a count that is missing, an interface that was not restored."""
    faults = []
    if reports and primary(reports) is None:
        faults.append(f"not witnessed: {'; '.join(str(one.reason) for one in at_receiver(reports))}")
    if sent.recovery and sent.recovery.error:
        faults.append(f"the settings of the sending interface were not restored: {sent.recovery.error}")
    return tuple(faults)
