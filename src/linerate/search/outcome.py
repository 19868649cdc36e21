"""What a search found, as numbers and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..record import Record
from ..results.ceilings import SENDER
from ..results.searches import BACK_TO_BACK, FRAME_LOSS
from ..trial.model import Case, SendMethod
from ..units import Rates
from .back_to_back import BackToBack


@dataclass(frozen=True)
class Bounds(Record):
    """Relevant bounds and conditional throughput of RFC 9971, in packets/s; None where a search found none."""

    lower_pps: float | None
    upper_pps: float | None
    throughput_pps: float | None


@dataclass(frozen=True)
class LoadPoint(Record):
    """One load: packets/s offered for ``seconds``, packets sent and received, and the loss in percent of those sent."""

    trial_id: str
    pps: float
    seconds: float
    sent: int
    received: int
    loss_percent: float


@dataclass(frozen=True)
class Outcome(Record):
    """The result of one goal of a search. ``problem`` says why there is none yet, or none at all.

    ``rates`` is the throughput in all units. ``most_pps`` is the upper load of the search, ``ceiling`` what set it
    (line rate, or the sender). ``limited_by`` is what is in the way of more, None where no throughput is known.
    ``bursts`` are the result of a search for back-to-back frames.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {
        "case": Case,
        "method": SendMethod,
        "bounds": Bounds,
        "rates": Rates,
        "points": LoadPoint,
        "bursts": BackToBack,
    }

    search: str
    kind: str
    goal: str
    loss_ratio: float
    case: Case
    method: SendMethod
    most_pps: float | None
    ceiling: str | None
    bounds: Bounds | None
    rates: Rates | None
    limited_by: str | None
    problem: str | None
    points: tuple[LoadPoint, ...]
    bursts: BackToBack | None = None

    @property
    def of_device(self) -> bool:
        """Whether the number is the device's: not where the sender was the limit, which is then only a lower bound."""
        return self.rates is not None and self.limited_by not in (SENDER, None)


def sentence(outcome: Outcome) -> str:
    """The outcome in one line."""
    name = f"{outcome.case.name} by {outcome.method.name}, {_goal(outcome)}"
    if outcome.kind == FRAME_LOSS:
        return f"{outcome.case.name} by {outcome.method.name}, frame loss rate: {_losses(outcome)}"
    if outcome.kind == BACK_TO_BACK:
        return f"{outcome.case.name} by {outcome.method.name}, back-to-back frames: {_bursts(outcome)}"
    if outcome.rates is None or outcome.bounds is None:
        return f"{name}: no throughput: {outcome.problem}"
    upper = "none" if outcome.bounds.upper_pps is None else f"{outcome.bounds.upper_pps:,.0f} pps"
    word = "throughput" if outcome.of_device else "at least"
    return f"{name}: {word} {_rates(outcome.rates)} (lower bound; upper bound {upper}), limited by {outcome.limited_by}"


def _bursts(outcome: Outcome) -> str:
    """The longest burst, at which rate, and the buffer that it implies; why there is none."""
    found = outcome.bursts
    if found is None:
        return f"none: {outcome.problem}"
    repeats = f"{len(found.repeats)} repeat{'s' * (len(found.repeats) != 1)}"
    if found.without_loss:
        length = f"no loss up to the longest burst, {found.longest_tried:,} frames in {found.longest_tried_seconds:g} s"
        length += f", in {found.without_loss} of {repeats}"
    elif not found.maximum:
        return f"frames of the shortest burst are lost, limited by {outcome.limited_by}"
    else:
        length = f"{found.mean:,.1f} frames without loss (mean of {repeats}; median {found.median:,.0f}, "
        length += f"{found.minimum:,} to {found.maximum:,})"
    parts = [length, f"burst rate {found.pps:,.0f} pps" if found.pps else "", _line_rate(found.line_rate_percent)]
    if found.corrected_buffer_seconds is not None:
        parts.append(f"corrected buffer time {1e3 * found.corrected_buffer_seconds:.3g} ms")
    elif found.buffer_seconds is not None:
        parts.append(f"buffer time {1e3 * found.buffer_seconds:.3g} ms, not corrected by a throughput")
    return ", ".join([*filter(None, parts), *([f"limited by {outcome.limited_by}"] if outcome.limited_by else [])])


def _losses(outcome: Outcome) -> str:
    """The loss at each load; why there is none, or not all."""
    loads = [f"{point.loss_percent:.3g} % at {point.pps:,.0f} pps" for point in outcome.points]
    return "; ".join([*loads, *([outcome.problem] if outcome.problem else [])])


def _goal(outcome: Outcome) -> str:
    if outcome.loss_ratio == 0:
        return f"NDR ({outcome.goal})"
    return f"PDR {100 * outcome.loss_ratio:g} % ({outcome.goal})"


def _rates(rates: Rates) -> str:
    units = (f"{rates.pps:,.0f} pps", f"{rates.l1_bps / 1e9:.4g} Gbit/s L1", _line_rate(rates.line_rate_percent))
    return " = ".join(filter(None, units))


def _line_rate(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.3g} % of line rate"
