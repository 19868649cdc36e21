"""Two runs held against each other: what changed between them, and what that did to the rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .compare import Member, Ratio, member, ratio_of
from .model import Run
from .groups import Group, group_trials
from ..report.text import clean

Key = tuple[str, str, str, "float | None"]
_FLICKERS = ("operstate", "carrier")


@dataclass(frozen=True)
class Difference:
    """One field of the environment, named as in run.json, that differs; None where one run lacks the field."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Effect:
    """One case, way and offered load that both runs have. ``ratio`` is the second run's rate over the first's."""

    case: str
    way: str
    offered: str
    before: Member
    after: Member
    ratio: Ratio | None


@dataclass(frozen=True)
class RunsCompared:
    """Two runs. ``sending`` is what differs in the pcaps and in tcpreplay's options, field by field.

    ``alone_before`` and ``alone_after`` name what only one of them has.
    """

    before: Run
    after: Run
    effects: tuple[Effect, ...]
    environment: tuple[Difference, ...]
    sending: tuple[Difference, ...]
    alone_before: tuple[str, ...]
    alone_after: tuple[str, ...]


def compare_runs(before: Run, after: Run) -> RunsCompared:
    """Every case, way and offered load of both, by the statistics that ways within a run are compared with."""
    first, second = _keyed(before), _keyed(after)
    both = [(group, second[key]) for key, group in first.items() if key in second]
    return RunsCompared(
        before=before,
        after=after,
        effects=tuple(_effect(group, other) for group, other in both),
        environment=tuple(differences(before.info["environment"], after.info["environment"])),
        sending=tuple(one for group, other in both for one in _sending(group, other)),
        alone_before=tuple(_name(group) for key, group in first.items() if key not in second),
        alone_after=tuple(_name(group) for key, group in second.items() if key not in first),
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[Difference]:
    """The fields of two environments that differ, by their path; link state and the fingerprint itself left out."""
    found: list[Difference] = []
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if name in (*_FLICKERS, "fingerprint") or one == other:
            continue
        path = f"{prefix}{name}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{path}.")
        else:
            found.append(Difference(path, one, other))
    return found


def _keyed(run: Run) -> dict[Key, Group]:
    return {(group.case, group.engine, group.mode, group.value): group for group in group_trials(run.trials)}


def _effect(before: Group, after: Group) -> Effect:
    one, other = member(before), member(after)
    return Effect(before.case, one.way, before.offered, one, other, ratio_of(after, before))


def _sending(before: Group, after: Group) -> list[Difference]:
    """What was not sent alike: another pcap by the same name, or other options of tcpreplay."""
    one, other = before.trials[0].record, after.trials[0].record
    prefix = f"{_name(before)}: "
    pcaps = [{**record["case"], "pcap": None} for record in (one, other)]
    found = differences(pcaps[0], pcaps[1], f"{prefix}pcap.")
    options = [record["argv"][:-1] for record in (one, other)]
    only = [[option for option in options[side] if option not in options[1 - side]] for side in (0, 1)]
    return [*found, Difference(f"{prefix}argv", *only)] if any(only) else found


def _name(group: Group) -> str:
    return f"{clean(group.case)}, {group.engine}, {group.offered}"
