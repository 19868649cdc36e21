"""What a user asks for, and what of it can be had here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..pcap.destinations import BENCHMARK_NETWORKS
from ..receiver.sampler import LEAST_INTERVAL, MOST_INTERVAL
from ..trial.plan import ADAPTERS, ENGINES, Asked, Case, Way, product
from ..trial.stall_detector import MOST_STALL
from ..validate import check_rate

Missing = dict[str, Any]
"""A way to send that cannot be had: engine, adapter where it is one, reason; the listed trials it would have sent."""


@dataclass(frozen=True)
class Scenario:
    """What a user asks for: every case by every engine at every rate, ``repeats`` times.

    Or, where ``trials`` are given, exactly those: {case, engine, adapter, mode, value}, which ``cases``, ``engines``
    and ``rates`` then do not add to. The engine netmap sends through each of ``netmap_adapters``, unless a trial names
    its own. ``rates`` are {mode, value}; ``duration_seconds``
    is {paced, topspeed}; ``settings`` are further options of tcpreplay. ``link_bps`` None: as the sending interface
    says, else 10 Gbit/s is assumed. ``witnesses`` are as trial.witnesses.define makes them; ``short_trials``, for those
    that their counters cannot follow, is lengthen or refuse. ``allow_destinations`` are IP networks and MACs that may
    be sent to, beside the receiver's own MAC; ``executable`` is the tcpreplay that the plan shows. ``sample_interval``,
    ``stall_seconds`` and ``rate_tolerance_percent`` are what the trials are watched and judged by; they are only looked
    at here, so that a number that spoils every trial is told before the first: InputError names it.
    """

    name: str
    cases: Sequence[str]
    engines: Sequence[str]
    rates: Sequence[Mapping[str, Any]]
    repeats: int
    duration_seconds: Mapping[str, float]
    link_bps: float | None = None
    nm_delay: int = 10
    deadline_margin: float = 15.0
    netmap_adapters: Sequence[str] = ADAPTERS
    settings: Mapping[str, Any] | None = None
    trials: Sequence[Mapping[str, Any]] = ()
    witnesses: Sequence[Mapping[str, Any]] = ()
    short_trials: str = "lengthen"
    allow_destinations: Sequence[str] = BENCHMARK_NETWORKS
    executable: str = "tcpreplay"
    sample_interval: float = 1.0
    stall_seconds: float = 3.0
    rate_tolerance_percent: float = 1.0

    def __post_init__(self) -> None:
        check_rate("benchmark_sample_interval", self.sample_interval, LEAST_INTERVAL, MOST_INTERVAL)
        check_rate("benchmark_stall_seconds", self.stall_seconds, most=MOST_STALL)
        check_rate("benchmark_rate_tolerance_percent", self.rate_tolerance_percent, most=100)


def scenario_trials(
    scenario: Scenario, manifests: Mapping[str, Mapping[str, Any]], unavailable: Mapping[str, str | None]
) -> tuple[list[Asked], list[Missing]]:
    """The trials that can be had, and the ways to send that cannot, each with its reason.

    ``unavailable`` says for an engine, or for a kind of netmap's adapter, why the sender cannot use it; InputError
    when no way to send is left.
    """
    if scenario.trials:
        asked, missing = _listed(scenario, manifests, unavailable)
    else:
        cases = [_case(name, manifests) for name in scenario.cases]
        found = [_ways(engine, scenario.netmap_adapters, unavailable) for engine in scenario.engines]
        ways, missing = [way for some, _ in found for way in some], [item for _, some in found for item in some]
        asked = product(cases, ways, scenario.rates) if ways else []
    if not asked:
        reasons = "; ".join(f"{item['engine']}: {item['reason']}" for item in missing)
        raise InputError("engines", list(scenario.engines), f"none can send here ({reasons})", "Add kernel.")
    return asked, missing


def _listed(
    scenario: Scenario, manifests: Mapping[str, Mapping[str, Any]], unavailable: Mapping[str, str | None]
) -> tuple[list[Asked], list[Missing]]:
    asked: list[Asked] = []
    missing: dict[tuple[str, str | None], Missing] = {}
    for trial in scenario.trials:
        case, mode, value = _case(trial["case"], manifests), str(trial["mode"]), trial.get("value")
        adapters = [trial["adapter"]] if trial.get("adapter") else scenario.netmap_adapters
        ways, lacking = _ways(trial["engine"], adapters, unavailable)
        asked += [Asked(case, way, mode, value) for way in ways]
        for item in lacking:
            kept = missing.setdefault((item["engine"], item.get("adapter")), {**item, "trials": []})
            kept["trials"].append({"case": case.name, "mode": mode, "value": value})
    return asked, list(missing.values())


def _ways(
    engine: str, adapters: Sequence[str], unavailable: Mapping[str, str | None]
) -> tuple[list[Way], list[Missing]]:
    """The ways to send by ``engine`` that this sender has, and those that it has not, each with the reason."""
    _known("engine", engine, ENGINES)
    reason = unavailable.get(engine)
    if reason:
        return [], [{"engine": engine, "reason": reason}]
    if engine == "kernel":
        return [Way(engine)], []
    ways: list[Way] = []
    missing: list[Missing] = []
    for adapter in adapters:
        _known("netmap adapter", adapter, ADAPTERS)
        reason = unavailable.get(adapter)
        if reason:
            missing.append({"engine": engine, "adapter": adapter, "reason": reason})
        else:
            ways.append(Way(engine, adapter))
    return ways, missing


def _known(what: str, name: str, all_of_them: Sequence[str]) -> None:
    if name not in all_of_them:
        raise InputError(what, name, f"must be one of {', '.join(all_of_them)}", f"Correct the scenario's {what}s.")


def _case(name: str, manifests: Mapping[str, Mapping[str, Any]]) -> Case:
    if name not in manifests:
        raise InputError("case", name, f"is not among the pcaps {', '.join(manifests)}", "Add it to pcaps_set.")
    return Case.from_manifest(name, manifests[name])
