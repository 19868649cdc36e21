"""Two runs compared: what changed between them, and the effect on the rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..trial.model import SendMethod
from .compare import Member, Ratio, member, rates, ratio_of
from .groups import Group, group_trials
from .run import Environment, Host, Run
from .significance import p_value, significant

Key = tuple[str, SendMethod, str, "float | None"]
_FLICKERING = ("operstate", "carrier", "steal_percent")

FASTER, SLOWER, SAME = "faster", "slower", "~"
"""Verdicts on a row; SAME: the difference is not significant."""
TOO_FEW, NOT_VALID = "too few repeats", "no valid trial"
MEMORY_PERCENT = 5
"""The kernel reserves some of the memory, so that two kernels on one host differ by a little."""


@dataclass(frozen=True)
class Difference:
    """One field that differs, named as in run.json or in trials.jsonl; None where one run lacks the field."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Effect:
    """One case, send method and offered load of both runs. ``ratio`` is the second run's rate over the first's.

    ``verdict`` is FASTER, SLOWER, SAME, TOO_FEW or NOT_VALID.
    """

    before: Member
    after: Member
    ratio: Ratio | None
    verdict: str


@dataclass(frozen=True)
class RunsCompared:
    """Two runs. ``sending`` are, by group, the differences in the pcaps and in the options of the sending program.

    ``hardware`` names the parts of the hosts that are not the same, each with what it was and is.
    ``only_before`` and ``only_after`` are the groups that only one of them has.
    """

    before: Run
    after: Run
    effects: tuple[Effect, ...]
    environment: tuple[Difference, ...]
    hardware: tuple[Difference, ...]
    sending: tuple[tuple[Group, Difference], ...]
    only_before: tuple[Group, ...]
    only_after: tuple[Group, ...]


def compare_runs(before: Run, after: Run) -> RunsCompared:
    """Every case, send method and offered load of both, by the statistics of the comparison within a run."""
    first, second = _keyed(before), _keyed(after)
    both = [(group, second[key]) for key, group in first.items() if key in second]
    hosts = before.info.environment, after.info.environment
    return RunsCompared(
        before=before,
        after=after,
        effects=tuple(_effects(both)),
        environment=tuple(differences(hosts[0].to_json(), hosts[1].to_json())),
        hardware=hardware_differences(*hosts),
        sending=tuple((one, found) for one, other in both for found in _sending(one, other)),
        only_before=tuple(group for key, group in first.items() if key not in second),
        only_after=tuple(group for key, group in second.items() if key not in first),
    )


def _effects(both: Sequence[tuple[Group, Group]]) -> Iterator[Effect]:
    """The effects, each with a verdict; whether a difference is significant depends on how many are tested."""
    ratios = [ratio_of(other, one) for one, other in both]
    chances = [
        p_value(rates(other, found.counted), rates(one, found.counted)) if found else None
        for (one, other), found in zip(both, ratios)
    ]
    for (one, other), found, chance, differs in zip(both, ratios, chances, significant(chances)):
        verdict = NOT_VALID if found is None else TOO_FEW if chance is None else SAME
        if found is not None and differs:
            verdict = FASTER if found.ratio.value > 1 else SLOWER
        yield Effect(member(one), member(other), found, verdict)


def hardware_differences(before: Environment, after: Environment) -> tuple[Difference, ...]:
    """The CPUs, memory and interfaces that are not the same; none where only settings or software changed."""
    found = []
    for role in ("sender", "receiver"):
        one, other = getattr(before, role), getattr(after, role)
        if one is None or other is None:
            continue
        parts = _hardware(one), _hardware(other)
        if abs(one.memory_bytes / other.memory_bytes - 1) <= MEMORY_PERCENT / 100:
            parts = parts[0], {**parts[1], "memory_bytes": one.memory_bytes}
        found += [
            Difference(f"{role}.{name}", value, parts[1][name])
            for name, value in parts[0].items()
            if value != parts[1][name]
        ]
    return tuple(found)


def _hardware(host: Host) -> dict[str, Any]:
    nic = host.nic
    return {
        "name": host.name,
        "cpu_model": host.cpu_model,
        "cpus": host.cpus,
        "memory_bytes": host.memory_bytes,
        "nic.driver": nic.driver,
        "nic.bus": nic.bus,
        "nic.speed_bps": nic.speed_bps,
    }


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
