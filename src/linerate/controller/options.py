"""The options of a run and of its scenario, as the module linerate_run takes and documents them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..pcap.destinations import BENCHMARK_NETWORKS
from ..tcpreplay.options import NM_DELAY
from ..trial.model import RATE_TOLERANCE_PERCENT, SAMPLE_INTERVAL, STALL_SECONDS, TCPREPLAY
from ..trial.plan import DEADLINE_MARGIN
from ..trial.proof import ProofLoad
from ..trial.witnesses import SHORT_TRIALS, define, with_agents
from .scenario import Scenario

_SECONDS = {"type": "float", "required": True}
_RATE = {"mode": {"type": "str", "required": True}, "value": {"type": "float"}}
_RAMP = {name: {"type": "float"} for name in ("from", "to", "step")}
_BURSTS = {
    "longest_seconds": {"type": "float"},
    "repeats": {"type": "int"},
    "relative_width": {"type": "float"},
}
RUN: dict[str, Any] = {
    "run_id": {"type": "str", "required": True},
    "results_dir": {"type": "path", "required": True},
    "resume": {"type": "bool", "default": False},
    "schemas_dir": {"type": "path", "required": True},
    "environment": {"type": "dict", "required": True},
    "unavailable": {"type": "dict", "default": {}},
    "resources": {"type": "dict", "default": {}},
    "lab": {"type": "dict"},
    "manifests": {"type": "dict", "required": True},
    "agents": {"type": "list", "elements": "dict", "default": []},
    "receiver": {"type": "str"},
    "interfaces": {"type": "dict", "default": {}},
    "proof": {
        "type": "dict",
        "apply_defaults": True,
        "options": {
            "packets": {"type": "int", "default": ProofLoad.packets},
            "pps": {"type": "float", "default": ProofLoad.pps},
            "percent": {"type": "float", "default": ProofLoad.percent},
        },
    },
}
"""The run and the hosts: an argument spec of Ansible."""

SCENARIO: dict[str, Any] = {
    "scenario": {"type": "str", "required": True},
    "cases": {"type": "list", "elements": "str", "required": True},
    "engines": {"type": "list", "elements": "raw", "required": True},
    "netmap_adapters": {"type": "list", "elements": "str"},
    "rates": {"type": "list", "elements": "dict", "required": True, "options": {**_RATE, **_RAMP}},
    "trials": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "case": {"type": "str", "required": True},
            "engine": {"type": "str", "required": True},
            "adapter": {"type": "str"},
            "processes": {"type": "str"},
            **_RATE,
        },
    },
    "repeats": {"type": "int", "required": True},
    "duration_seconds": {"type": "dict", "required": True, "options": {"paced": _SECONDS, "topspeed": _SECONDS}},
    "link_bps": {"type": "float"},
    "nm_delay": {"type": "int", "default": NM_DELAY},
    "deadline_margin": {"type": "float", "default": DEADLINE_MARGIN},
    "sample_interval": {"type": "float", "default": SAMPLE_INTERVAL},
    "stall_seconds": {"type": "float", "default": STALL_SECONDS},
    "rate_tolerance_percent": {"type": "float", "default": RATE_TOLERANCE_PERCENT},
    "witnesses": {"type": "list", "elements": "dict", "default": []},
    "short_trials": {"type": "str", "choices": list(SHORT_TRIALS), "default": SHORT_TRIALS[0]},
    "allow_destinations": {"type": "list", "elements": "str", "default": list(BENCHMARK_NETWORKS)},
    "executable": {"type": "str", "default": TCPREPLAY},
    "cpu": {"type": "int"},
    "settings": {"type": "dict", "default": {}},
    "search": {"type": "list", "elements": "str", "default": []},
    "search_goals": {"type": "list", "elements": "dict", "default": [{"name": "ndr"}]},
    "bursts": {"type": "dict", "default": {}, "options": _BURSTS},
    "fail_on_invalid": {"type": "bool", "default": True},
    "expected": {"type": "list", "elements": "dict", "default": []},
}
"""What is sent, by what, how fast, and what is expected of it: an argument spec of Ansible."""


def scenario_of(given: Mapping[str, Any]) -> Scenario:
    """The scenario of the options of a module, ``agents``, ``receiver`` and ``interfaces`` among them."""
    named = {"name", "adapters", "witnesses"}
    return Scenario(
        name=given["scenario"],
        adapters={"netmap": given["netmap_adapters"]} if given["netmap_adapters"] is not None else {},
        witnesses=with_agents(define(given["witnesses"], given["receiver"], given["interfaces"]), given["agents"]),
        **{field.name: given[field.name] for field in fields(Scenario) if field.name not in named},
    )
