"""Begin a run: what can be had of a scenario, the plan of its trials, and run.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..clock import utc_now
from ..errors import InputError
from ..frames import GBIT
from ..host.environment import fingerprint
from ..trial.plan import ADAPTERS, ENGINES, Case, PlannedTrial, Sending, Way, plan, replay_options

SCHEMA = "linerate-run/1"
ASSUMED_LINK_BPS = 10 * GBIT


@dataclass(frozen=True)
class Scenario:
    """What a user asks for: every case by every engine at every rate, ``repeats`` times.

    The engine netmap sends through each of ``netmap_adapters``. ``rates`` are {mode, value}; ``duration_seconds``
    is {paced, topspeed}; ``settings`` are further options of tcpreplay. ``link_bps`` None: as the sending interface
    says, else 10 Gbit/s is assumed.
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


def line_rate(scenario: Scenario, nic: Mapping[str, Any]) -> dict[str, Any]:
    """The speed in bit/s that rates are held against, and whose word it is."""
    if scenario.link_bps:
        return {"bps": scenario.link_bps, "source": "given"}
    if nic["speed_bps"]:
        return {"bps": nic["speed_bps"], "source": "interface"}
    return {"bps": ASSUMED_LINK_BPS, "source": "assumed"}


def begin(
    run_id: str,
    scenario: Scenario,
    manifests: Mapping[str, Mapping[str, Any]],
    unavailable: Mapping[str, str | None],
    environment: Mapping[str, Mapping[str, Any]],
    lab: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run (schemas/run.schema.json), and its trials each with ``replay``, the options of linerate_replay.

    ``unavailable`` says for an engine, or for a kind of netmap's adapter, why the sender cannot use it; InputError
    when no way to send is left.
    """
    ways, missing = _ways(scenario, unavailable)
    nic = environment["sender"]["nic"]
    rate = line_rate(scenario, nic)
    sending = Sending(scenario.duration_seconds, rate["bps"], scenario.nm_delay, scenario.deadline_margin)
    cases = [_case(name, manifests) for name in scenario.cases]
    trials = plan(cases, ways, scenario.rates, scenario.repeats, sending)
    run = {
        "schema": SCHEMA,
        "run_id": run_id,
        "created_at": utc_now(),
        "linerate_version": __version__,
        "scenario": scenario.name,
        "lab": dict(lab) if lab else None,
        "plan": {
            "trials": [trial.describe() for trial in trials],
            "unavailable": missing,
            "estimated_seconds": round(sum(trial.estimated_seconds for trial in trials), 1),
        },
        "environment": {"fingerprint": fingerprint(environment["sender"], environment["receiver"]), **environment},
    }
    context = _context(run, rate)
    prepared = [_prepared(trial, scenario, nic["interface"], manifests, context) for trial in trials]
    return run, prepared


def _ways(scenario: Scenario, unavailable: Mapping[str, str | None]) -> tuple[list[Way], list[dict[str, Any]]]:
    """The ways to send that this sender has, and those that it has not, each with the reason."""
    ways: list[Way] = []
    missing: list[dict[str, Any]] = []
    for engine in _known("engine", scenario.engines, ENGINES):
        reason = unavailable.get(engine)
        if reason:
            missing.append({"engine": engine, "reason": reason})
        elif engine == "kernel":
            ways.append(Way(engine))
        else:
            for adapter in _known("netmap adapter", scenario.netmap_adapters, ADAPTERS):
                reason = unavailable.get(adapter)
                if reason:
                    missing.append({"engine": engine, "adapter": adapter, "reason": reason})
                else:
                    ways.append(Way(engine, adapter))
    if not ways:
        reasons = "; ".join(f"{item['engine']}: {item['reason']}" for item in missing)
        raise InputError("engines", list(scenario.engines), f"none can send here ({reasons})", "Add kernel.")
    return ways, missing


def _known(what: str, names: Sequence[str], all_of_them: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in all_of_them:
            raise InputError(what, name, f"must be one of {', '.join(all_of_them)}", f"Correct the scenario's {what}s.")
    return names


def _case(name: str, manifests: Mapping[str, Mapping[str, Any]]) -> Case:
    if name not in manifests:
        raise InputError("case", name, f"is not among the pcaps {', '.join(manifests)}", "Add it to pcaps_set.")
    return Case.from_manifest(name, manifests[name])


def _context(run: Mapping[str, Any], rate: Mapping[str, Any]) -> dict[str, Any]:
    """What every trial's record says of the run."""
    sender, receiver = run["environment"]["sender"], run["environment"]["receiver"]
    return {
        "run_id": run["run_id"],
        "sender": {"host": sender["name"], "interface": sender["nic"]["interface"]},
        "receiver": {"host": receiver["name"], "interface": receiver["nic"]["interface"]},
        "line_rate": rate,
        "versions": {"linerate": __version__, **sender["versions"]},
        "fingerprint": run["environment"]["fingerprint"],
    }


def _prepared(
    trial: PlannedTrial,
    scenario: Scenario,
    interface: str,
    manifests: Mapping[str, Mapping[str, Any]],
    context: Mapping[str, Any],
) -> dict[str, Any]:
    options = replay_options(trial, interface, scenario.nm_delay, **(scenario.settings or {}))
    parameters = manifests[trial.case.name]["parameters"]
    return {
        "planned": trial.describe(),
        "context": dict(context),
        "replay": {**vars(options), "adapter": trial.adapter},
        "destination": parameters["dst_ip"],
        "vlan": parameters["vlan"] is not None,
    }
