#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Set a sender's host for sending: thin over the core."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_tuning
short_description: Set a sender's host for sending
description:
  - Sets the governor of the CPUs, and the rings, flow control, offloads and interrupts of one NIC, and isolates a core.
  - What each was found with is stored on the host before it is changed for the first time; M(linerate_restore) sets
    it back. A reboot undoes all of it, too.
  - What the host has not is returned in RV(unavailable). It fails only where another value than the default was asked
    for, and before anything is changed.
  - Nothing is changed where O(interface) carries the default route, the SSH session or other traffic, or a trial runs.
  - What an interrupted trial left is put back first, since the next trial would put it back over what is set here.
version_added: "0.1.0"
author: linerate contributors
requirements:
  - ethtool, iproute2
options:
  interface:
    description: The interface that sends.
    type: str
    required: true
  consent:
    description: Whether anything may be changed; without it the module says what would be.
    type: bool
    default: false
  allow_destinations:
    description: >-
      IP networks of the benchmark. An address of O(interface) that is in none of them is one in use, so the interface
      is refused.
    type: list
    elements: str
    default: [198.18.0.0/15, "2001:2::/48"]
  governor:
    description: cpufreq governor of every CPU, or V(leave).
    type: str
    default: performance
  flow_control:
    description: Whether the NIC heeds and sends PAUSE frames (IEEE 802.3x), or V(leave).
    type: str
    choices: ["on", "off", leave]
    default: "off"
  rings:
    description: Descriptors in the NIC's rings, V(max) for the most it can have, or V(leave). It may reset the link.
    type: str
    default: max
  offloads:
    description: Offloads by the names of C(ethtool -K), each true or false; those not named are left.
    type: dict
    default: {}
  irq_affinity:
    description:
      - V(away) moves the interrupts of the NIC off O(core); or a list of CPUs that they go to, such as V(0-2,5); or
        V(leave).
    type: str
    default: away
  core:
    description: The CPU that tcpreplay is pinned to, by M(linerate_replay); by default the scheduler chooses.
    type: int
  isolate:
    description:
      - Whether O(core) is taken from all other processes, by an isolated partition of cgroup v2, where the kernel
        allows that.
      - Threads that the kernel bound to the CPU stay; only its option C(isolcpus), with a reboot, takes more away.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Says what would be changed, without changing it.
  diff_mode:
    support: full
    description: Shows the settings that differ, before and after.
"""

EXAMPLES = r"""
- name: Have the sender at its best, on a core of its own
  linerate_tuning:
    interface: ens17
    consent: true
    core: 3

- name: Send without the NIC's segmentation, and leave the rest
  linerate_tuning:
    interface: ens17
    consent: true
    governor: leave
    flow_control: leave
    rings: leave
    irq_affinity: leave
    offloads:
      tso: false
      gso: false
"""

RETURN = r"""
aspects:
  description: >-
    For each aspect that is not left its name, the settings it was C(found) with now, those C(wanted), the C(steps) from
    the ones to the others, and why it is C(unavailable).
  returned: success
  type: list
  elements: dict
unavailable:
  description: Why the host has an aspect not, by its name.
  returned: success
  type: dict
  sample: {governor: the kernel offers no cpufreq}
report:
  description: A line for each aspect, and for what a person should know.
  returned: success
  type: list
  elements: str
"""

import os
from dataclasses import asdict, fields

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from ansible.module_utils.linerate.system.lock import sole_sender
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.system.ssh_client import session_environment
from ansible.module_utils.linerate.trial.nic_session import recover
from ansible.module_utils.linerate.tuning.aspect import Wishes
from ansible.module_utils.linerate.tuning.tune import Host, notes, report, shown, tune

SPEC = {
    "interface": {"type": "str", "required": True},
    "consent": {"type": "bool", "default": False},
    "allow_destinations": {"type": "list", "elements": "str", "default": [*BENCHMARK_NETWORKS]},
    "governor": {"type": "str", "default": "performance"},
    "flow_control": {"type": "str", "choices": ["on", "off", "leave"], "default": "off"},
    "rings": {"type": "str", "default": "max"},
    "offloads": {"type": "dict", "default": {}},
    "irq_affinity": {"type": "str", "default": "away"},
    "core": {"type": "int"},
    "isolate": {"type": "bool", "default": True},
}


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    consent = module.params["consent"]
    try:
        allowed = AllowedDestinations(module.params["allow_destinations"])
        host = Host(run, session_environment(os.environ), benchmark=allowed.holds)
        wishes = Wishes(**{field.name: module.params[field.name] for field in fields(Wishes)})
        put_back = recovered(wishes.interface, host) if consent and not module.check_mode else ()
        aspects = tune(wishes, host, consent, module.check_mode)
        said = [f"left by an interrupted trial: {step}" for step in put_back]
        lines = [*said, *report(aspects, consent), *notes(wishes, host)]
    except LinerateError as error:
        module.fail_json(msg=str(error))
    before, after = shown(aspects)
    module.exit_json(
        changed=consent and any([put_back, *(aspect.steps for aspect in aspects)]),
        aspects=[asdict(aspect) for aspect in aspects],
        unavailable={aspect.aspect: aspect.unavailable for aspect in aspects if aspect.unavailable},
        report=lines,
        diff={"before": before, "after": after},
    )


def recovered(interface: str, host: Host) -> tuple[str, ...]:
    """The steps that put back what an interrupted trial left, where this interface may be touched."""
    host.refuse_management(interface)
    with sole_sender(interface, "the sender's tuning"):
        return recover(interface, host.run)


if __name__ == "__main__":
    main()
