"""Back-to-back frames (RFC 2544 section 26.4, RFC 9004): the longest burst of which no frame is lost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Callable, ClassVar

from ..record import Record
from ..results.searches import Bursts
from .measurements import Load, Measurement, Measurements

SHORTEST = 2
"""Frames of the shortest burst: one frame has no gap."""
LOSSES = 2
"""A burst that lost frames is sent again, and is too long where it loses as often (RFC 9004: loss verification)."""


@dataclass(frozen=True)
class Burst(Record):
    """One repeat: the ``longest`` burst without loss and the ``shortest_lost``, in frames.

    ``longest`` is 0 where frames of the shortest burst are lost. ``shortest_lost`` is None where no burst lost a frame:
    then ``longest`` is the longest that was tried, and no limit of the device. ``pps`` is the rate of the longest
    burst in packets/s, None without one.
    """

    longest: int
    shortest_lost: int | None
    pps: float | None


@dataclass(frozen=True)
class BackToBack(Record):
    """The repeats together. Statistics are in frames, None where a repeat lost nothing up to ``longest_tried``.

    ``pps`` is the median rate of the longest bursts. ``buffer_seconds`` is the time that the mean burst takes;
    ``corrected_buffer_seconds`` leaves out the frames that the device forwards meanwhile at ``throughput_pps``, None
    where no throughput is known that is less than the bursts' rate (RFC 9004).
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"repeats": Burst}

    repeats: tuple[Burst, ...]
    longest_tried: int
    longest_tried_seconds: float
    pps: float | None
    line_rate_percent: float | None
    mean: float | None
    median: float | None
    minimum: int | None
    maximum: int | None
    deviation: float | None
    buffer_seconds: float | None
    throughput_pps: float | None = None
    corrected_buffer_seconds: float | None = None

    @property
    def without_loss(self) -> int:
        """How many repeats lost nothing up to the longest burst."""
        return sum(burst.shortest_lost is None for burst in self.repeats)

    def with_throughput(self, pps: float) -> BackToBack:
        """This, with the buffer time corrected by the device's throughput in packets/s."""
        if self.buffer_seconds is None or not self.pps or pps >= self.pps:
            return self
        corrected = self.buffer_seconds * (1 - pps / self.pps)
        return replace(self, throughput_pps=pps, corrected_buffer_seconds=corrected)


def longest_bursts(bursts: Bursts, pps: float, measurements: Measurements) -> list[Burst]:
    """Each repeat, with bursts of a sender whose own rate is ``pps`` packets/s.

    TrialNeededError where the next trial is not stored, NotMeasurableError where one burst cannot be measured.
    """
    most = longest(bursts, pps)

    def send(frames: int) -> Measurement:
        for _ in range(LOSSES):
            one = measurements.measure(Load(pps, frames / pps, frames))
            if one.lost <= 0:
                break
        return one

    found: list[Burst] = []
    # The first repeat searches all lengths, the others begin where the one before ended.
    guess, step = most, most
    for _ in range(bursts.repeats):
        found.append(_repeat(send, most, bursts.relative_width, (guess, step)))
        guess = max(found[-1].longest, SHORTEST)
        step = _width(bursts.relative_width, guess)
    return found


def longest(bursts: Bursts, pps: float) -> int:
    """The frames of the longest burst."""
    return max(SHORTEST, round(bursts.longest_seconds * pps))


def _width(relative: float, frames: int) -> int:
    return max(1, math.floor(relative * frames))


def _repeat(send: Callable[[int], Measurement], most: int, relative: float, start: tuple[int, int]) -> Burst:
    """Bracket the longest burst from ``start`` (frames, and the first step) in doubled steps, then bisect."""
    low, high, pps = 0, None, None
    frames, step = start
    while True:
        sent = send(frames)
        if sent.lost > 0:
            high = frames
        else:
            low, pps = frames, sent.pps
        if high is None:
            if low == most:
                break
            frames, step = min(most, low + step), 2 * step
        elif low == 0:
            if high == SHORTEST:
                break
            frames, step = max(SHORTEST, high - step), 2 * step
        elif high - low <= _width(relative, high):
            break
        else:
            frames = min(max(math.isqrt(low * high), low + 1), high - 1)
    return Burst(low, high, pps)


def summary(bursts: Bursts, pps: float, repeats: Sequence[Burst], line_pps: float | None) -> BackToBack:
    """The ``repeats`` of a sender whose own rate is ``pps``, on a line of ``line_pps`` packets/s (None: not known)."""
    lengths = [burst.longest for burst in repeats]
    known = all(burst.shortest_lost is not None for burst in repeats)
    rates = [burst.pps for burst in repeats if burst.pps is not None]
    rate = statistics.median(rates) if rates else None
    mean = statistics.fmean(lengths) if known else None
    most = longest(bursts, pps)
    return BackToBack(
        repeats=tuple(repeats),
        longest_tried=most,
        longest_tried_seconds=most / pps,
        pps=rate,
        line_rate_percent=None if rate is None or line_pps is None else 100 * rate / line_pps,
        mean=mean,
        median=statistics.median(lengths) if known else None,
        minimum=min(lengths) if known else None,
        maximum=max(lengths) if known else None,
        deviation=statistics.stdev(lengths) if known and len(lengths) > 1 else None,
        buffer_seconds=mean / rate if mean is not None and rate else None,
    )
