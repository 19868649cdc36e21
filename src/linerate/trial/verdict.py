"""Whether a trial's number may be used, why not, and what kept it from being higher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .loss import RECEIVER, UNKNOWN, Loss
from .plan import Offered

NEAR_LINE_PERCENT = 99.0
RING_FULL_LINE_PERCENT = 95.0
RING_FULL_PERCENT = 1.0
BUSY_CORE_PERCENT = 90.0
LOSS_THAT_LIMITS_PERCENT = 0.1

BOTH_ENDS, SENDER_ALONE = "sender and receiver", "sender alone"


@dataclass(frozen=True)
class Tolerance:
    """How far witnesses may differ. ``rate_percent``: a paced trial's achieved rate from the one asked for.

    ``count_percent`` (of the packets sent) and ``count_packets``: other traffic that an interface may
    carry beside the trial's.
    """

    rate_percent: float = 1.0
    count_percent: float = 0.1
    count_packets: int = 20

    def packets(self, packets: int) -> float:
        """How many of ``packets`` two counts of them may differ by."""
        return self.count_packets + packets * self.count_percent / 100

    def counts_agree(self, difference: int, packets: int) -> bool:
        return abs(difference) <= self.packets(packets)


@dataclass(frozen=True)
class Evidence:
    """All that is known of one trial when it is over. Counts are packets of this trial alone.

    ``adapter`` says which ``kind`` of netmap's was asked for, and which was ``found``; both None for the engine kernel.
    ``trouble`` is what else makes the trial unusable, in words.
    """

    offered: Offered
    process: Mapping[str, Any]
    claim: Mapping[str, Any] | None
    claim_error: str | None
    sender_nic: Mapping[str, Any]
    witnessed: int | None
    loss: Loss | None
    line_rate_percent: float | None
    cpu_percent: float | None
    core_busy_percent: float | None
    adapter: Mapping[str, Any]
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """``reasons`` is empty exactly when the trial is valid; ``judged_by`` says whose counts it rests on."""

    valid: bool
    reasons: tuple[str, ...]
    limit: str
    judged_by: str

    def describe(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return {**vars(self), "reasons": list(self.reasons)}


def judge(evidence: Evidence, tolerance: Tolerance | None = None) -> Verdict:
    """The verdict on a trial: every reason that makes it unusable, and what limited its rate."""
    tolerance = tolerance or Tolerance()
    reasons = _process_reasons(evidence)
    if evidence.claim is None:
        reasons.append(evidence.claim_error or "tcpreplay gave no statistics")
    else:
        reasons += _claim_reasons(evidence.offered, evidence.claim, tolerance)
        reasons += _adapter_reasons(evidence.adapter)
        reasons += _witness_reasons(evidence, evidence.claim, tolerance)
    reasons += evidence.trouble
    judged_by = SENDER_ALONE if evidence.witnessed is None else BOTH_ENDS
    return Verdict(not reasons, tuple(reasons), _limit(evidence, tolerance), judged_by)


def _process_reasons(evidence: Evidence) -> list[str]:
    process = evidence.process
    reasons = []
    if process["deadline_exceeded"]:
        signals = " and ".join(process["signals_sent"])
        reasons.append(f"did not end within {evidence.offered.deadline_seconds:g} s and was stopped with {signals}")
    elif process.get("stopped_because"):
        reasons.append(f"did not run to its end: {process['stopped_because']}")
    elif process["exit_status"] < 0:
        reasons.append(f"tcpreplay was ended by signal {-process['exit_status']}")
    elif process["exit_status"] > 0:
        reasons.append(f"tcpreplay ended with status {process['exit_status']}")
    return reasons


def _claim_reasons(offered: Offered, claim: Mapping[str, Any], tolerance: Tolerance) -> list[str]:
    reasons = []
    if claim["interrupted"]:
        reasons.append("tcpreplay was interrupted (sendpacket_abort)")
    for what in ("failed", "truncated"):
        if claim[what]:
            reasons.append(f"{claim[what]:,} packets {what}")
    if offered.packets is not None and claim["successful"] != offered.packets:
        reasons.append(f"sent {claim['successful']:,} packets of the {offered.packets:,} planned")
    if offered.paced_pps is not None:
        kept = kept_pps(offered.mode, claim)
        off = 100 * (kept / offered.paced_pps - 1)
        if abs(off) > tolerance.rate_percent:
            reasons.append(f"asked for {_pps(offered.paced_pps)}, sent {_pps(kept)} ({off:+.2f} %)")
    elif claim["seconds"] < offered.duration_seconds:
        reasons.append(f"sent for {claim['seconds']:.2f} s instead of {offered.duration_seconds:g} s")
    return reasons


def kept_pps(mode: str, claim: Mapping[str, Any]) -> float:
    """The rate in packets/s that tcpreplay kept to in ``mode``, by its ``claim``.

    By pps it sends the first packet at once, so that its time has one gap less than packets; by mbps each packet waits
    for its own bits, too (calc_sleep_time() of tcpreplay 4.2 to 4.6).
    """
    packets, seconds, pps = claim["packets"], claim["seconds"], claim["pps"]
    gaps = packets - 1 if mode == "pps" else packets
    # Both are printed with two decimals, which is a larger part of the smaller one.
    return float(gaps / seconds) if seconds > pps else float(pps * gaps / max(1, packets))


def _pps(rate: float) -> str:
    """So many digits that what is off by a tenth of a percent reads as another."""
    return f"{rate:,.0f} pps" if rate >= 1000 else f"{rate:.5g} pps"


def _adapter_reasons(adapter: Mapping[str, Any]) -> list[str]:
    if adapter["found"] == adapter["kind"]:
        return []
    found = f"was {adapter['found']}" if adapter["found"] else "left no sign of itself"
    return [f"asked for {adapter['kind']}, netmap's adapter {found}: {'; '.join(adapter['evidence'])}"]


def _witness_reasons(evidence: Evidence, claim: Mapping[str, Any], tolerance: Tolerance) -> list[str]:
    sent, nic = claim["successful"], evidence.sender_nic
    reasons = []
    if nic["tx_packets"] is None:
        # The receiver decides alone; where nobody counted there either, nothing but the claim is left.
        if evidence.witnessed is None:
            reasons.append("neither the sending interface nor the receiver counted the packets")
    elif not tolerance.counts_agree(sent - nic["tx_packets"], sent):
        reasons.append(
            f"tcpreplay claims {sent:,} packets, the sending interface counted {nic['tx_packets']:,} "
            f"({nic['tx_dropped']:,} dropped)"
        )
    if evidence.witnessed is None:
        return reasons
    if sent and not evidence.witnessed:
        reasons.append(f"none of {sent:,} packets arrived at the receiver")
    elif not tolerance.counts_agree(max(0, evidence.witnessed - sent), sent):
        reasons.append(f"the receiver counted {evidence.witnessed:,} packets, more than the {sent:,} sent")
    return reasons


def _fills_the_line(percent: float, claim: Mapping[str, Any]) -> bool:
    """Near line rate; or less near, where netmap's ring was full again and again: the sender waited for the line."""
    waited = claim["retried_eagain"] >= claim["successful"] * RING_FULL_PERCENT / 100
    return percent >= NEAR_LINE_PERCENT or (percent >= RING_FULL_LINE_PERCENT and waited)


def _limit(evidence: Evidence, tolerance: Tolerance) -> str:
    claim, loss = evidence.claim, evidence.loss
    if claim is None:
        return "unknown"
    if loss is not None and loss.where is not None and loss.percent > LOSS_THAT_LIMITS_PERCENT:
        return RECEIVER if loss.where == UNKNOWN else loss.where
    if evidence.line_rate_percent is not None and _fills_the_line(evidence.line_rate_percent, claim):
        return "line"
    asked = evidence.offered.paced_pps
    if asked is not None and kept_pps(evidence.offered.mode, claim) >= asked * (1 - tolerance.rate_percent / 100):
        return "pacing"
    return _core(evidence)


def _core(evidence: Evidence) -> str:
    """Whether the core was the limit: tcpreplay's own use of it, or, where others took their part, that of all."""
    own, busy = evidence.cpu_percent, evidence.core_busy_percent
    alone = own is not None and own >= BUSY_CORE_PERCENT
    if not alone and (busy is None or busy < BUSY_CORE_PERCENT):
        return "unknown"
    if evidence.adapter["found"] == "emulated" and evidence.offered.paced_pps is None:
        # An emulated adapter copies every frame into a socket buffer, on this core (netmap(4)).
        return "emulated adapter"
    return "sender core" if alone else "sender core, shared"
