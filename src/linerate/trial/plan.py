"""From a scenario to trials: what each sends, for how long, its upper bound, and its deadline."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InputError
from ..tcpreplay.options import BOUNDS
from ..units import line_rate_pps, pps_of_pcap_mbps
from ..validate import LEAST_RATE, MOST_SECONDS, check_rate, check_whole, number_text
from .engines.registry import engine_of
from .loads import MODES, MULTIPLIER, PERCENT, TOP_SPEED, check_value, loads, refuse_shared
from .model import MOST_SAMPLES, Bench, Case, Offered, Sending, SendMethod, Trial

START_SECONDS = 2.0
"""The sending program's own work around the sending: start, preloading the pcap, printing."""
LONGEST_NAME = 80
"""So much of a case's name is in a trial's id."""
DEADLINE_FACTOR = 1.25
DEADLINE_MARGIN = 15.0
LEAST_PACKETS = 2
MOST_REPEATS = 1000
BEYOND_LINE_RATE = 10
"""A virtual link, and one of unknown speed, may carry this many times the rate that is assumed for it."""


@dataclass(frozen=True)
class Combination:
    """One trial of a scenario, before it is repeated. ``value`` is in the unit of ``mode``, None at top speed.

    ``possible``: the sender has shown that it can send at this rate, so the trial is paced even above line rate.
    """

    case: Case
    method: SendMethod
    mode: str
    value: float | None = None
    possible: bool = False

    @property
    def load(self) -> tuple[Case, str, float | None]:
        """What it has in common with the trials it is compared with."""
        return self.case, self.mode, self.value


@dataclass(frozen=True)
class Timing:
    """How long trials last. ``duration_seconds`` is by bound: paced, topspeed.

    ``deadline_margin`` is how many seconds longer than planned a trial may take before it is stopped from outside.
    """

    duration_seconds: Mapping[str, float]
    deadline_margin: float = DEADLINE_MARGIN


@dataclass(frozen=True)
class Setup:
    """What the trials of a plan share: the bench, how the program is run, and how long."""

    bench: Bench
    sending: Sending
    timing: Timing

    def switching_seconds(self, method: SendMethod) -> float:
        """What opening and closing the NIC adds to each trial."""
        return engine_of(method).switching_seconds(self.sending.nm_delay)


def bound(combination: Combination, line_bps: float) -> str:
    """What ends a trial on a line of ``line_bps``: ``paced``, its packets; ``topspeed``, its duration alone.

    A load above what the line carries is top speed. InputError names a bad mode or rate.
    """
    case, mode, value = combination.case, combination.mode, combination.value
    if mode not in MODES:
        raise InputError("rate mode", mode, f"must be one of {', '.join(MODES)}", "Correct the scenario's rates.")
    if mode == MULTIPLIER:
        return "paced"
    line_pps = line_rate_pps(line_bps, case.mean_frame_length)
    pps = _offered_pps(case, mode, value, line_pps)
    return "paced" if pps is not None and (combination.possible or pps <= line_pps) else "topspeed"


def offer(combination: Combination, setup: Setup) -> tuple[Offered, int]:
    """The offered load and the loops it takes; InputError names a bad mode, rate or duration."""
    case, mode, value = combination.case, combination.mode, combination.value
    kind = bound(combination, setup.bench.line_rate.bps)
    line_pps = line_rate_pps(setup.bench.line_rate.bps, case.mean_frame_length)
    refuse_shared(mode, combination.method.processes)
    if mode == MULTIPLIER:
        return _own_timing(combination, setup, line_pps)
    pps = _offered_pps(case, mode, value, line_pps)
    duration = _duration(kind, setup.timing)
    packets = round(pps * duration) if pps and kind == "paced" else None
    if packets is not None and packets < LEAST_PACKETS:
        rule = f"is less than {LEAST_PACKETS} packets in {duration:g} s, and one packet has no rate"
        raise InputError(mode, value, rule, f"Let paced trials last {math.ceil(LEAST_PACKETS / (pps or 1))} s.")
    # At top speed the duration ends a trial, between passes, and the loops are the outer bound.
    if packets:
        loop = math.ceil(packets / case.pcap_packets)
    else:
        loop = min(math.ceil(BEYOND_LINE_RATE * line_pps * duration / case.pcap_packets), BOUNDS["loop"][1])
    return Offered(mode, value if pps else None, pps, packets, duration, _deadline(combination, setup, duration)), loop


def _own_timing(combination: Combination, setup: Setup, line_pps: float) -> tuple[Offered, int]:
    """The load of a pcap sent with the times of its packets: whole passes, at least as long as a paced trial."""
    case, value = combination.case, combination.value
    factor = check_rate(MULTIPLIER, value, LEAST_RATE)
    if not case.pcap_seconds:
        rule = f"has no meaning for {case.name}, whose packets all have the same time"
        raise InputError(MULTIPLIER, value, rule, "Use pps, mbps or topspeed.")
    one_pass = case.pcap_seconds / factor
    pps = case.pcap_packets / one_pass
    if pps > line_pps:
        rule = f"offers {pps:,.0f} pps of {case.name}, more than the line rate of {line_pps:,.0f} pps"
        raise InputError(MULTIPLIER, value, rule, "Use a smaller one, or topspeed.")
    loop = math.ceil(_duration("paced", setup.timing) / one_pass)
    duration = loop * one_pass
    if duration > MOST_SECONDS:
        rule = f"lets {case.name} last {duration:,.0f} s, more than {MOST_SECONDS:,} s"
        raise InputError(MULTIPLIER, value, rule, "Use a larger one, or another mode; the capture may have long gaps.")
    deadline = _deadline(combination, setup, duration)
    return Offered(MULTIPLIER, value, pps, loop * case.pcap_packets, duration, deadline), loop


def _deadline(combination: Combination, setup: Setup, duration: float) -> float:
    margin = check_rate("benchmark_deadline_margin", setup.timing.deadline_margin, most=MOST_SECONDS)
    return round(DEADLINE_FACTOR * duration + margin + setup.switching_seconds(combination.method), 3)


def _duration(bound: str, timing: Timing) -> float:
    duration = check_rate(f"benchmark_duration_{bound}", timing.duration_seconds.get(bound), most=MOST_SECONDS)
    if bound == "topspeed" and duration != int(duration):
        rule = "must be whole seconds, as tcpreplay counts it"
        raise InputError("benchmark_duration_topspeed", duration, rule, "Round it up.")
    return duration


def _offered_pps(case: Case, mode: str, value: float | None, line_pps: float) -> float | None:
    if mode == TOP_SPEED:
        if value is not None:
            raise InputError("rate value", value, "has no meaning at top speed", "Leave the value out.")
        return None
    number = check_value(mode, mode, value)
    if mode == PERCENT:
        # Rounded down: a load above line rate would be one at top speed.
        return math.floor(10 * number * line_pps) / 1000
    return number if mode == "pps" else pps_of_pcap_mbps(number, case.mean_frame_length)


def combine(
    cases: Sequence[Case], methods: Sequence[SendMethod], rates: Sequence[Mapping[str, Any]]
) -> list[Combination]:
    """Every case by every send method at every rate ({mode, value}, or a ramp {mode, from, to, step})."""
    for what, given in (("cases", cases), ("send methods", methods), ("rates", rates)):
        if not given:
            raise InputError(
                what, list(given), "is empty, so there is nothing to send", f"Name at least one of {what}."
            )
    return [
        Combination(case, method, mode, value)
        for case in cases
        for rate in rates
        for mode, value in loads(rate)
        for method in methods
    ]


def plan(combinations: Sequence[Combination], repeats: int, setup: Setup) -> list[Trial]:
    """All trials, in the order that is fairest to what is compared.

    Repeats are outermost, so that a drift of the machine affects every case alike. Within a repeat the send methods
    of the same load follow each other, and every other repeat has them in reverse (A B, B A): a steady drift then
    favours neither. InputError where one of them cannot be sent.
    """
    check_whole("benchmark_repeats", repeats, 1, MOST_REPEATS)
    loads: dict[tuple[Case, str, float | None], list[Combination]] = {}
    for one in combinations:
        loads.setdefault(one.load, []).append(one)
    trials: list[Trial] = []
    for repeat in range(1, repeats + 1):
        for alternatives in loads.values():
            for one in alternatives if repeat % 2 else reversed(alternatives):
                trials.append(trial_of(len(trials) + 1, one, repeat, setup))
    return trials


def plain_name(case: str) -> str:
    """The name of a case as a part of a trial's id, which names files."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", case)[:LONGEST_NAME]


def trial_of(sequence: int, combination: Combination, repeat: int, setup: Setup) -> Trial:
    """The trial of a combination, the ``sequence``th of its run. InputError where it cannot be sent."""
    return _trial(sequence, combination, repeat, setup, offer(combination, setup))


def burst_of(sequence: int, combination: Combination, packets: int, repeat: int, setup: Setup) -> Trial:
    """A trial of exactly ``packets`` at top speed, which take about the topspeed seconds of ``setup``."""
    seconds = setup.timing.duration_seconds["topspeed"]
    offered = Offered(TOP_SPEED, None, None, packets, seconds, _deadline(combination, setup, seconds))
    return _trial(sequence, combination, repeat, setup, (offered, math.ceil(packets / combination.case.pcap_packets)))


def _trial(
    sequence: int, combination: Combination, repeat: int, setup: Setup, offered_by_loops: tuple[Offered, int]
) -> Trial:
    case, method, mode, value = combination.case, combination.method, combination.mode, combination.value
    offered, loop = offered_by_loops
    # Both are part of a file's name.
    number = "" if value is None else number_text(float(value))
    label = f"x{number}" if mode == MULTIPLIER else f"{number}{mode}"
    name = plain_name(case.name)
    timed = offered.packets is None
    return Trial(
        sequence=sequence,
        trial_id=f"{sequence:03d}-{name}-{method.name}-{label}-r{repeat}",
        repeat=repeat,
        case=case,
        method=method,
        offered=offered,
        predicted_pps=offered.paced_pps or line_rate_pps(setup.bench.line_rate.bps, case.mean_frame_length),
        estimated_seconds=offered.duration_seconds + START_SECONDS + setup.switching_seconds(method),
        sending=replace(
            setup.sending,
            loop=loop,
            limit=offered.packets,
            duration=int(offered.duration_seconds) if timed else None,
            sample_interval=max(setup.sending.sample_interval, offered.duration_seconds / MOST_SAMPLES),
        ),
        bench=setup.bench,
    )
