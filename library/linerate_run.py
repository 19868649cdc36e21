#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: plan a run on the controller and create its folder."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_run
short_description: Plan the trials of a scenario and create the run's folder
description:
  - Plans every case by every send method at every rate, reports which send methods are not available and why, and
    creates the run's folder with C(run.json). Runs on the controller.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.destinations, linerate.tcpreplay, linerate.results, linerate.cpu]
author: linerate contributors
options:
  run_id:
    description: Name of the run and its folder.
    type: str
    required: true
  resume:
    description: Whether the run exists, ended early and is to continue. It must be the same in all that it plans.
    type: bool
    default: false
  search:
    description: What to search for, C(throughput), C(frame-loss) or C(back-to-back), for each case.
    type: list
    elements: str
    default: []
  search_goals:
    description: Search goals, each with a C(name), and a C(profile) or attributes of its own (RFC 9971).
    type: list
    elements: dict
    default: [{name: ndr}]
  bursts:
    description: The bursts of a search for back-to-back frames.
    type: dict
    default: {}
    suboptions:
      longest_seconds:
        description: The longest burst, in seconds of the sender's own rate. By default 2.
        type: float
      repeats:
        description: How often the longest burst without loss is searched for. By default 5.
        type: int
      relative_width:
        description: The distance of the bounds, as a ratio to the upper one. By default 0.01.
        type: float
  fail_on_invalid:
    description: Whether a trial that is not valid makes the run fail, when it has ended. Stored with the run.
    type: bool
    default: true
  expected:
    description: >-
      Limits that the results must keep, each with C(min_pps), C(min_line_rate_percent) or C(max_loss_percent), and
      optionally C(case), C(engine), C(adapter), C(mode), C(value) and C(goal) of the results that it is for. Stored
      with the run; M(linerate_report) checks them.
    type: list
    elements: dict
    default: []
  results_dir:
    description: Folder of all results.
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
    description: Manifests of the pcaps by name, each with its C(path) on the sender.
    type: dict
    required: true
  engines:
    description: >-
      Engines that send, such as C(kernel) and C(netmap); each its name, or a dictionary of C(engine), C(processes) (a
      number or C(auto)) and C(adapter).
    type: list
    elements: raw
    required: true
  netmap_adapters:
    description: Kinds of adapter that the engine C(netmap) sends through; all by default.
    type: list
    elements: str
  unavailable:
    description: >-
      By engine, and by engine and adapter (C(netmap-native)), why the sender cannot use it; null when it can. As
      M(linerate_environment_info) returns it.
    type: dict
    default: {}
  resources:
    description: >-
      What the sender has, C(automatic) processes, C(queues), C(lockable_bytes) and C(free_bytes) of memory. As
      M(linerate_environment_info) returns it.
    type: dict
    default: {}
  rates:
    description: Loads to offer.
    type: list
    elements: dict
    required: true
    suboptions:
      <<: &rate
        mode:
          description:
            - C(pps), C(mbps) (10^6 bit/s of pcap bytes), C(percent) (of line rate), C(multiplier) (times as fast as the
              pcap's own timing) or C(topspeed).
          type: str
          required: true
        value:
          description: The rate; none at top speed.
          type: float
      from:
        description: In place of O(rates[].value), the first rate of a ramp.
        type: float
      to:
        description: The last rate of the ramp, above or below the first one.
        type: float
      step:
        description: The difference between two rates of the ramp.
        type: float
  trials:
    description: Exactly the trials to run, instead of every case by every engine at every rate.
    type: list
    elements: dict
    default: []
    suboptions:
      <<: *rate
      case:
        description: Name of a pcap, a key of O(manifests).
        type: str
        required: true
      engine:
        description: The engine that sends.
        type: str
        required: true
      adapter:
        description: The kind of adapter, for an engine that has several; by default each of O(netmap_adapters).
        type: str
      processes:
        description: How many processes send, a number or C(auto); by default one.
        type: str
  repeats:
    description: How often each is repeated.
    type: int
    required: true
  duration_seconds:
    description: How long a trial sends.
    type: dict
    required: true
    suboptions:
      paced:
        description: At a given rate.
        type: float
        required: true
      topspeed:
        description: At top speed, in whole seconds.
        type: float
        required: true
  link_bps:
    description: Link speed in bit/s; by default what the sending interface reports, else 10 Gbit/s is assumed.
    type: float
  deadline_margin:
    description: How many seconds longer than planned a trial may take before it is stopped from outside.
    type: float
    default: 15
  sample_interval:
    description: Seconds between two samples of the counters; longer in trials of more than 1,000 s.
    type: float
    default: 0.1
  witnesses:
    description:
      - The witnesses, which count what arrives; none when the sender alone is to be judged.
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
    description: What to do with trials that are too short for a witness' counters.
    type: str
    choices: [lengthen, refuse]
    default: lengthen
  allow_destinations:
    description: >-
      IP networks and MAC addresses that may be sent to, in addition to the receiver's MAC; see M(linerate_replay).
    default: [198.18.0.0/15, "2001:2::/48"]
  proof:
    description: The burst that must arrive before the trials begin.
    type: dict
    suboptions:
      packets:
        description: Number of packets.
        type: int
        default: 100
      pps:
        description: Rate in packets per second.
        type: float
        default: 200
      percent:
        description: Percentage of them that the receiver must count.
        type: float
        default: 50
  settings:
    description: Further options of M(linerate_replay) for every trial.
    type: dict
    default: {}
  environment:
    description: >-
      C(sender) and C(receiver), each as M(linerate_environment_info) returns it, with C(name) and C(versions). Without
      C(receiver) where the receiver is not a host.
    type: dict
    required: true
  lab:
    description: The embedded lab, C(backend) and C(reason); none on real hosts.
    type: dict
attributes:
  check_mode:
    description: Returns the plan. Tries in O(results_dir) what storing the results needs, and removes it again.
    support: full
"""

EXAMPLES = r"""
- name: Plan a run and create its folder
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
        destinations: [198.19.0.1]
        vlan_id: null
        vlan_tags: 0
        duration_seconds: null
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
        <<: {cpu_model: Example CPU, cpus: 2, memory_bytes: 8589934592, governor: null, python: 3.11.2}
        versions: {tcpreplay: 4.4.3}
        nic: {interface: lrs0, mac: "02:00:00:00:00:01", mtu: 1500, speed_bps: 10000000000, driver: veth,
          driver_version: null, firmware: null, bus: null, offloads: {}}
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
  description: The witnesses, complete, with the age that their counters may have.
  returned: always
  type: list
  elements: dict
trials:
  description: >-
    The trials, each whole, as M(linerate_replay), M(linerate_record) and M(linerate_journal) take it
    (C(linerate.trial.model.Trial)).
  returned: always
  type: list
  elements: dict
searches:
  description: The searches, each with its C(name) and the C(ceilings), trials that show the sender's own limit.
  returned: always
  type: list
  elements: dict
ended:
  description: Ids of the trials that a resumed run has already.
  returned: always
  type: list
  elements: str
listing:
  description: The plan in words - for each trial a line and its command, and a line for all.
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
    For each send method, destination and VLAN the burst that must arrive first (C(linerate.trial.proof.Proof)); none
    without a witness.
  returned: always
  type: list
  elements: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.controller.begin import Hosts, begin
from ansible.module_utils.linerate.controller.options import RUN, SCENARIO, scenario_of
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.results.store import RunFolder
from ansible.module_utils.linerate.trial.engines.base import Resources
from ansible.module_utils.linerate.trial.plan_text import listing, pcaps_of, searching
from ansible.module_utils.linerate.trial.proof import ProofLoad, proofs


def main() -> None:
    module = AnsibleModule(argument_spec={**RUN, **SCENARIO}, supports_check_mode=True)
    given = module.params
    results = Path(given["results_dir"])
    try:
        scenario = scenario_of(given)
        resources = Resources(**given["resources"])
        hosts = Hosts({"receiver": None, **given["environment"]}, given["unavailable"], given["lab"], resources)
        run, trials = begin(given["run_id"], scenario, given["manifests"], hosts)
        bursts = proofs(trials, ProofLoad(**given["proof"]), given["deadline_margin"])
        ended: tuple[str, ...] = ()
        if given["resume"]:
            _, ended = RunFolder.resume(results, run, Path(given["schemas_dir"]))
        elif module.check_mode:
            RunFolder.probe(results)
        else:
            RunFolder.create(results, run, Path(given["schemas_dir"]))
    except LinerateError as error:
        module.fail_json(msg=str(error))
    by_id = {trial.trial_id: trial for trial in trials}
    module.exit_json(
        changed=True,
        run_dir=str(results / given["run_id"]),
        plan=run["plan"],
        witnesses=[witness.to_json() for witness in scenario.witnesses],
        trials=[trial.to_json() for trial in trials],
        searches=[
            {"name": one["name"], "ceilings": [by_id[id_].to_json() for id_ in one["ceilings"]]}
            for one in run["searches"]
        ],
        ended=list(ended),
        listing=[*listing(trials), *searching(run["searches"], trials)],
        pcaps=pcaps_of(trials),
        proofs=[burst.to_json() for burst in bursts] if scenario.witnesses else [],
    )


if __name__ == "__main__":
    main()
