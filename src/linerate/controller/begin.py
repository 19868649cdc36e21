"""Begin a run: what can be had of a scenario, the plan of its trials, and run.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import __version__
from ..clock import utc_now
from ..pcap.destinations import AllowedDestinations
from ..results.store import plain
from ..tcpreplay.options import build_argv
from ..trial.environment import fingerprint
from ..trial.plan import PlannedTrial, Sending, plan, replay_options
from ..trial.witnesses import fit, receiving_port
from ..units import GBIT
from ..validate import check_rate
from .scenario import Scenario, scenario_trials

SCHEMA = "linerate-run/1"
ASSUMED_LINK_BPS = 10 * GBIT
FASTEST_LINK_BPS = 1600 * GBIT
"""IEEE P802.3dj, the fastest Ethernet there is to be."""
NO_MAC, MAC_IN_PLACE_OF_NONE = "00:00:00:00:00:00", "02:00:00:00:00:02"
"""A loopback interface has no MAC; the role pcaps invents one, so that the kernel sees frames for another host."""


def line_rate(scenario: Scenario, nic: Mapping[str, Any]) -> dict[str, Any]:
    """The speed in bit/s that rates are held against, and whose word it is."""
    if scenario.link_bps:
        check_rate("link_bps", scenario.link_bps, least=1e6, most=FASTEST_LINK_BPS)
        return {"bps": scenario.link_bps, "source": "given"}
    if nic["speed_bps"]:
        return {"bps": nic["speed_bps"], "source": "interface"}
    return {"bps": ASSUMED_LINK_BPS, "source": "assumed"}


def begin(
    run_id: str,
    scenario: Scenario,
    manifests: Mapping[str, Mapping[str, Any]],
    unavailable: Mapping[str, str | None],
    environment: Mapping[str, Any],
    lab: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run (schemas/run.schema.json), and its trials each with ``replay``, the options of linerate_replay.

    ``unavailable`` says for an engine, or for a kind of netmap's adapter, why the sender cannot use it; InputError
    when no way to send is left, or ``run_id`` is no plain name. ``environment`` is of the sender and the receiver, None
    where that is no host.
    """
    asked, missing = scenario_trials(scenario, manifests, unavailable)
    nic = environment["sender"]["nic"]
    rate = line_rate(scenario, nic)
    durations, notices = fit(scenario.duration_seconds, scenario.witnesses, scenario.short_trials)
    sending = Sending(durations, rate["bps"], scenario.nm_delay, scenario.deadline_margin)
    trials = plan(asked, scenario.repeats, sending)
    # Before and after each trial, a slow counter is waited for.
    settling = 2 * max((witness.get("refresh_seconds") or 0 for witness in scenario.witnesses), default=0)
    run = {
        "schema": SCHEMA,
        "run_id": plain(run_id),
        "created_at": utc_now(),
        "linerate_version": __version__,
        "scenario": scenario.name,
        "lab": dict(lab) if lab else None,
        "plan": {
            "trials": [trial.describe() for trial in trials],
            "unavailable": missing,
            "estimated_seconds": round(sum(trial.estimated_seconds + settling for trial in trials), 1),
            "notices": notices,
        },
        "witnesses": [dict(witness) for witness in scenario.witnesses],
        "environment": {"fingerprint": fingerprint(*(host for host in environment.values() if host)), **environment},
    }
    context = _context(run, rate)
    far_end = _far_end(scenario, environment["receiver"])
    prepared = [
        _prepared(trial, scenario, nic["interface"], manifests[trial.case.name], (context, far_end)) for trial in trials
    ]
    return run, prepared


def _far_end(scenario: Scenario, receiver: Mapping[str, Any] | None) -> dict[str, Any]:
    """What linerate_replay is told of the receiver: its MTU, and where frames may go, its own MAC among it."""
    allowed = list(scenario.allow_destinations)
    if receiver:
        mac = receiver["nic"]["mac"]
        allowed.append(MAC_IN_PLACE_OF_NONE if mac == NO_MAC else mac)
    AllowedDestinations(allowed)
    return {"allow_destinations": allowed, "receiver_mtu": receiver["nic"]["mtu"] if receiver else None}


def _context(run: Mapping[str, Any], rate: Mapping[str, Any]) -> dict[str, Any]:
    """What every trial's record says of the run."""
    sender = run["environment"]["sender"]
    return {
        "run_id": run["run_id"],
        "sender": {"host": sender["name"], "interface": sender["nic"]["interface"]},
        "receiver": receiving_port(run["witnesses"], run["environment"]["receiver"]),
        "line_rate": rate,
        "versions": {"linerate": __version__, **sender["versions"]},
        "fingerprint": run["environment"]["fingerprint"],
    }


def _prepared(
    trial: PlannedTrial,
    scenario: Scenario,
    interface: str,
    manifest: Mapping[str, Any],
    told: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> dict[str, Any]:
    context, far_end = told
    options = replay_options(trial, interface, scenario.nm_delay, **(scenario.settings or {}))
    parameters = manifest["parameters"]
    return {
        "planned": trial.describe(),
        "context": dict(context),
        "argv": build_argv(options, scenario.executable),
        "witnesses": [dict(witness) for witness in scenario.witnesses],
        "replay": {**vars(options), "adapter": trial.adapter},
        "look": {"pcap_sha256": trial.case.pcap_sha256, **far_end},
        "destination": parameters["dst_ip"],
        "vlan": parameters["vlan"] is not None,
        "vlan_id": parameters["vlan"],
    }
