"""Whether the numbers of a stored trial agree with each other and with the plan, so that none was changed since."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from ..errors import StatisticsError
from ..tcpreplay.output import Totals, check_rates
from ..trial.engines.registry import engines
from ..trial.engines.tcpreplay import TcpreplayEngine
from ..trial.evidence import Claim
from ..trial.loss import lost
from ..trial.model import PlannedTrial
from ..trial.timing import INTERFACE, PROGRAM, RECEIVER, SHARE
from ..trial.verdict import Counted, Tolerance, clock_reasons, queued
from .build import Counts, cv_percent, derive, is_partial
from .model import TrialResult

CLOSE = 1e-12
"""Relative; the same formula with the same numbers may differ in the last bits of a double on another machine."""
CLAIM_CLOSE = 0.01
"""Relative; an engine may round the numbers of its claim."""


def contradiction(result: TrialResult) -> str | None:
    """What in ``result`` its other numbers contradict; None where they all agree."""
    return next(_contradictions(result), None)


def unplanned(result: TrialResult, planned: PlannedTrial) -> str | None:
    """What in ``result`` is not as in ``planned``, the trial of that id in run.json; None where all is."""
    for name in ("sequence", "repeat", "case", "method", "offered"):
        stored, plan = getattr(result, name), getattr(planned, name)
        wrong = next(_differences(name, _plain(stored), _plain(plan), "the plan says"), None)
        if wrong is not None:
            return wrong
    return None


def _contradictions(result: TrialResult) -> Iterator[str]:
    claim, case = result.claim, result.case
    if claim is not None:
        yield from _of_claim(claim, result)
    elif result.valid:
        yield "verdict.valid is true without a claim"
    if not case.min_frame_length <= case.mean_frame_length <= case.max_frame_length:
        yield "case.mean_frame_length is not between the shortest and the longest frame"
    yield from _of_loss(result)
    yield from _of_witnesses(result)
    nics = result.sender_nic, result.receiver_nic
    counts = Counts(result.offered, claim, *nics, result.witness, result.curve, result.timing)
    for name, value in vars(derive(case, result.line_rate, counts)).items():
        yield from _differences(name, _plain(getattr(result, name)), _plain(value))
    yield from _of_clocks(result)
    yield from _differences("partial", result.partial, is_partial(result.process, claim))
    yield from _differences("cv_percent", result.cv_percent, cv_percent(claim, result.curve))


def _of_clocks(result: TrialResult) -> Iterator[str]:
    timing, claim, witness = result.timing, result.claim, result.witness
    by_receiver = RECEIVER if result.curve.received else SHARE if witness and claim else None
    yield from _differences("timing.received_rate", timing.received_rate, by_receiver)
    if timing.sent_rate not in ((PROGRAM, INTERFACE) if claim else (None,)):
        yield f"timing.sent_rate is {timing.sent_rate}, but the claim requires another"
    if claim and result.valid:
        counted = Counted(result.sender_nic.tx_packets, witness.packets if witness else None, queued(result.offered))
        for reason in clock_reasons(claim, result.process, counted, timing, Tolerance()):
            yield f"verdict.valid is true, but {reason}"


def _of_claim(claim: Claim, result: TrialResult) -> Iterator[str]:
    # Only the numbers that tcpreplay printed have its digits, not their sum.
    if not result.parts and isinstance(engines().get(result.engine), TcpreplayEngine):
        try:
            check_rates(_totals(claim))
        except StatisticsError as error:
            yield f"claim {error.rule}"
    elif not math.isclose(claim.pps * claim.seconds, claim.packets, rel_tol=CLAIM_CLOSE, abs_tol=1):
        yield f"claim.pps is {claim.pps}, but it is of {claim.packets} packets in {claim.seconds} s"
    missing = claim.packets - claim.successful
    if not 0 <= missing <= (max(1, len(result.parts)) if claim.interrupted else 0):
        yield f"claim.successful is {claim.successful}, but claim.packets is {claim.packets}"
    if result.parts:
        total = sum(part.claim.packets for part in result.parts if part.claim)
        yield from _differences("claim.packets", claim.packets, total)


def _totals(claim: Claim) -> Totals:
    """The claim in the digits that tcpreplay printed; a float has lost the zeros at their end."""
    return Totals(
        packets=claim.packets,
        bytes=claim.bytes,
        seconds=_padded(claim.seconds, 0 if claim.seconds >= 1 else 6),
        bytes_per_second=_padded(claim.bytes_per_second, 1),
        mbps=Decimal(repr(claim.mbps)),
        pps=_padded(claim.pps, 2),
    )


def _padded(number: float, places: int) -> Decimal:
    exact = Decimal(repr(number))
    return exact if -int(exact.as_tuple().exponent) >= places else Decimal(f"{number:.{places}f}")


def _of_loss(result: TrialResult) -> Iterator[str]:
    claim, witness, loss = result.claim, result.witness, result.loss
    known = claim is not None and claim.successful > 0 and witness is not None
    if (loss is not None) != known:
        yield f"loss is {'missing' if loss is None else 'present'}, but the counts require the opposite"
    elif claim and witness and loss:
        packets, percent = lost(claim.successful, witness.packets)
        yield from _differences("loss.packets", loss.packets, packets)
        yield from _differences("loss.percent", loss.percent, percent)
        if sum(loss.by_place.values()) != max(0, loss.packets):
            yield f"loss.by_place is {dict(loss.by_place)}, which does not add up to loss.packets {loss.packets}"


def _of_witnesses(result: TrialResult) -> Iterator[str]:
    decides, packets = result.witness, {one.name: one.packets for one in result.witnesses}
    if decides and (decides.method, decides.packets) not in [(one.method, one.packets) for one in result.witnesses]:
        yield f"witness counted {decides.packets}, but none of witnesses did"
    for number, pair in enumerate(result.witness_disagreement):
        name, first, second = f"witness_disagreement.{number}", packets.get(pair.first), packets.get(pair.second)
        if first is None or second is None:
            yield f"{name} is of a witness that did not count"
            return
        yield from _differences(f"{name}.packets", pair.packets, first - second)
        yield from _differences(f"{name}.percent", pair.percent, 100 * pair.packets / first if first else None)
        yield from _differences(f"{name}.within", pair.within, abs(pair.packets) <= pair.tolerance_packets)


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


def _differences(name: str, stored: Any, other: Any, words: str = "the counts give") -> Iterator[str]:
    """Where ``stored`` is not ``other``, down to the first value."""
    if isinstance(stored, Mapping) and isinstance(other, Mapping):
        for key in other:
            yield from _differences(f"{name}.{key}", stored.get(key), other[key], words)
    elif not _same(stored, other):
        yield f"{name} is {stored}, but {words} {other}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(one == other)
