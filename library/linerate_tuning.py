#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Tune a sender: a thin layer over linerate.tuning.tune."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_tuning
short_description: Tune a sender
description:
  - Sets the governor of the CPUs and the rings, flow control, offloads and interrupts of one NIC, and isolates a CPU.
  - The original settings are stored on the host before the first change; M(linerate_restore) restores them. A reboot
    undoes the tuning, too.
  - Settings that the host does not support are returned in RV(unavailable). The module fails, before any change, only
    where such a setting has another value than the default.
  - Nothing is changed where O(interface) carries the default route, the SSH session or other traffic, or where a trial
    is running.
  - Settings that an interrupted trial changed are restored first; otherwise the next trial would restore them and
    overwrite the tuning.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.interface, linerate.destinations]
author:
  - The linerate contributors
requirements:
  - ethtool, iproute2
options:
  consent:
    description: Whether the host may be changed. If false, the module only returns what it would change.
    type: bool
    default: false
  allow_destinations:
    default: [198.18.0.0/15, "2001:2::/48"]
  governor:
    description: cpufreq governor of every CPU, or V(leave).
    type: str
    default: performance
  flow_control:
    description: Whether the NIC obeys and sends PAUSE frames (IEEE 802.3x), or V(leave).
    type: str
    choices: ["on", "off", leave]
    default: "off"
  rings:
    description: Descriptors in the NIC's rings, V(max) for the maximum, or V(leave). A change may reset the link.
    type: str
    default: max
  offloads:
    description: Offloads by the names of C(ethtool -K), each true or false. The others are left unchanged.
    type: dict
    default: {}
  irq_affinity:
    description:
      - V(away) moves the interrupts of the NIC off O(core); a list of CPUs such as V(0-2,5) moves them there; V(leave)
        leaves them unchanged.
    type: str
    default: away
  core:
    description: The CPU that M(linerate_replay) pins tcpreplay to. Without it the scheduler chooses.
    type: int
  isolate:
    description:
      - Whether to isolate O(core) from all other processes, by an isolated partition of cgroup v2, where the kernel
        supports it.
      - Kernel threads bound to the CPU stay; only the kernel option C(isolcpus), which needs a reboot, isolates more.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Returns what would be changed, without changing it.
  diff_mode:
    support: full
    description: Shows the settings that differ, before and after.
"""

EXAMPLES = r"""
- name: Tune the sender and isolate a CPU for tcpreplay
  linerate_tuning:
    interface: ens17
    consent: true
    core: 3

- name: Turn segmentation offloads off and leave the rest unchanged
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
    For each C(aspect) that is not left unchanged the settings C(found) and C(wanted), the C(steps) from the former to
    the latter, and why it is C(unavailable).
  returned: success
  type: list
  elements: dict
unavailable:
  description: Why the host does not support an aspect, by the aspect's name.
  returned: success
  type: dict
  sample: {governor: the kernel has no cpufreq}
report:
  description: One line per aspect and per warning.
  returned: success
  type: list
  elements: str
"""

import os
from dataclasses import asdict, fields

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from ansible.module_utils.linerate.system.lease import refuse_leased
from ansible.module_utils.linerate.system.lock import sole_sender
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.system.ssh_client import session_environment
from ansible.module_utils.linerate.trial.nic_session import recover
from ansible.module_utils.linerate.tuning.aspect import TuningOptions
from ansible.module_utils.linerate.tuning.tune import Host, diff, status_lines, tune, warnings

SPEC = {
    "interface": {"type": "str", "required": True},
    "consent": {"type": "bool", "default": False},
    "allow_destinations": {"type": "list", "elements": "str", "default": [*BENCHMARK_NETWORKS]},
    "governor": {"type": "str", "default": TuningOptions.governor},
    "flow_control": {"type": "str", "choices": ["on", "off", "leave"], "default": TuningOptions.flow_control},
    "rings": {"type": "str", "default": TuningOptions.rings},
    "offloads": {"type": "dict", "default": {}},
    "irq_affinity": {"type": "str", "default": TuningOptions.irq_affinity},
    "core": {"type": "int"},
    "isolate": {"type": "bool", "default": TuningOptions.isolate},
}


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    consent = module.params["consent"]
    try:
        module.params["interface"] = interface_name(module.params["interface"], run)
        allowed = AllowedDestinations(module.params["allow_destinations"])
        host = Host(run, session_environment(os.environ), benchmark=allowed.holds)
        options = TuningOptions(**{field.name: module.params[field.name] for field in fields(TuningOptions)})
        if consent and not module.check_mode:
            refuse_leased()
        restored = restore_interrupted(options.interface, host) if consent and not module.check_mode else ()
        aspects = tune(options, host, consent, module.check_mode)
        steps = [f"restored after an interrupted trial: {step}" for step in restored]
        lines = [*steps, *status_lines(aspects, consent), *warnings(options, host)]
    except LinerateError as error:
        module.fail_json(msg=str(error))
    before, after = diff(aspects)
    module.exit_json(
        changed=consent and any([restored, *(aspect.steps for aspect in aspects)]),
        aspects=[asdict(aspect) for aspect in aspects],
        unavailable={aspect.aspect: aspect.unavailable for aspect in aspects if aspect.unavailable},
        report=lines,
        diff={"before": before, "after": after},
    )


def restore_interrupted(interface: str, host: Host) -> tuple[str, ...]:
    """Restore the settings that an interrupted trial changed, where the interface may be changed; returns the steps."""
    host.refuse_management(interface)
    with sole_sender(interface, "the sender's tuning"):
        return recover(interface, host.run)


if __name__ == "__main__":
    main()
