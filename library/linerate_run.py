#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: begin a run on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_run
short_description: Plan the trials of a scenario and begin a run's results
description:
  - Plans every case by every engine at every rate, says which engines cannot be had and why, and makes the
    run's folder with C(run.json). Runs on the controller.
version_added: "0.1.0"
author: linerate contributors
options:
  run_id:
    description: Name of the run and its folder.
    type: str
    required: true
  results_dir:
    description: Folder of all results.
    type: path
    required: true
  schemas_dir:
    description: Folder of the JSON Schemas.
    type: path
    required: true
  scenario:
    description: Name of the scenario.
    type: str
    required: true
  cases:
    description: Names of pcaps, keys of O(manifests).
    type: list
    elements: str
    required: true
  manifests:
    description: The pcaps' manifests by name, each with its C(path) on the sender.
    type: dict
    required: true
  engines:
    description: How frames leave.
    type: list
    elements: str
    choices: [kernel, netmap]
    required: true
  netmap_adapters:
    description: Which adapters the engine C(netmap) sends through.
    type: list
    elements: str
    choices: [native, emulated]
    default: [native, emulated]
  unavailable:
    description: For an engine, or an adapter of netmap, why the sender cannot use it; null when it can.
    type: dict
    default: {}
  rates:
    description: Loads to offer.
    type: list
    elements: dict
    required: true
    suboptions:
      mode:
        description: Packets a second, 10^6 bit/s of pcap bytes, or as fast as possible.
        type: str
        choices: [pps, mbps, topspeed]
        required: true
      value:
        description: The rate; none at top speed.
        type: float
  trials:
    description: Exactly the trials to run, instead of every case by every engine at every rate.
    type: list
    elements: dict
    default: []
    suboptions:
      case:
        description: Name of a pcap, a key of O(manifests).
        type: str
        required: true
      engine:
        description: How frames leave.
        type: str
        choices: [kernel, netmap]
        required: true
      adapter:
        description: With the engine C(netmap), the adapter; by default each of O(netmap_adapters).
        type: str
        choices: [native, emulated]
      mode:
        description: Packets a second, 10^6 bit/s of pcap bytes, or as fast as possible.
        type: str
        choices: [pps, mbps, topspeed]
        required: true
      value:
        description: The rate; none at top speed.
        type: float
  repeats:
    description: How often each is repeated.
    type: int
    required: true
  duration_seconds:
    description: How long a trial sends.
    type: dict
    required: true
    options:
      paced:
        description: At a given rate.
        type: float
        required: true
      topspeed:
        description: At top speed, in whole seconds.
        type: float
        required: true
  link_bps:
    description: Link speed in bit/s; by default what the sending interface says, else 10 Gbit/s is assumed.
    type: float
  nm_delay:
    description: Seconds netmap waits for the link.
    type: int
    default: 10
  deadline_margin:
    description: Seconds more than it should that a trial may take, before it is stopped from outside.
    type: float
    default: 15
  sample_interval:
    description: Seconds between two samples that the trials will take; only looked at here, as the two that follow.
    type: float
    default: 1.0
  stall_seconds:
    description: How long nothing may leave in a trial that should; see M(linerate_replay).
    type: float
    default: 3.0
  rate_tolerance_percent:
    description: How far a paced trial may be from the rate asked for; see M(linerate_record).
    type: float
    default: 1.0
  witnesses:
    description:
      - Who counts what arrives; none when the sender alone is to be judged.
      - Each has a C(kind), C(linux) with C(host) and C(interface), or C(snmp) with C(address), C(interface), C(port),
        C(version) and C(refresh_seconds); and a C(name). No credentials, as they are stored.
    type: list
    elements: dict
    default: []
  agents:
    description: What M(linerate_snmp_info) returned for each snmp witness, in their order.
    type: list
    elements: dict
    default: []
  receiver:
    description: Host of a linux witness that names none.
    type: str
  interfaces:
    description: Receiving interface by host, for linux witnesses that name none.
    type: dict
    default: {}
  short_trials:
    description: What becomes of trials that are too short for a witness' counters.
    type: str
    choices: [lengthen, refuse]
    default: lengthen
  allow_destinations:
    description: IP networks and MACs that may be sent to, beside the receiver's own MAC; see M(linerate_replay).
    type: list
    elements: str
    default: [198.18.0.0/15, "2001:2::/48"]
  executable:
    description: The tcpreplay that will run, as the plan shows it.
    type: str
    default: tcpreplay
  proof:
    description: The burst that must arrive before the trials begin.
    type: dict
    options:
      packets:
        description: How many packets.
        type: int
        default: 100
      pps:
        description: At how many packets a second.
        type: float
        default: 200
      percent:
        description: How many percent of them the receiver must count.
        type: float
        default: 50
  settings:
    description: Further options of M(linerate_replay) for every trial.
    type: dict
    default: {}
  environment:
    description: >-
      C(sender) and C(receiver), each as M(linerate_environment_info) returns it, with C(name) and C(versions); no
      C(receiver) where what receives is no host.
    type: dict
    required: true
  lab:
    description: The embedded lab, C(backend) and C(reason); none on real hosts.
    type: dict
attributes:
  check_mode:
    description: Returns the plan and writes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Begin a run
  linerate_run:
    run_id: 20260101T000000Z-sender1
    results_dir: results
    schemas_dir: schemas
    scenario: default
    cases: [udp_port_scan_64]
    manifests:
      udp_port_scan_64:
        path: /var/lib/linerate/pcaps/udp_port_scan_64.pcap
        sha256: 0000000000000000000000000000000000000000000000000000000000000000
        packets: 64511
        mean_frame_length: 78
        min_frame_length: 78
        max_frame_length: 78
        parameters: {dst_ip: 198.19.0.1, vlan: null}
    engines: [kernel]
    rates:
      - mode: pps
        value: 20000
      - mode: topspeed
    repeats: 3
    duration_seconds: {paced: 5, topspeed: 3}
    witnesses:
      - kind: linux
    receiver: receiver1
    interfaces: {receiver1: lrs0}
    environment:
      sender: &host
        name: sender1
        kernel: 6.1.0
        os: Debian 12
        cpu_model: Example CPU
        cpus: 2
        memory_bytes: 8589934592
        governor: null
        python: 3.11.2
        versions: {tcpreplay: 4.4.3}
        nic:
          interface: lrs0
          mac: "02:00:00:00:00:01"
          mtu: 1500
          speed_bps: 10000000000
          driver: veth
          driver_version: null
          firmware: null
          bus: null
          offloads: {}
      receiver:
        <<: *host
        name: receiver1
"""

RETURN = r"""
run_dir:
  description: The run's folder.
  returned: always
  type: str
plan:
  description: Trials, unavailable engines with reasons, estimated seconds.
  returned: always
  type: dict
witnesses:
  description: The witnesses, complete, with how old a counter of theirs may be.
  returned: always
  type: list
  elements: dict
trials:
  description: For each trial what the sender, the receiver and the record need.
  returned: always
  type: list
  elements: dict
listing:
  description: The plan in words, for each trial a line and its command, and a line for all.
  returned: always
  type: list
  elements: str
pcaps:
  description: The pcaps that are sent, each once, with C(path) and C(sha256).
  returned: always
  type: list
  elements: dict
proofs:
  description: >-
    For each way to send, destination and VLAN the burst that must arrive first, like a trial; none where nobody counts.
  returned: always
  type: list
  elements: dict
"""

from dataclasses import fields
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.controller.begin import begin
from ansible.module_utils.linerate.controller.scenario import Scenario
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.pcap.destinations import BENCHMARK_NETWORKS
from ansible.module_utils.linerate.results.store import RunFolder
from ansible.module_utils.linerate.trial.plan import ADAPTERS, MODES
from ansible.module_utils.linerate.trial.plan_text import listing, pcaps_of
from ansible.module_utils.linerate.trial.proof import Burst, proofs
from ansible.module_utils.linerate.trial.witnesses import SHORT_TRIALS, define, found_out

RATE = {"mode": {"type": "str", "choices": list(MODES), "required": True}, "value": {"type": "float"}}
SPEC = {
    "run_id": {"type": "str", "required": True},
    "results_dir": {"type": "path", "required": True},
    "schemas_dir": {"type": "path", "required": True},
    "scenario": {"type": "str", "required": True},
    "cases": {"type": "list", "elements": "str", "required": True},
    "manifests": {"type": "dict", "required": True},
    "engines": {"type": "list", "elements": "str", "choices": ["kernel", "netmap"], "required": True},
    "netmap_adapters": {"type": "list", "elements": "str", "choices": list(ADAPTERS), "default": list(ADAPTERS)},
    "unavailable": {"type": "dict", "default": {}},
    "rates": {"type": "list", "elements": "dict", "required": True, "options": RATE},
    "trials": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "case": {"type": "str", "required": True},
            "engine": {"type": "str", "choices": ["kernel", "netmap"], "required": True},
            "adapter": {"type": "str", "choices": list(ADAPTERS)},
            **RATE,
        },
    },
    "repeats": {"type": "int", "required": True},
    "duration_seconds": {
        "type": "dict",
        "required": True,
        "options": {mode: {"type": "float", "required": True} for mode in ("paced", "topspeed")},
    },
    "link_bps": {"type": "float"},
    "nm_delay": {"type": "int", "default": 10},
    "deadline_margin": {"type": "float", "default": 15},
    "sample_interval": {"type": "float", "default": 1.0},
    "stall_seconds": {"type": "float", "default": 3.0},
    "rate_tolerance_percent": {"type": "float", "default": 1.0},
    "witnesses": {"type": "list", "elements": "dict", "default": []},
    "agents": {"type": "list", "elements": "dict", "default": []},
    "receiver": {"type": "str"},
    "interfaces": {"type": "dict", "default": {}},
    "short_trials": {"type": "str", "choices": list(SHORT_TRIALS), "default": SHORT_TRIALS[0]},
    "allow_destinations": {"type": "list", "elements": "str", "default": list(BENCHMARK_NETWORKS)},
    "executable": {"type": "str", "default": "tcpreplay"},
    "proof": {
        "type": "dict",
        "apply_defaults": True,
        "options": {
            "packets": {"type": "int", "default": 100},
            "pps": {"type": "float", "default": 200},
            "percent": {"type": "float", "default": 50},
        },
    },
    "settings": {"type": "dict", "default": {}},
    "environment": {"type": "dict", "required": True},
    "lab": {"type": "dict"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    scenario_fields = {field.name for field in fields(Scenario)} - {"name", "witnesses"}
    try:
        witnesses = found_out(define(given["witnesses"], given["receiver"], given["interfaces"]), given["agents"])
        asked = {name: given[name] for name in scenario_fields}
        scenario = Scenario(name=given["scenario"], witnesses=witnesses, **asked)
        environment = {"receiver": None, **given["environment"]}
        run, trials = begin(
            given["run_id"], scenario, given["manifests"], given["unavailable"], environment, given["lab"]
        )
        bursts = proofs(trials, Burst(**given["proof"]), given["deadline_margin"])
        results = Path(given["results_dir"])
        if not module.check_mode:
            RunFolder.create(results, run, Path(given["schemas_dir"]))
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=True,
        run_dir=str(results / given["run_id"]),
        plan=run["plan"],
        witnesses=run["witnesses"],
        trials=trials,
        listing=listing(trials),
        pcaps=pcaps_of(trials),
        proofs=bursts if witnesses else [],
    )


if __name__ == "__main__":
    main()
