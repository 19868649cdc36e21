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
from ..trial.engines.base import Resources
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
AUTO = "auto"
"""As many processes as the sender has cores for, and its interface transmit queues."""
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
class Request:
    """An engine that is to send, through one ``adapter`` or each that it has, by ``processes`` (None: auto)."""

    engine: str
    adapter: str | None = None
    processes: int | None = 1


def request_of(entry: object) -> Request:
    """An entry of benchmark_engines: a name, or {engine, adapter, processes}. InputError where it is neither."""
    given: dict[str, Any] = dict(entry) if isinstance(entry, Mapping) else {"engine": entry}
    unknown = [str(key) for key in given if key not in ("engine", "adapter", "processes")]
    if unknown or not isinstance(given.get("engine"), str):
        rule = "must be the name of an engine, or {engine, processes, adapter}"
        raise InputError("benchmark_engines", entry, rule, "Write xdp, or {engine: xdp, processes: 2}.")
    name, adapter = given["engine"], given.get("adapter")
    adapters = engine_of(name).adapters
    if adapter is not None and adapter not in adapters:
        rule = f"must be one of {', '.join(adapters)}" if adapters else f"has no meaning for {name}"
        raise InputError("adapter", adapter, rule, "Correct it, or leave it out.")
    return Request(name, adapter, processes_of(name, given.get("processes")))


def processes_of(engine: str, given: object) -> int | None:
    """The number of processes that is ``given``, by default 1; None for auto. InputError where it is not usable."""
    if given is None:
        return 1
    if given == AUTO:
        return None
    most = engine_of(engine).max_processes
    number = int(given) if isinstance(given, str) and given.isdecimal() else given
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
        numbers = "1" if most == 1 else f"1 to {most}, or {AUTO}"
        because = f": {reason}" if most == 1 and (reason := engine_of(engine).one_process) else ""
        hint = "Leave processes out." if most == 1 else "Use another number of processes."
        raise InputError("processes", given, f"must be {numbers}, for {engine}{because}", hint)
    return number


@dataclass(frozen=True)
class Scenario:
    """What a user requests: every case by every engine at every rate, ``repeats`` times.

    Or, where ``trials`` are given, exactly those: {case, engine, adapter, mode, value}, in place of ``cases``,
    ``engines`` (entries as request_of reads them) and ``rates``. ``adapters`` are by engine; an engine without an entry
    sends through each that it has. ``rates`` are {mode, value}; ``duration_seconds`` is {paced, topspeed}; ``settings``
    are further options of tcpreplay. ``link_bps`` None: as the sending interface reports, else 10 Gbit/s is assumed.
    ``short_trials``, for those that a witness' counters cannot follow, is lengthen or refuse. ``allow_destinations``
    are IP networks and MAC addresses, in addition to the receiver's own MAC. ``rate_tolerance_percent`` is only
    validated here, so that a number that spoils every trial is refused before the first. ``search`` are kinds of
    results.searches, each for every case by every send method, with ``search_goals`` ({name, profile, attributes of
    Goal}) and ``bursts`` (attributes of Bursts). ``fail_on_invalid`` and ``expected`` (attributes of Expectation)
    decide whether the run passes. InputError names a number that is not usable.
    """

    name: str
    cases: Sequence[str]
    engines: Sequence[Any]
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
    scenario: Scenario, manifests: Manifests, unavailable: Unavailable, resources: Resources | None = None
) -> tuple[list[Combination], list[Missing]]:
    """The trials that are possible, and the send methods that are not available, each with its reason.

    InputError when no send method is left.
    """
    resources = resources or Resources()
    host = _Host(unavailable, resources, scenario.adapters)
    if scenario.trials:
        combinations, missing = _listed(scenario, manifests, host)
    else:
        cases = [_case(name, manifests) for name in scenario.cases]
        found = [host.methods(request_of(entry)) for entry in scenario.engines]
        # Automatically there may be one process, as another entry says.
        methods = list(dict.fromkeys(method for some, _ in found for method in some))
        missing = [one for _, some in found for one in some]
        missing = [one for number, one in enumerate(missing) if one not in missing[:number]]
        combinations = combine(cases, methods, scenario.rates) if methods else []
    combinations, omitted = _sendable(combinations, resources)
    missing += omitted
    if not combinations:
        reasons = "; ".join(f"{item['engine']}: {item['reason']}" for item in missing)
        raise InputError("benchmark_engines", list(scenario.engines), f"none can send here ({reasons})", "Add kernel.")
    return combinations, missing


def _sendable(combinations: Sequence[Combination], resources: Resources) -> tuple[list[Combination], list[Missing]]:
    """The trials whose engine can send their pcap, and those of each engine that cannot, with the reason."""
    kept: list[Combination] = []
    missing: dict[tuple[SendMethod, str], Missing] = {}
    for one in combinations:
        reason = engine_of(one.method.engine).case_unavailable(one.case, resources)
        if reason is None:
            kept.append(one)
            continue
        named, adapter = f"{one.case.name} {reason}", {"adapter": one.method.adapter} if one.method.adapter else {}
        omitted: Missing = {"engine": one.method.engine, **adapter, "reason": named, "trials": []}
        trials = missing.setdefault((one.method, named), omitted)["trials"]
        trials.append({"case": one.case.name, "mode": one.mode, "value": one.value})
    return kept, list(missing.values())


def _listed(scenario: Scenario, manifests: Manifests, host: _Host) -> tuple[list[Combination], list[Missing]]:
    combinations: list[Combination] = []
    missing: dict[tuple[str, str | None, str], Missing] = {}
    for trial in scenario.trials:
        case, mode, value = _case(trial["case"], manifests), str(trial["mode"]), trial.get("value")
        named = {name: trial.get(name) for name in ("engine", "adapter", "processes")}
        methods, lacking = host.methods(request_of(named))
        combinations += [Combination(case, method, mode, value) for method in methods]
        for item in lacking:
            kept = missing.setdefault((item["engine"], item.get("adapter"), item["reason"]), {**item, "trials": []})
            kept["trials"].append({"case": case.name, "mode": mode, "value": value})
    return combinations, list(missing.values())


@dataclass(frozen=True)
class _Host:
    """What the sender has, which decides the requests that it can serve."""

    unavailable: Unavailable
    resources: Resources
    adapters: Mapping[str, Sequence[str]]

    def methods(self, request: Request) -> tuple[list[SendMethod], list[Missing]]:
        """The send methods of the request that this sender has, and those it lacks, each with the reason."""
        name, engine = request.engine, engine_of(request.engine)
        reason = self.unavailable.get(name)
        if reason:
            return [], [{"engine": name, "reason": reason}]
        adapters: Sequence[str | None] = [None]
        if engine.adapters:
            adapters = [request.adapter] if request.adapter else self.adapters.get(name, engine.adapters)
        methods: list[SendMethod] = []
        missing: list[Missing] = []
        for adapter in adapters:
            if adapter is not None and adapter not in engine.adapters:
                rule = f"must be one of {', '.join(engine.adapters)}"
                raise InputError(f"benchmark_{name}_adapters", adapter, rule, "Use one of them.")
            count = self._count(request)
            reason = self.unavailable.get(f"{name}-{adapter}") or self._too_many(request, count, adapter)
            if reason:
                missing.append({"engine": name, **({"adapter": adapter} if adapter else {}), "reason": reason})
            else:
                methods.append(SendMethod(name, adapter, count))
        return methods, missing

    def _count(self, request: Request) -> int:
        if request.processes is not None:
            return request.processes
        return min(self.resources.automatic, engine_of(request.engine).max_processes)

    def _too_many(self, request: Request, count: int, adapter: str | None) -> str | None:
        reason = engine_of(request.engine).processes_unavailable(count, adapter, self.resources.queues)
        return f"{count} processes: {reason}" if reason else None


def _case(name: str, manifests: Manifests) -> Case:
    if name not in manifests:
        raise InputError(
            "benchmark_cases", name, f"is not among the pcaps {', '.join(manifests)}", "Add it to pcaps_set."
        )
    return Case.of_manifest(name, manifests[name])
