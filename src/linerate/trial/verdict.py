"""Whether a trial's numbers may be used, why not, and what limited its rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from ..record import Record
from .evidence import Adapter, Claim, Process, Sent
from .loss import PATH, RECEIVER, UNKNOWN, Loss
from .model import Offered
from .timing import BothRates, Span, Timing

NEAR_LINE_PERCENT = 99.0
RING_FULL_LINE_PERCENT = 95.0
RING_FULL_PERCENT = 1.0
BUSY_CORE_PERCENT = 90.0
OWN_LIMIT_PERCENT = 2.0
"""A paced trial this close to its sender's top speed shows the limit of the sender, not the offered load."""
PACING, OWN_LIMIT = "pacing", "sender"
LOSS_THAT_LIMITS_PERCENT = 0.1
SLOWER_PERCENT = 2.0
"""A path that delivers more slowly than this without loss buffers what it cannot carry, and is the limit."""
SHORTEST_SECONDS = 0.02
"""A difference below this is that of starting a process and of system calls on a busy host, and of no clock."""

ARCHIVE = ".pyz"

QUEUED_PACKETS = 5_096
"""The longest transmit ring of Intel's drivers (4,096) and the kernel's queue before it (1,000)."""

BOTH_ENDS, SENDER_ALONE = "sender and receiver", "sender alone"


@dataclass(frozen=True)
class Tolerance:
    """How far counts, rates and clocks may differ.

    ``rate_percent``: the rate of a paced trial from the requested one. ``count_percent`` (of the packets sent) and
    ``count_packets``: other traffic that an interface may carry during the trial. ``clock_percent``: the duration of a
    trial by two clocks.
    """

    rate_percent: float = 1.0
    count_percent: float = 0.1
    count_packets: int = 20
    clock_percent: float = 0.5

    def packets(self, packets: int) -> float:
        """By how many packets two counts of ``packets`` may differ."""
        return self.count_packets + packets * self.count_percent / 100

    def counts_agree(self, difference: int, packets: int) -> bool:
        return abs(difference) <= self.packets(packets)


@dataclass(frozen=True)
class Evidence:
    """What the verdict on a trial rests on. Counts are packets of this trial alone.

    ``witnessed`` is what the deciding witness counted, None without one. ``core_limit`` is what a busy core means for
    the send method (Engine.core_limit), None where it is the core itself. ``sender_limit`` is what the sender sends of
    the pcap at top speed, in packets/s, None where that is not known. ``faults`` are further reasons against the trial.
    """

    offered: Offered
    sent: Sent
    timing: Timing
    rates: BothRates
    witnessed: int | None = None
    loss: Loss | None = None
    core_limit: str | None = None
    sender_limit: float | None = None
    faults: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        return max(1, len(self.sent.parts))


@dataclass(frozen=True)
class Verdict(Record):
    """``reasons`` is empty exactly when the trial is valid; ``judged_by`` names whose counts it rests on."""

    valid: bool
    reasons: tuple[str, ...]
    limit: str
    judged_by: str


def judge(evidence: Evidence, tolerance: Tolerance | None = None) -> Verdict:
    """The verdict on a trial: every reason that makes it unusable, and what limited its rate."""
    tolerance = tolerance or Tolerance()
    sent = evidence.sent
    reasons = list(_process_reasons(evidence))
    if sent.claim is None:
        reasons.append(sent.claim_error or f"{program(sent)} printed no statistics")
    else:
        reasons += _claim_reasons(evidence.offered, sent.claim, tolerance, evidence.processes)
        reasons += _adapter_reasons(sent.adapter)
        reasons += _count_reasons(evidence, sent.claim, tolerance)
        counted = Counted(sent.nic.tx_packets, evidence.witnessed, queued(evidence.offered))
        reasons += clock_reasons(sent.claim, sent.process, counted, evidence.timing, tolerance)
    reasons += evidence.faults
    judged_by = SENDER_ALONE if evidence.witnessed is None else BOTH_ENDS
    return Verdict(not reasons, tuple(reasons), _limit(evidence, tolerance), judged_by)


def program(sent: Sent) -> str:
    """The name of the program that sent: of the archive, where Python runs one."""
    return next((PurePath(one).stem for one in sent.argv if one.endswith(ARCHIVE)), PurePath(sent.argv[0]).name)


def _process_reasons(evidence: Evidence) -> Iterator[str]:
    process, name = evidence.sent.process, program(evidence.sent)
    if process.deadline_exceeded:
        signals = " and ".join(process.signals_sent)
        yield f"did not end within {evidence.offered.deadline_seconds:g} s and was stopped with {signals}"
    elif process.stopped_because:
        yield f"did not run to its end: {process.stopped_because}"
    elif process.exit_status is not None and process.exit_status < 0:
        yield f"{name} was ended by signal {-process.exit_status}"
    elif process.exit_status:
        yield f"{name} ended with status {process.exit_status}"
    if evidence.sent.claim and evidence.sent.claim.interrupted:
        yield f"{name} was interrupted"


def _claim_reasons(offered: Offered, claim: Claim, tolerance: Tolerance, processes: int) -> Iterator[str]:
    if claim.failed:
        yield f"{claim.failed:,} packets failed"
    if claim.truncated:
        yield f"{claim.truncated:,} packets truncated"
    if offered.packets is not None and claim.successful != offered.packets:
        yield f"sent {claim.successful:,} packets of the {offered.packets:,} planned"
    if offered.paced_pps is not None:
        kept = kept_pps(offered.pacing[0], claim, processes)
        off = 100 * (kept / offered.paced_pps - 1)
        if abs(off) > tolerance.rate_percent:
            yield f"requested {_pps(offered.paced_pps)}, sent {_pps(kept)} ({off:+.2f} %)"
    elif offered.packets is None and claim.seconds < offered.duration_seconds:
        yield f"sent for {claim.seconds:.2f} s instead of {offered.duration_seconds:g} s"


def kept_pps(mode: str, claim: Claim, processes: int = 1) -> float:
    """The rate in packets/s that the sender kept to in ``mode``, by its ``claim``.

    In mode pps the first packet of each process leaves at once, so its time has one gap less than packets; in mode mbps
    each packet also waits for its own bits (calc_sleep_time() of tcpreplay 4.2 to 4.6).
    """
    gaps = claim.packets - processes if mode == "pps" else claim.packets
    # Both are printed with two decimals, which is a larger part of the smaller one.
    return gaps / claim.seconds if claim.seconds > claim.pps else claim.pps * gaps / max(1, claim.packets)


def _pps(rate: float) -> str:
    """With enough digits to show a difference of a tenth of a percent."""
    return f"{rate:,.0f} pps" if rate >= 1000 else f"{rate:.5g} pps"


def _adapter_reasons(adapter: Adapter) -> Iterator[str]:
    if adapter.found != adapter.kind:
        found = f"was {adapter.found}" if adapter.found else "was not found"
        yield f"requested a {adapter.kind} adapter, the adapter {found}: {'; '.join(adapter.evidence)}"


def _count_reasons(evidence: Evidence, claim: Claim, tolerance: Tolerance) -> Iterator[str]:
    sent, nic, witnessed = claim.successful, evidence.sent.nic, evidence.witnessed
    if nic.tx_packets is None:
        # The receiver decides alone; without a count there, only the claim is left.
        if witnessed is None:
            yield "neither the sending interface nor the receiver counted the packets"
    elif not tolerance.counts_agree(sent - nic.tx_packets, sent):
        counted = f"the sending interface counted {nic.tx_packets:,} ({nic.tx_dropped:,} dropped)"
        yield f"the sender claims {sent:,} packets, {counted}"
    if witnessed is None:
        return
    if sent and not witnessed:
        yield f"none of {sent:,} packets arrived at the receiver"
    elif not tolerance.counts_agree(max(0, witnessed - sent), sent):
        yield f"the receiver counted {witnessed:,} packets, more than the {sent:,} sent"


def queued(offered: Offered) -> int:
    """How many packets may wait below a sending program; a paced one leaves its queues empty."""
    return 0 if offered.paced_pps is not None else QUEUED_PACKETS


@dataclass(frozen=True)
class Counted:
    """The packets that the sending interface and the deciding witness counted; None where one could not.

    ``queued`` is how many may have waited in queues of the sender when its program ended: the interface counts on.
    """

    sender: int | None
    receiver: int | None
    queued: int = 0


def clock_reasons(
    claim: Claim, process: Process, counted: Counted, timing: Timing, tolerance: Tolerance
) -> Iterator[str]:
    """Why the seconds that the sender claims are not usable: each clock that contradicts them.

    The program measures with the wall clock, the others are monotonic. A side that did not count what was claimed
    cannot tell. A path that buffers takes longer than the sender, so the receiver contradicts by a shorter time alone.
    """
    step, ran, sender, receiver = timing.wall_clock_step, process.elapsed_seconds, timing.sender, timing.receiver
    margin = SHORTEST_SECONDS + claim.seconds * tolerance.clock_percent / 100
    claims = f"the sender claims {claim.seconds:.2f} s by its wall clock"
    if step is not None and abs(step) > margin:
        yield f"the sender's wall clock moved by {step:+.3f} s against its monotonic clock during the trial"
    if claim.seconds > ran + margin:
        yield f"{claims}, but ran for {ran:.2f} s"
    if sender and _whole(counted.sender, claim, tolerance) and not _within(claim, sender, margin, counted.queued):
        yield f"{claims}, but the sending interface counted for {sender.low:.2f} to {sender.high:.2f} s"
    if receiver and _whole(counted.receiver, claim, tolerance) and claim.seconds > receiver.high + margin:
        yield f"{claims}, but the receiver counted for at most {receiver.high:.2f} s"


def _whole(counted: int | None, claim: Claim, tolerance: Tolerance) -> bool:
    return counted is not None and tolerance.counts_agree(claim.successful - counted, claim.successful)


def _within(claim: Claim, span: Span, margin: float, queued: int) -> bool:
    # In mode mbps the last packet is also followed by the gap of its own bits.
    gap = claim.seconds / claim.packets if claim.packets else 0.0
    return span.low - margin - queued * gap <= claim.seconds <= span.high + gap + margin


def _limit(evidence: Evidence, tolerance: Tolerance) -> str:
    claim, loss = evidence.sent.claim, evidence.loss
    if claim is None:
        return UNKNOWN
    if loss is not None and loss.where is not None and loss.percent > LOSS_THAT_LIMITS_PERCENT:
        return RECEIVER if loss.where == UNKNOWN else loss.where
    sent = evidence.rates.sent
    if sent and sent.line_rate_percent is not None and _fills_the_line(sent.line_rate_percent, claim):
        return "line"
    if _slower(evidence):
        return PATH
    return _own_limit(evidence, claim, tolerance) or _core(evidence)


def _own_limit(evidence: Evidence, claim: Claim, tolerance: Tolerance) -> str | None:
    """Whether a paced trial shows what its sender can send at most, or the pace that it kept to; None for neither."""
    paced, own = evidence.offered.paced_pps, evidence.sender_limit
    if paced is None:
        return None
    kept = kept_pps(evidence.offered.pacing[0], claim, evidence.processes)
    if own is not None and kept >= own * (1 - OWN_LIMIT_PERCENT / 100):
        return OWN_LIMIT
    return PACING if kept >= paced * (1 - tolerance.rate_percent / 100) else None


def _slower(evidence: Evidence) -> bool:
    """Whether the receiver got the packets at a lower rate than they were sent at, though none is missing."""
    claim, span = evidence.sent.claim, evidence.timing.receiver
    sent, received, slower = evidence.rates.sent, evidence.rates.received, 1 + SLOWER_PERCENT / 100
    if claim is None or span is None or sent is None or received is None:
        return False
    return sent.pps > received.pps * slower and span.low > claim.seconds * slower


def _fills_the_line(percent: float, claim: Claim) -> bool:
    """Near line rate; or less near where the transmit ring was often full, so that the sender waited for the line."""
    waited = claim.retried_eagain >= claim.successful * RING_FULL_PERCENT / 100
    return percent >= NEAR_LINE_PERCENT or (percent >= RING_FULL_LINE_PERCENT and waited)


def _core(evidence: Evidence) -> str:
    """Whether the core was the limit: by the sender's own use of it, or, where others shared it, by the use of all."""
    own, busy = evidence.sent.cpu_percent, evidence.sent.core_busy_percent
    # Several processes have a core each.
    alone = own is not None and own / evidence.processes >= BUSY_CORE_PERCENT
    if not alone and (busy is None or busy < BUSY_CORE_PERCENT):
        return UNKNOWN
    return evidence.core_limit or ("sender core" if alone else "sender core, shared")
