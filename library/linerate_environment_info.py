#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the environment a number belongs to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_environment_info
short_description: Read the environment that belongs to a measurement
description: Reads kernel, CPU, memory, and the state of one interface, and whether netmap can be used on it.
version_added: "0.1.0"
author: linerate contributors
options:
  interface:
    description: The interface that sends or receives.
    type: str
    required: true
  tcpreplay_has_netmap:
    description: Whether the host's tcpreplay is built with netmap.
    type: bool
    default: false
  cpu:
    description: The one CPU that tcpreplay is to be pinned to. One that does not run is refused.
    type: int
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Read the sender's environment
  linerate_environment_info:
    interface: lrs0
"""

RETURN = r"""
environment:
  description: Kernel, os, cpu_model, cpus, memory_bytes, governor, python, nic, tuning.
  returned: always
  type: dict
netmap_unavailable:
  description: Why netmap cannot send on the interface; null when it can.
  returned: always
  type: str
native_unavailable:
  description: Why netmap's adapter of the interface cannot be native; null when it can.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.netmap.availability import native_unavailable_reason, unavailable_reason
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.trial.environment import read_environment


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "tcpreplay_has_netmap": {"type": "bool", "default": False},
            "cpu": {"type": "int"},
        },
        supports_check_mode=True,
    )
    interface = module.params["interface"]
    try:
        module.exit_json(
            changed=False,
            environment=read_environment(interface, run, cpu=module.params["cpu"]),
            netmap_unavailable=unavailable_reason(interface, module.params["tcpreplay_has_netmap"]),
            native_unavailable=native_unavailable_reason(interface),
        )
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
