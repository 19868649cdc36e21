"""Two runs compared: what changed between them, and the effect on the rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..trial.model import SendMethod
from .compare import Member, Ratio, member, ratio_of
from .groups import Group, group_trials
from .run import Run

Key = tuple[str, SendMethod, str, "float | None"]
_FLICKERING = ("operstate", "carrier", "steal_percent")


@dataclass(frozen=True)
class Difference:
    """One field that differs, named as in run.json or in trials.jsonl; None where one run lacks the field."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Effect:
    """One case, send method and offered load of both runs. ``ratio`` is the second run's rate over the first's."""

    before: Member
    after: Member
    ratio: Ratio | None


@dataclass(frozen=True)
class RunsCompared:
    """Two runs. ``sending`` are, by group, the differences in the pcaps and in the options of the sending program.

    ``only_before`` and ``only_after`` are the groups that only one of them has.
    """

    before: Run
    after: Run
    effects: tuple[Effect, ...]
    environment: tuple[Difference, ...]
    sending: tuple[tuple[Group, Difference], ...]
    only_before: tuple[Group, ...]
    only_after: tuple[Group, ...]


def compare_runs(before: Run, after: Run) -> RunsCompared:
    """Every case, send method and offered load of both, by the statistics of the comparison within a run."""
    first, second = _keyed(before), _keyed(after)
    both = [(group, second[key]) for key, group in first.items() if key in second]
    return RunsCompared(
        before=before,
        after=after,
        effects=tuple(Effect(member(one), member(other), ratio_of(other, one)) for one, other in both),
        environment=tuple(differences(before.info.environment.to_json(), after.info.environment.to_json())),
        sending=tuple((one, found) for one, other in both for found in _sending(one, other)),
        only_before=tuple(group for key, group in first.items() if key not in second),
        only_after=tuple(group for key, group in second.items() if key not in first),
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[Difference]:
    """The fields of two JSON objects that differ, by their path, without link state, steal time and fingerprint."""
    found: list[Difference] = []
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if name in (*_FLICKERING, "fingerprint") or one == other:
            continue
        path = f"{prefix}{name}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{path}.")
        else:
            found.append(Difference(path, one, other))
    return found


def _keyed(run: Run) -> dict[Key, Group]:
    return {(group.case_name, group.method, group.mode, group.value): group for group in group_trials(run.trials)}


def _sending(before: Group, after: Group) -> list[Difference]:
    """A different pcap of the same name, or different options of the sending program."""
    pcaps = [{**group.case.to_json(), "pcap": None} for group in (before, after)]
    found = differences(pcaps[0], pcaps[1], "pcap.")
    options = [group.trials[0].argv[:-1] for group in (before, after)]
    only = [[option for option in options[side] if option not in options[1 - side]] for side in (0, 1)]
    return [*found, Difference("argv", *only)] if any(only) else found
