"""tcpreplay as the sending program, and its engine ``kernel``: one send() for each packet."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, ClassVar

from ...errors import InputError, StatisticsError
from ...pcap.split import MOST_PARTS
from ...tcpreplay.diagnosis import diagnose
from ...tcpreplay.options import ReplayOptions, build_argv
from ...tcpreplay.output import COUNTERS, Statistics, parse
from ...tcpreplay.supervise import Outcome
from ..evidence import Claim
from ..model import Trial
from .base import Engine

LONGEST_FRAME_BYTES = 65535
RATES = ("seconds", "bytes_per_second", "mbps", "pps")
UNSAFE = {
    "unique_ip": "would send to other destinations than the pcap's, past those that are allowed and those counted"
}
"""Options of tcpreplay that are not offered, and why. Each loop changes the addresses (fast_edit_packet(), 4.4)."""


class TcpreplayEngine(Engine):
    """An engine whose program is tcpreplay."""

    netmap: ClassVar[bool] = False

    def options(self, trial: Trial) -> ReplayOptions:
        """The tcpreplay options of ``trial``; InputError for a setting that is not one of them."""
        sending, (pacing, value) = trial.sending, trial.offered.pacing
        planned: dict[str, Any] = {
            "interface": sending.interface,
            "pcap": trial.case.pcap,
            **{mode: value if pacing == mode else None for mode in ("pps", "mbps", "multiplier")},
            "topspeed": pacing == "topspeed",
            "loop": sending.loop,
            "limit": sending.limit,
            "duration": sending.duration,
            "netmap": self.netmap,
            "nm_delay": sending.nm_delay,
        }
        free = [field.name for field in fields(ReplayOptions) if field.name not in planned]
        for name in sending.settings:
            if name not in free:
                rule = UNSAFE.get(name) or f"must be one of {', '.join(free)}"
                raise InputError("benchmark_replay_settings", name, rule, "Leave it out.")
        return ReplayOptions(**planned, **sending.settings)

    def command(self, trial: Trial) -> list[str]:
        return build_argv(self.options(trial), trial.sending.executable)

    def gap_seconds(self, trial: Trial) -> float:
        options = self.options(trial)
        if options.topspeed:
            return 0.0
        if options.pps is not None:
            return (options.pps_multi or 1) / options.pps
        if options.mbps is not None:
            return 8 * LONGEST_FRAME_BYTES / (options.mbps * 1e6)
        return math.inf

    def read_claim(self, outcome: Outcome) -> tuple[Claim | None, str | None]:
        try:
            return claim_of(parse(outcome.stdout)), None
        except StatisticsError as error:
            cause = diagnose(outcome.stderr)
            return None, f"{error.subject} {error.rule}" + (f" (stderr: {cause})" if cause else "")


class KernelEngine(TcpreplayEngine):
    """tcpreplay through the kernel's packet socket."""

    name = "kernel"
    max_processes = MOST_PARTS


def claim_of(parsed: Statistics) -> Claim:
    """tcpreplay's statistics as a claim."""
    totals = parsed.totals
    counters: dict[str, Any] = {name: getattr(parsed, name) for name in (*COUNTERS, "interrupted")}
    rates: dict[str, Any] = {name: float(getattr(totals, name)) for name in RATES}
    return Claim(packets=totals.packets, bytes=totals.bytes, **rates, **counters)
