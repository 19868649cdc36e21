"""Send methods compared within a run: pairwise, for every case at every offered load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ..trial.loss import BEYOND_SENDER
from ..trial.model import SendMethod
from ..trial.verdict import OWN_LIMIT, PACING
from .groups import Group
from .model import RECEIVED, SENT
from .statistics import RESOLUTION, Estimate, Repeats, estimate, ratio

BASE_ENGINE = "kernel"
"""What the other send methods are compared with."""


@dataclass(frozen=True)
class Member:
    """One send method. ``pps`` is None where no repeat is valid; ``counted`` names the side whose rate it is."""

    group: Group
    counted: str
    pps: Estimate | None

    @property
    def method(self) -> SendMethod:
        return self.group.method


@dataclass(frozen=True)
class Ratio:
    """The packet rate of ``of`` divided by that of ``to``, and the side whose rates were ``counted`` for it.

    ``paced``: both kept to the offered rate, so the ratio shows how well they do that and not how fast they are.
    ``lost_at`` are the places beyond the sender that lost packets and so limited what was received: then the ratio is
    of what those places carry, and ``sent`` is the ratio of what was sent.
    """

    of: SendMethod
    to: SendMethod
    counted: str
    ratio: Estimate
    paced: bool
    lost_at: tuple[str, ...] = ()
    sent: Estimate | None = None


@dataclass(frozen=True)
class Comparison:
    """The send methods of one case at one offered load; ``ratios`` has each pair with valid repeats on both sides."""

    members: tuple[Member, ...]
    ratios: tuple[Ratio, ...]

    @property
    def group(self) -> Group:
        """One of the groups, for what all have in common: the case and the offered load."""
        return self.members[0].group


def compare_methods(groups: Sequence[Group]) -> tuple[Comparison, ...]:
    """A comparison for each case and offered load that several methods sent, in the order they first ran."""
    shared: dict[tuple[str, str, float | None], list[Group]] = {}
    for group in groups:
        shared.setdefault((group.case_name, group.mode, group.value), []).append(group)
    return tuple(_compare(methods) for methods in shared.values() if len(methods) > 1)


def _compare(groups: Sequence[Group]) -> Comparison:
    ordered = sorted(groups, key=lambda group: (group.method.engine != BASE_ENGINE, group.method.name))
    ratios = (ratio_of(of, to) for to, of in combinations(ordered, 2))
    return Comparison(tuple(member(group) for group in ordered), tuple(found for found in ratios if found))


def member(group: Group) -> Member:
    """The send method of ``group``, with the median of its valid repeats."""
    repeats = rates(group, group.counted)
    return Member(group, group.counted, estimate(repeats) if repeats.values else None)


def ratio_of(of: Group, to: Group) -> Ratio | None:
    """The rate of one group over that of another: of received rates, of sent ones where not both were witnessed."""
    counted = RECEIVED if {of.counted, to.counted} == {RECEIVED} else SENT
    found = _ratio(of, to, counted)
    if found is None:
        return None
    limits = dict.fromkeys(limit for group in (to, of) for limit in group.limits)
    lost_at = tuple(limit for limit in limits if limit in BEYOND_SENDER) if counted == RECEIVED else ()
    sent = _ratio(of, to, SENT) if lost_at else None
    paced = bool(limits) and set(limits) <= {PACING, OWN_LIMIT}
    return Ratio(of.method, to.method, counted, found, paced, lost_at, sent)


def _ratio(of: Group, to: Group, counted: str) -> Estimate | None:
    above, below = rates(of, counted), rates(to, counted)
    return ratio(above, below) if above.values and below.values else None


def rates(group: Group, counted: str) -> Repeats:
    """The packet rates of the valid repeats, as that side counted them, with what such a trial can resolve."""
    known = [(trial, rate.pps) for trial in group.valid if (rate := trial.rate(counted)) is not None and rate.pps > 0]
    # Time passes between packets: N packets have N - 1 intervals.
    fewest = min((trial.claim.packets for trial, _ in known if trial.claim), default=0)
    return Repeats(tuple(pps for _, pps in known), RESOLUTION + (1 / fewest if fewest else 0))
