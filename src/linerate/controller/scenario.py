"""What a user requests, and what of it is available here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import InputError
from ..pcap.destinations import BENCHMARK_NETWORKS
from ..receiver.sampler import LEAST_INTERVAL, MOST_INTERVAL
from ..tcpreplay.options import BOUNDS, NM_DELAY
from ..trial.engines.registry import engine as engine_of
from ..trial.model import (
    MOST_STALL,
    RATE_TOLERANCE_PERCENT,
    SAMPLE_INTERVAL,
    STALL_SECONDS,
    TCPREPLAY,
    Case,
    SendMethod,
    Witness,
)
from ..trial.plan import DEADLINE_MARGIN, MOST_REPEATS, Combination, combine
from ..units import GBIT
from ..validate import MOST_SECONDS, check_rate, check_whole

Missing = dict[str, Any]
"""A send method that is not available: engine, adapter where it is one, reason; the listed trials it would send."""
Manifests = Mapping[str, Mapping[str, Any]]
Unavailable = Mapping[str, "str | None"]
"""By engine and by ``engine-adapter``, why the sender cannot use it; None where it can (engines.base.availability)."""
FASTEST_LINK_BPS = 1600 * GBIT
"""IEEE P802.3dj, the fastest Ethernet that is being standardized."""
NUMBERS: dict[str, Callable[[str, Any], object]] = {
    "benchmark_repeats": partial(check_whole, least=1, most=MOST_REPEATS),
    "benchmark_duration_paced": partial(check_rate, most=MOST_SECONDS),
    "benchmark_duration_topspeed": partial(check_rate, most=MOST_SECONDS),
    "benchmark_nm_delay": partial(check_whole, least=BOUNDS["nm_delay"][0], most=BOUNDS["nm_delay"][1]),
    "benchmark_deadline_margin": partial(check_rate, most=MOST_SECONDS),
    "benchmark_sample_interval": partial(check_rate, least=LEAST_INTERVAL, most=MOST_INTERVAL),
    "benchmark_stall_seconds": partial(check_rate, most=MOST_STALL),
    "benchmark_rate_tolerance_percent": partial(check_rate, most=100),
    "benchmark_link_bps": partial(check_rate, least=1e6, most=FASTEST_LINK_BPS),
}
"""The check of each number of a scenario, by role variable."""


def check_numbers(values: Mapping[str, Any]) -> None:
    """InputError names a number of ``values``, by role variable, that is out of its range."""
    for name, check in NUMBERS.items():
        # A link speed of 0 is that of the interface.
        if values.get(name) is not None and not (name == "benchmark_link_bps" and values[name] == 0):
            check(name, values[name])


@dataclass(frozen=True)
class Scenario:
    """What a user requests: every case by every engine at every rate, ``repeats`` times.

    Or, where ``trials`` are given, exactly those: {case, engine, adapter, mode, value}, in place of ``cases``,
    ``engines`` and ``rates``. ``adapters`` are by engine; an engine without an entry sends through each that it has.
    ``rates`` are {mode, value}; ``duration_seconds`` is {paced, topspeed}; ``settings`` are further options of
    tcpreplay. ``link_bps`` None: as the sending interface reports, else 10 Gbit/s is assumed. ``short_trials``, for
    those that a witness' counters cannot follow, is lengthen or refuse. ``allow_destinations`` are IP networks and MAC
    addresses, in addition to the receiver's own MAC. ``rate_tolerance_percent`` is only validated here, so that a
    number that spoils every trial is refused before the first. ``search`` are kinds of results.searches, each for every
    case by every send method, with ``search_goals`` ({name, profile, attributes of Goal}) and ``bursts`` (attributes of
    Bursts). ``fail_on_invalid`` and ``expected`` (attributes of Expectation) decide whether the run passes. InputError
    names a number that is not usable.
    """

    name: str
    cases: Sequence[str]
    engines: Sequence[str]
    rates: Sequence[Mapping[str, Any]]
    repeats: int
    duration_seconds: Mapping[str, float]
    link_bps: float | None = None
    nm_delay: int = NM_DELAY
    deadline_margin: float = DEADLINE_MARGIN
    adapters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    trials: Sequence[Mapping[str, Any]] = ()
    witnesses: tuple[Witness, ...] = ()
    short_trials: str = "lengthen"
    allow_destinations: Sequence[str] = BENCHMARK_NETWORKS
    executable: str = TCPREPLAY
    cpu: int | None = None
    sample_interval: float = SAMPLE_INTERVAL
    stall_seconds: float = STALL_SECONDS
    rate_tolerance_percent: float = RATE_TOLERANCE_PERCENT
    search: Sequence[str] = ()
    search_goals: Sequence[Mapping[str, Any]] = ({"name": "ndr"},)
    bursts: Mapping[str, Any] = field(default_factory=dict)
    fail_on_invalid: bool = True
    expected: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        durations = {f"benchmark_duration_{bound}": seconds for bound, seconds in self.duration_seconds.items()}
        others = {name: getattr(self, name[len("benchmark_") :], None) for name in NUMBERS}
        check_numbers({**others, **durations})


def scenario_trials(
    scenario: Scenario, manifests: Manifests, unavailable: Unavailable
) -> tuple[list[Combination], list[Missing]]:
    """The trials that are possible, and the send methods that are not available, each with its reason.

    InputError when no send method is left.
    """
    if scenario.trials:
        combinations, missing = _listed(scenario, manifests, unavailable)
    else:
        cases = [_case(name, manifests) for name in scenario.cases]
        found = [_methods(engine, scenario.adapters.get(engine), unavailable) for engine in scenario.engines]
        methods, missing = [method for some, _ in found for method in some], [one for _, some in found for one in some]
        combinations = combine(cases, methods, scenario.rates) if methods else []
    if not combinations:
        reasons = "; ".join(f"{item['engine']}: {item['reason']}" for item in missing)
        raise InputError("benchmark_engines", list(scenario.engines), f"none can send here ({reasons})", "Add kernel.")
    return combinations, missing


def _listed(
    scenario: Scenario, manifests: Manifests, unavailable: Unavailable
) -> tuple[list[Combination], list[Missing]]:
    combinations: list[Combination] = []
    missing: dict[tuple[str, str | None], Missing] = {}
    for trial in scenario.trials:
        case, mode, value = _case(trial["case"], manifests), str(trial["mode"]), trial.get("value")
        adapters = [trial["adapter"]] if trial.get("adapter") else scenario.adapters.get(trial["engine"])
        methods, lacking = _methods(trial["engine"], adapters, unavailable)
        combinations += [Combination(case, method, mode, value) for method in methods]
        for item in lacking:
            kept = missing.setdefault((item["engine"], item.get("adapter")), {**item, "trials": []})
            kept["trials"].append({"case": case.name, "mode": mode, "value": value})
    return combinations, list(missing.values())


def _methods(
    name: str, adapters: Sequence[str] | None, unavailable: Unavailable
) -> tuple[list[SendMethod], list[Missing]]:
    """The send methods of the engine ``name`` that this sender has, and those it lacks, each with the reason."""
    engine = engine_of(name)
    reason = unavailable.get(name)
    if reason:
        return [], [{"engine": name, "reason": reason}]
    if not engine.adapters:
        return [SendMethod(name)], []
    methods: list[SendMethod] = []
    missing: list[Missing] = []
    for adapter in engine.adapters if adapters is None else adapters:
        if adapter not in engine.adapters:
            rule = f"must be one of {', '.join(engine.adapters)}"
            raise InputError(f"benchmark_{name}_adapters", adapter, rule, "Use one of them.")
        reason = unavailable.get(f"{name}-{adapter}")
        if reason:
            missing.append({"engine": name, "adapter": adapter, "reason": reason})
        else:
            methods.append(SendMethod(name, adapter))
    return methods, missing


def _case(name: str, manifests: Manifests) -> Case:
    if name not in manifests:
        raise InputError(
            "benchmark_cases", name, f"is not among the pcaps {', '.join(manifests)}", "Add it to pcaps_set."
        )
    return Case.of_manifest(name, manifests[name])
