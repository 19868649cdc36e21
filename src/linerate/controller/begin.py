"""Begin a run: the plan of its trials, and run.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import __version__
from ..clock import utc_now
from ..errors import InputError
from ..nic.attachment import Attachment
from ..pcap.destinations import AllowedDestinations
from ..results.expect import gates_of
from ..results.searches import Goal, Search
from ..results.store import plain
from ..trial.engines.base import Resources
from ..trial.engines.registry import engine_of
from ..trial.environment import fingerprint
from ..trial.model import VIRTUAL, Bench, LineRate, Port, Sending, Trial, Witness
from ..trial.plan import Setup, Timing, bound, plan
from ..trial.witnesses import fit, receiving_port
from ..units import GBIT
from .scenario import Manifests, Scenario, Unavailable, scenario_trials
from .searches import bursts_of, goal_of, searches_of

SCHEMA = "linerate-run/1"
ASSUMED_LINK_BPS = 10 * GBIT
NO_MAC, MAC_IN_PLACE_OF_NONE = "00:00:00:00:00:00", "02:00:00:00:00:02"
"""A loopback interface has no MAC; the role pcaps invents one, so that the kernel sees frames for another host."""


@dataclass(frozen=True)
class Hosts:
    """The environment of the sender and of the receiver (None where that is no host), and the embedded lab, if any.

    ``unavailable`` says which send methods the sender lacks, ``resources`` what it has for several processes.
    """

    environment: Mapping[str, Any]
    unavailable: Unavailable
    lab: Mapping[str, Any] | None = None
    resources: Resources | None = None

    @property
    def sender(self) -> Mapping[str, Any]:
        sender: Mapping[str, Any] = self.environment["sender"]
        return sender

    @property
    def receiver(self) -> Mapping[str, Any] | None:
        receiver: Mapping[str, Any] | None = self.environment["receiver"]
        return receiver


def begin(run_id: str, scenario: Scenario, manifests: Manifests, hosts: Hosts) -> tuple[dict[str, Any], list[Trial]]:
    """The run (schemas/run.schema.json) and its trials.

    InputError when no send method is left, or ``run_id`` is not a plain name.
    """
    combinations, missing = scenario_trials(scenario, manifests, hosts.unavailable, hosts.resources)
    bench = _bench(plain(run_id), scenario, hosts)
    used = {bound(one, bench.line_rate.bps) for one in combinations}
    requested = {name: seconds for name, seconds in scenario.duration_seconds.items() if name in used}
    durations, notices = fit(requested, scenario.witnesses, scenario.short_trials)
    setup = Setup(
        bench=bench,
        sending=Sending(
            interface=hosts.sender["nic"]["interface"],
            executable=scenario.executable,
            nm_delay=scenario.nm_delay,
            stall_seconds=scenario.stall_seconds,
            sample_interval=scenario.sample_interval,
            settings=scenario.settings,
            cpu=scenario.cpu,
        ),
        timing=Timing(durations, scenario.deadline_margin),
    )
    trials = plan(combinations, scenario.repeats, setup)
    for trial in trials:
        # A setting that the sending program does not take is refused here, and not by the first trial.
        engine_of(trial.method).command(trial)
    searches = _searches(scenario, trials)
    gates = gates_of(scenario.fail_on_invalid, scenario.expected, (trial.case.name for trial in trials), searches)
    run = {
        "schema": SCHEMA,
        "run_id": run_id,
        "created_at": utc_now(),
        "linerate_version": __version__,
        "scenario": scenario.name,
        "lab": dict(hosts.lab) if hosts.lab else None,
        "plan": {
            "trials": [trial.planned() for trial in trials],
            "unavailable": missing,
            "estimated_seconds": _estimate(trials, scenario.witnesses),
            "notices": notices,
        },
        "witnesses": [_stored(witness) for witness in scenario.witnesses],
        "environment": {"fingerprint": setup.bench.fingerprint, **hosts.environment},
        "searches": [search.to_json() for search in searches],
        "gates": gates.to_json(),
    }
    return run, trials


def _searches(scenario: Scenario, trials: Sequence[Trial]) -> tuple[Search, ...]:
    goals = [goal_of(goal) for goal in scenario.search_goals]
    if scenario.search:
        goals = [_fitted(goal, scenario) for goal in goals]
    searches = searches_of(scenario.search, goals, trials, bursts_of(scenario.bursts))
    if searches and not scenario.witnesses:
        rule = "is empty, and a search needs to know what arrived"
        raise InputError("benchmark_witnesses", list(scenario.witnesses), rule, "Name a witness.")
    return searches


def _fitted(goal: Goal, scenario: Scenario) -> Goal:
    """The goal with trials that the slowest counter can follow."""
    given = {
        "first": goal.initial_trial_duration,
        "final": goal.final_trial_duration,
        "sum": goal.duration_sum,
    }
    fitted, _ = fit(given, scenario.witnesses, scenario.short_trials)
    return replace(
        goal,
        initial_trial_duration=fitted["first"],
        final_trial_duration=fitted["final"],
        duration_sum=fitted["sum"],
    )


def _estimate(trials: Sequence[Trial], witnesses: Sequence[Witness]) -> float:
    # Before and after each trial, a slow counter is waited for.
    settling = 2 * max((witness.refresh_seconds or 0 for witness in witnesses), default=0)
    return round(sum(trial.estimated_seconds + settling for trial in trials), 1)


def _stored(witness: Witness) -> dict[str, Any]:
    return {name: value for name, value in witness.to_json().items() if value is not None}


def _bench(run_id: str, scenario: Scenario, hosts: Hosts) -> Bench:
    sender, receiver = hosts.sender, hosts.receiver
    allowed = list(scenario.allow_destinations)
    if receiver:
        mac = receiver["nic"]["mac"]
        allowed.append(MAC_IN_PLACE_OF_NONE if mac == NO_MAC else mac)
    AllowedDestinations(allowed)
    _refuse_sending_port(scenario.witnesses, sender)
    return Bench(
        run_id=run_id,
        sender=Port(sender["name"], sender["nic"]["interface"]),
        receiver=receiving_port(scenario.witnesses, receiver),
        receiver_mtu=receiver["nic"]["mtu"] if receiver else None,
        allow_destinations=tuple(allowed),
        witnesses=scenario.witnesses,
        line_rate=line_rate(scenario, sender),
        versions={"linerate": __version__, **sender["versions"]},
        fingerprint=fingerprint(*(host for host in hosts.environment.values() if host)),
    )


def _refuse_sending_port(witnesses: Sequence[Witness], sender: Mapping[str, Any]) -> None:
    """InputError for a witness that is the sending port itself: what it sends does not arrive there."""
    name, interface, mac = sender["name"], sender["nic"]["interface"], sender["nic"]["mac"]
    for witness in witnesses:
        if witness.kind == "linux" and (witness.host, witness.interface) == (name, interface) and mac != NO_MAC:
            hint = "Set linerate_receiver_interface to the port that receives."
            raise InputError("linux witness", f"{name} {interface}", "is the port that sends", hint)


def line_rate(scenario: Scenario, sender: Mapping[str, Any]) -> LineRate:
    """The speed in bit/s that rates are compared with, and where it is from."""
    if scenario.link_bps:
        return LineRate(scenario.link_bps, "given")
    stated = sender["nic"]["speed_bps"]
    # Before a host is connected to, its attachment is not known.
    attachment = sender.get("attachment")
    if attachment and Attachment.from_json(attachment).virtual:
        return LineRate(stated or ASSUMED_LINK_BPS, VIRTUAL)
    return LineRate(stated, "interface") if stated else LineRate(ASSUMED_LINK_BPS, "assumed")
