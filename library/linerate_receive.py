#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the receiver's half of a trial."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_receive
short_description: Count arriving frames at the receiver, beside the interface's own counters
description:
  - With O(state=started), starts a background process that counts with a packet socket the IPv4 frames for
    O(destination), and returns when it counts. Nothing is captured or stored.
  - With O(state=stopped), asks it for its counts; the process ends. It also ends by itself at its deadline.
version_added: "0.1.0"
author: linerate contributors
options:
  state:
    description: Whether to begin or to end counting.
    type: str
    choices: [started, stopped]
    required: true
  name:
    description: Name of the count, a plain file name.
    type: str
    required: true
  interface:
    description: Receiving interface.
    type: str
  destination:
    description: IPv4 address or network of the frames to count.
    type: str
  min_frame_length:
    description: Shortest frame to count, in bytes without FCS.
    type: int
  max_frame_length:
    description: Longest frame to count, in bytes without FCS.
    type: int
  vlan:
    description: Whether the frames carry a VLAN tag.
    type: bool
    default: false
  deadline_seconds:
    description: When the process ends by itself.
    type: float
  interval_seconds:
    description: Time between two samples.
    type: float
    default: 1.0
attributes:
  check_mode:
    description: Starts and stops nothing.
    support: full
"""

EXAMPLES = r"""
- name: Count what arrives
  linerate_receive:
    state: started
    name: trial-1
    interface: lrr0
    destination: 198.19.0.1
    min_frame_length: 78
    max_frame_length: 78
    deadline_seconds: 60

- name: End the count
  linerate_receive:
    state: stopped
    name: trial-1
"""

RETURN = r"""
witness:
  description: Method, packets, and which frames were counted.
  returned: when stopped
  type: dict
nic:
  description: What the receiving interface itself counted in the same time.
  returned: when stopped
  type: dict
counters:
  description:
    - What moved in the same time, by source, C(sysfs) of the interface, C(ethtool -S) of its driver, C(softnet_stat) of
      the whole host.
  returned: when stopped
  type: dict
samples:
  description: Packets and bytes received in each interval, since the first arrived.
  returned: when stopped
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.receiver.process import ReceiverOptions, start, stop

STARTING = {
    "interface": {"type": "str"},
    "destination": {"type": "str"},
    "min_frame_length": {"type": "int"},
    "max_frame_length": {"type": "int"},
    "vlan": {"type": "bool", "default": False},
    "deadline_seconds": {"type": "float"},
    "interval_seconds": {"type": "float", "default": 1.0},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
            "name": {"type": "str", "required": True},
            **STARTING,
        },
        required_if=[
            (
                "state",
                "started",
                ["interface", "destination", "min_frame_length", "max_frame_length", "deadline_seconds"],
            )
        ],
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode:
        module.exit_json(changed=True)
    try:
        if given["state"] == "started":
            start(ReceiverOptions(name=given["name"], **{name: given[name] for name in STARTING}))
            module.exit_json(changed=True)
        module.exit_json(changed=True, **stop(given["name"]))
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
