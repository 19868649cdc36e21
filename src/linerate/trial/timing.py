"""How long a trial sent, by every clock there is, and which clock its rates are of.

The sending program measures with the wall clock of its host, which may be stepped or slewed. Its seconds are therefore
checked against the monotonic clock: by how much the wall clock moved against it, how long the program ran, and for how
long the counters of the sending interface and of the receiver moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..receiver.sampler import SEEK_SECONDS, Sample
from ..record import Record
from ..units import Rates

PROGRAM, INTERFACE = "sending program", "sending interface"
RECEIVER, SHARE = "receiver", "sent rate"


@dataclass(frozen=True)
class Span(Record):
    """The time from the first packet to the last in seconds: at least ``low``, at most ``high``."""

    low: float
    high: float


@dataclass(frozen=True)
class Timing(Record):
    """The durations that the claim of the sending program was checked against, in seconds of monotonic clocks.

    ``sender`` and ``receiver`` are by the samples of either side, None where there are too few. ``wall_clock_step`` is
    by how much the sender's wall clock moved against its monotonic clock. ``sent_rate`` names what measured the sent
    rate: PROGRAM, or INTERFACE where the program's clock is contradicted. ``received_rate`` is RECEIVER where the
    receiver's own samples measured it, SHARE where it is the sent rate times the share that arrived.
    """

    PARTS: ClassVar[dict[str, type[Any]]] = {"sender": Span, "receiver": Span}

    sender: Span | None
    receiver: Span | None
    wall_clock_step: float | None
    sent_rate: str | None
    received_rate: str | None


@dataclass(frozen=True)
class BothRates(Record):
    """The packet rate at both ends in every unit; None where it is not known."""

    PARTS: ClassVar[dict[str, type[Any]]] = {"sent": Rates, "received": Rates}

    sent: Rates | None
    received: Rates | None


def span_of(samples: Sequence[Sample], packets: int, delay_seconds: float = 0.0) -> Span | None:
    """How long ``packets`` of a trial took by ``samples``, which may include some of other traffic.

    ``delay_seconds`` is how old the counter may be when it is read. None without a packet.
    """
    total = sum(sample.packets for sample in samples)
    moved = [place for place, sample in enumerate(samples) if sample.packets]
    if not moved or not packets:
        return None
    others, counts = max(0, total - packets), _cumulated(samples)
    first = next(place for place, count in enumerate(counts) if count > others)
    last = next(place for place, count in enumerate(counts) if count >= total - others)
    fastest = max((sample.pps for sample in samples[:last]), default=0.0)
    # The first sample begins with the first packet, or earlier if it was taken late. In a later one it may be anywhere.
    in_first = samples[0].packets / fastest if first == 0 and fastest else 0.0
    latest_begin = max(0.0, samples[first].elapsed_seconds - in_first)
    earliest_end = samples[last].elapsed_seconds - samples[last].interval_seconds
    if fastest:
        # The packets of the last interval took time, too; of those that others sent nothing is known.
        earliest_end += min(samples[last].interval_seconds, max(0, samples[last].packets - others - 1) / fastest)
    unsure = SEEK_SECONDS + max(delay_seconds, _longest_rest(samples[moved[0] : moved[-1]]))
    low = max(0.0, earliest_end - latest_begin - unsure)
    return Span(round(low, 6), round(samples[moved[-1]].elapsed_seconds + unsure, 6))


def _longest_rest(samples: Sequence[Sample]) -> float:
    """The longest time in which nothing was counted: the counter, too, may have stood still for so long."""
    longest = rest = 0.0
    for sample in samples:
        rest = 0.0 if sample.packets else rest + sample.interval_seconds
        longest = max(longest, rest)
    return longest


def _cumulated(samples: Sequence[Sample]) -> list[int]:
    counts, count = [], 0
    for sample in samples:
        count += sample.packets
        counts.append(count)
    return counts
