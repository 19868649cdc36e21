"""Read the statistics tcpreplay prints when it ends, and believe only what agrees with itself.

The forms are those of ``packet_stats()`` (src/common/utils.c), ``flow_stats()`` (src/tcpreplay.c)
and ``sendpacket_getstat()`` (src/common/sendpacket.c) of tcpreplay 4.0 to 4.6. Values are truncated
there, never rounded, so each stands for an interval, and a block whose lines contradict each other
beyond those intervals was cut, mixed up, or edited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from ..errors import StatisticsError
from . import printed_rates as elapsed
from .diagnosis import diagnose

Found = TypeVar("Found")

SUBJECT = "tcpreplay output"
HINT = "Give the whole output of one run that ended by itself."
CHANGED = "The text was changed, mixed up or cut on its way."


@dataclass(frozen=True)
class Totals:
    """One "Actual / Rated" pair. Bytes are pcap bytes (no FCS); ``mbps`` counts 10^6 bits of them."""

    packets: int
    bytes: int
    seconds: Decimal
    bytes_per_second: Decimal
    mbps: Decimal
    pps: Decimal
    failed_write_attempts: int = 0


@dataclass(frozen=True)
class Flows:
    """The "Flows:" line. With a preloaded pcap tcpreplay counts the whole file here, not what it sent."""

    flows: int
    fps: Decimal
    flow_packets: int
    non_flow_packets: int


@dataclass(frozen=True)
class Device:
    """The counters of one sending interface."""

    name: str
    successful: int
    failed: int
    truncated: int
    retried_enobufs: int
    retried_eagain: int


@dataclass(frozen=True)
class Statistics:
    """What one run of tcpreplay claims. ``interrupted``: it was told to stop before it was done."""

    totals: Totals
    devices: tuple[Device, ...]
    flows: Flows | None = None
    interrupted: bool = False
    progress: tuple[Totals, ...] = ()

    @property
    def successful(self) -> int:
        return sum(device.successful for device in self.devices)

    @property
    def failed(self) -> int:
        return sum(device.failed for device in self.devices)

    @property
    def truncated(self) -> int:
        return sum(device.truncated for device in self.devices)

    @property
    def retried_enobufs(self) -> int:
        return sum(device.retried_enobufs for device in self.devices)

    @property
    def retried_eagain(self) -> int:
        return sum(device.retried_eagain for device in self.devices)


# A number with fewer digits than tcpreplay prints was cut; its counters have 64 bits, which is 20 digits.
_SECONDS = r"([0-9]{1,20}\.(?:[0-9]{9}|[0-9]{6}|[0-9]{2}))"
_PER_SECOND = r"([0-9]{1,20}\.[0-9]{2})"
_ACTUAL = re.compile(
    rf"\bActual: ([0-9]{{1,20}}) packets \(([0-9]{{1,20}}) bytes\) sent in {_SECONDS} seconds(\.?)\s*$"
)
_RATED = re.compile(rf"\bRated: ([0-9]{{1,20}}\.[0-9]) Bps, ([0-9]{{1,20}}\.[0-9]{{2,3}}) Mbps, {_PER_SECOND} pps\s*$")
_WRITES = re.compile(r"\bFailed write attempts: ([0-9]{1,20})\s*$")
_FLOWS = re.compile(
    rf"\bFlows: ([0-9]{{1,20}}) flows, (?:[0-9]{{1,20}} unique, [0-9]{{1,20}} expired, )?{_PER_SECOND} fps, "
    r"([0-9]{1,20}) (?:unique )?flow packets, ([0-9]{1,20}) (?:unique )?non-flow(?: packets)?\s*$"
)
_DEVICE = re.compile(r"\bStatistics for network device: (.*\S)\s*$")
COUNTERS = {  # What tcpreplay counts for each interface.
    "successful": re.compile(r"\bSuccessful packets:\s+([0-9]{1,20})\s*$"),
    "failed": re.compile(r"\bFailed packets:\s+([0-9]{1,20})\s*$"),
    "truncated": re.compile(r"\bTruncated packets:\s+([0-9]{1,20})\s*$"),
    "retried_enobufs": re.compile(r"\bRetried packets \(ENOBUFS\):\s+([0-9]{1,20})\s*$"),
    "retried_eagain": re.compile(r"\bRetried packets \(EAGAIN\):\s+([0-9]{1,20})\s*$"),
}

# A signal handler prints the first of these on stdout at any moment, so it lands inside other lines;
# the others reach the same place where stdout and stderr share a terminal.
_INTERRUPTION = re.compile(
    r"sendpacket_abort\n?|(?:\^C)*[ ]?User interrupt\.\.\.\n?|Warning: Unable to send packet: User abort\n?"
)
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\^C")


class _Run:
    """The lines of one run as they come in."""

    def __init__(self) -> None:
        self.totals: list[Totals] = []
        self.flows: Flows | None = None
        self.devices: list[tuple[str, dict[str, int]]] = []

    def devices_complete(self) -> bool:
        return bool(self.devices) and all(len(counters) == len(COUNTERS) for _, counters in self.devices)


class _Reader:
    """A line at a time to runs; lines that are not tcpreplay's statistics are passed over."""

    def __init__(self) -> None:
        self.runs = [_Run()]
        self._actual: tuple[int, int, Decimal] | None = None

    def feed(self, line: str) -> None:
        run = self.runs[-1]
        actual = _ACTUAL.search(line)
        if actual:
            if run.devices:
                self.runs.append(_Run())
            self._actual = (int(actual[1]), int(actual[2]), _seconds(actual[3], ended_by_dot=bool(actual[4])))
            return
        rated = _RATED.search(line)
        if rated and self._actual:
            run.totals.append(Totals(*self._actual, Decimal(rated[1]), Decimal(rated[2]), Decimal(rated[3])))
            self._actual = None
            return
        self._feed_details(run, line)

    def _feed_details(self, run: _Run, line: str) -> None:
        writes, flows, device = _WRITES.search(line), _FLOWS.search(line), _DEVICE.search(line)
        if writes and run.totals:
            run.totals[-1] = replace(run.totals[-1], failed_write_attempts=int(writes[1]))
        elif flows:
            found = Flows(int(flows[1]), Decimal(flows[2]), int(flows[3]), int(flows[4]))
            run.flows = _only("Flows", run.flows, found)
        elif device:
            run.devices.append((device[1], {}))
        elif run.devices:
            for name, pattern in COUNTERS.items():
                counter = pattern.search(line)
                if counter:
                    counters = run.devices[-1][1]
                    counters[name] = _only(f"{name} packets", counters.get(name), int(counter[1]))


def _only(name: str, known: Found | None, found: Found) -> Found:
    """``found``, which is printed once; StatisticsError where it is another than what was found before."""
    if known not in (None, found):
        raise _refusal(f"contradicts itself: it says {name} twice, {known} and {found}", CHANGED)
    return found


def _seconds(shown: str, ended_by_dot: bool) -> Decimal:
    """The seconds meant. 4.0 and 4.1, which end the line with a dot, print 3.5 seconds as "3.05"."""
    whole, fraction = shown.split(".")
    if ended_by_dot and len(fraction) == 2 and fraction[0] == "0":
        return Decimal(f"{whole}.{fraction[1]}")
    return Decimal(shown)


def parse(text: str) -> Statistics:
    """Statistics of the one run in ``text``: stdout alone, or a transcript with stderr mixed in.

    Raises StatisticsError with the reason where there is no complete, consistent block.
    """
    text = _TERMINAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff"))
    whole, interruptions = _INTERRUPTION.subn("", text)
    reader = _Reader()
    for line in whole.split("\n"):
        reader.feed(line)
    run = _only_run(reader.runs, text)
    totals = run.totals[-1]
    devices = tuple(Device(name, **counters) for name, counters in run.devices)
    statistics = Statistics(totals, devices, run.flows, interruptions > 0, tuple(run.totals[:-1]))
    for shown in run.totals[:-1]:
        check_rates(shown)
    check_rates(totals, run.flows)
    _check_counts(statistics)
    return statistics


def _only_run(runs: list[_Run], text: str) -> _Run:
    if len(runs) > 1:
        raise _refusal(f"holds the statistics of {len(runs)} runs", "Give one run in each file.")
    run = runs[0]
    if not run.totals:
        cause = diagnose(text) or (
            "tcpreplay prints none when it sent nothing, when it was killed, and when it refused to start"
        )
        raise _refusal(f"holds no complete statistics: {cause}")
    if not run.devices_complete():
        raise _refusal(
            "holds no complete statistics: the counters of the network device are missing or cut, "
            "so the run did not end by itself or the text was cut"
        )
    return run


def check_rates(totals: Totals, flows: Flows | None = None) -> None:
    """StatisticsError unless there is a number of microseconds for which tcpreplay prints all of these numbers."""
    span = elapsed.printed_as(totals.seconds)
    tick = elapsed.tick(totals.bytes, totals.seconds)
    rates = [
        ("Bps", totals.bytes, totals.bytes_per_second, tick),
        ("pps", totals.packets, totals.pps, tick),
    ]
    if flows:
        rates.append(("fps", flows.flows, flows.fps, 1))
    for name, amount, rate, divisor in rates:
        span = elapsed.giving(span, amount, rate, divisor)
        if not span:
            raise _refusal(f"contradicts itself: {amount} in {totals.seconds} seconds is not {rate} {name}", CHANGED)
    if totals.mbps != _mbps(totals.bytes_per_second):
        rule = f"contradicts itself: {totals.bytes_per_second} Bps is not {totals.mbps} Mbps"
        raise _refusal(rule, CHANGED)


def _mbps(bytes_per_second: Decimal) -> Decimal:
    """Mbps as tcpreplay prints it: of whole bytes a second, with two decimals, or three below one Mbps."""
    thousandths = int(bytes_per_second) * 8 // 1000
    return Decimal(thousandths // 10) / 100 if thousandths >= 1000 else Decimal(thousandths) / 1000


def _check_counts(statistics: Statistics) -> None:
    """What the devices sent must be what was sent; an interrupted send() may be counted in one place only."""
    missing = statistics.totals.packets - statistics.successful
    if not 0 <= missing <= (1 if statistics.interrupted else 0):
        raise _refusal(
            f"contradicts itself: {statistics.totals.packets} packets sent, "
            f"but {statistics.successful} successful on {', '.join(d.name for d in statistics.devices)}",
            CHANGED,
        )


def _refusal(rule: str, hint: str = HINT) -> StatisticsError:
    return StatisticsError(SUBJECT, None, rule, hint)
