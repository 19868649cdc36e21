"""What is compared within a run: the ways to send, each with each, for every case at every offered load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ..trial.loss import BEYOND_SENDER
from .groups import Group
from ..report.text import NONE, clean, number
from .statistics import RESOLUTION, Estimate, Repeats, estimate, ratio

RECEIVED, SENT = "received", "sent"
_NARROW = 0.03


@dataclass(frozen=True)
class Member:
    """One way to send. ``pps`` is None where no repeat is valid; ``counted`` says which side's rate it is."""

    way: str
    group: Group
    counted: str
    pps: Estimate | None


@dataclass(frozen=True)
class Ratio:
    """How many times the rate of ``to`` the rate of ``of`` is, and which side's rates were ``counted`` for it.

    ``lost_at`` are the places beyond the sender that lost packets and so limited what was received: then the ratio is
    of what they bear, and ``sent`` is the ratio of what was sent.
    """

    of: str
    to: str
    counted: str
    ratio: Estimate
    paced: bool
    """Both kept to the rate asked for: then the ratio shows how well they do that, not how fast they are."""
    lost_at: tuple[str, ...] = ()
    sent: Estimate | None = None

    @property
    def text(self) -> str:
        """``1.73 (1.70-1.76)``."""
        return interval_text(self.ratio)


@dataclass(frozen=True)
class Comparison:
    """The ways to send one case at one offered load; ``ratios`` holds each pair with valid repeats on both sides."""

    case: str
    frame: str
    offered: str
    members: tuple[Member, ...]
    ratios: tuple[Ratio, ...]

    def sentence(self, pair: Ratio) -> str:
        """What the pair shows, in a sentence."""
        here = f"{clean(self.case)} (frames of {self.frame} without FCS) at {self.offered}"
        of, to = pair.ratio.repeats
        valid = f"medians of {of} and {to} valid repeats" if (of, to) != (1, 1) else "one valid repeat each"
        interval = ", 95 % interval" if pair.ratio.low is not None else ", too few repeats for an interval"
        paced = "; both kept to the rate asked for" if pair.paced else ""
        unit = "received packets/s" if pair.counted == RECEIVED else "sent packets/s, not witnessed"
        sent = (
            f"; limit: {', '.join(pair.lost_at)}; sent packets/s: {interval_text(pair.sent)} times" if pair.sent else ""
        )
        return f"{pair.of} is {pair.text} times {_path(pair.to)} here: {here}, {unit}, {valid}{interval}{paced}{sent}."


def compare_ways(groups: Sequence[Group]) -> tuple[Comparison, ...]:
    """A comparison for each case and offered load that was sent in more than one way, in the order they first ran."""
    shared: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        shared.setdefault((group.case, group.offered), []).append(group)
    return tuple(_compare(ways) for ways in shared.values() if len(ways) > 1)


def _compare(ways: Sequence[Group]) -> Comparison:
    ordered = sorted(ways, key=_rank)
    pairs = ((way_name(of), way_name(to), ratio_of(of, to)) for to, of in combinations(ordered, 2))
    return Comparison(
        case=ordered[0].case,
        frame=ordered[0].frame,
        offered=ordered[0].offered,
        members=tuple(member(group) for group in ordered),
        ratios=tuple(found for of, to, found in pairs if found is not None),
    )


def member(group: Group) -> Member:
    """The way of ``group``, with the median of its valid repeats."""
    counted = _counted(group)
    repeats = rates(group, counted)
    return Member(way_name(group), group, counted, estimate(repeats) if repeats.values else None)


def ratio_of(of: Group, to: Group) -> Ratio | None:
    """The rate of one group over that of another: of received rates, of sent ones where not both were witnessed."""
    counted = RECEIVED if {_counted(of), _counted(to)} == {RECEIVED} else SENT
    found = _times(of, to, counted)
    if found is None:
        return None
    limits = dict.fromkeys(limit for group in (to, of) for limit in group.limits)
    lost_at = tuple(limit for limit in limits if limit in BEYOND_SENDER) if counted == RECEIVED else ()
    sent = _times(of, to, SENT) if lost_at else None
    return Ratio(way_name(of), way_name(to), counted, found, set(limits) == {"pacing"}, lost_at, sent)


def _times(of: Group, to: Group, counted: str) -> Estimate | None:
    above, below = rates(of, counted), rates(to, counted)
    return ratio(above, below) if above.values and below.values else None


def rates(group: Group, counted: str) -> Repeats:
    """The packet rates of the valid repeats, as that side counted them, with what such a trial can resolve."""
    valid = [(trial, getattr(trial, counted)) for trial in group.valid]
    known = [(trial, rate.pps) for trial, rate in valid if rate is not None and rate.pps > 0]
    # Time passes between the packets: of N there are N - 1 intervals.
    fewest = min((trial.record["claim"]["packets"] for trial, _ in known if trial.record["claim"]), default=0)
    return Repeats(tuple(pps for _, pps in known), RESOLUTION + (1 / fewest if fewest else 0))


def way_name(group: Group) -> str:
    """``kernel``, ``netmap (native)``."""
    engine, _, adapter = group.engine.partition(" ")
    return f"{engine} ({adapter})" if adapter else engine


def interval_text(found: Estimate | None) -> str:
    """A ratio with its interval, as ``1.73 (1.70-1.76)``; three decimals where two would hide the interval."""
    if found is None:
        return NONE
    if found.low is None or found.high is None:
        return number(found.value, 2)
    digits = 3 if found.high - found.low < _NARROW else 2
    return f"{number(found.value, digits)} ({number(found.low, digits)}-{number(found.high, digits)})"


def rate_text(found: Estimate | None) -> str:
    """A rate in packets/s with its interval, as ``20,000 (19,980-20,020)``."""
    if found is None or found.low is None:
        return number(None if found is None else found.value)
    return f"{number(found.value)} ({number(found.low)}-{number(found.high)})"


def _counted(group: Group) -> str:
    return RECEIVED if group.valid and all(trial.received for trial in group.valid) else SENT


def _rank(group: Group) -> tuple[int, str]:
    """The kernel first, since others are held against it; then emulated, then native."""
    known = ("kernel", "netmap emulated", "netmap native")
    return (known.index(group.engine), "") if group.engine in known else (len(known), group.engine)


def _path(way: str) -> str:
    return "the kernel path" if way == "kernel" else way
