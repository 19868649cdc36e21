#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the environment a number belongs to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_environment_info
short_description: Read the environment that belongs to a measurement
description:
  - Reads kernel, CPU, memory, the state of one interface, and which send methods are available on it.
  - Reads what the host is (bare metal or a guest, of which hypervisor) and how the interface is attached to it, and
    warns where that limits the rate.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.interface, linerate.cpu, linerate.reads]
author: linerate contributors
options:
  interface:
    description: The interface that sends or receives, by its name or an alternative name.
  tcpreplay_has_netmap:
    description: Whether the host's tcpreplay is built with netmap.
    type: bool
    default: false
  xdp_attach_ok:
    description: Whether an XDP program may be attached to the interface; without it, xdp is not offered zero-copy.
    type: bool
    default: false
  cpu:
    description: The one CPU that tcpreplay is to run on. A CPU that is not online is refused.
"""

EXAMPLES = r"""
- name: Read the sender's environment
  linerate_environment_info:
    interface: lrs0
"""

RETURN = r"""
environment:
  description: Kernel, os, cpu_model, cpus, memory_bytes, governor, python, machine, nic, attachment, tuning.
  returned: always
  type: dict
described:
  description: The machine, the attachment, the best adapters of the driver, and the limits, in words.
  returned: always
  type: dict
unavailable:
  description: >-
    By engine, and by engine and adapter (C(netmap-native)), why it cannot send on the interface; null when it can.
  returned: always
  type: dict
resources:
  description: >-
    C(automatic), the number of processes for C(auto), which are the cores of the interface's NUMA node without one, at
    most its transmit queues; C(queues), its transmit queues; C(lockable_bytes) and C(free_bytes) of memory, null for no
    limit and not known.
  returned: always
  type: dict
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.trial.engines.base import XDP_ATTACH_OK, SenderHost, availability
from ansible.module_utils.linerate.trial.engines.registry import engines
from ansible.module_utils.linerate.trial.environment import describe_host, read_environment, resources_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "tcpreplay_has_netmap": {"type": "bool", "default": False},
            "xdp_attach_ok": {"type": "bool", "default": False},
            "cpu": {"type": "int"},
        },
        supports_check_mode=True,
    )
    features = {"netmap": module.params["tcpreplay_has_netmap"], XDP_ATTACH_OK: module.params["xdp_attach_ok"]}
    try:
        interface = interface_name(module.params["interface"], run)
        host = SenderHost(interface, frozenset(name for name, has in features.items() if has))
        environment = read_environment(interface, run, cpu=module.params["cpu"])
        for limit in environment["attachment"]["limits"]:
            module.warn(f"{interface}: {limit}")
        module.exit_json(
            changed=False,
            environment=environment,
            described=describe_host(environment),
            resources=asdict(resources_of(interface)),
            unavailable=availability(engines(), host),
        )
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
