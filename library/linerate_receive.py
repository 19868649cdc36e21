#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the receiver's half of a trial."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_receive
short_description: Count arriving frames at the receiver, independently of the interface counters
description:
  - With O(state=started), starts a background process that counts the frames for O(destinations) with a packet socket,
    and returns when it counts. No frame is captured or stored.
  - Frames count although they were padded to the shortest Ethernet frame, lost a VLAN tag, or kept their FCS.
  - With O(state=stopped), returns its counts and ends it. The process also ends by itself at its deadline.
version_added: "0.1.0"
author: linerate contributors
options:
  state:
    description: Whether to start or to stop counting.
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
  destinations:
    description:
      - Where the frames to count go - IP addresses and networks, and MAC addresses for frames without IP. A capture of
        both directions has those of both ends.
    type: list
    elements: str
    aliases: [destination]
  min_frame_length:
    description: Shortest frame to count, in bytes without FCS.
    type: int
  max_frame_length:
    description: Longest frame to count, in bytes without FCS.
    type: int
  vlan_tags:
    description: How many VLAN tags a frame has at most.
    type: int
    default: 0
  promiscuous:
    description:
      - Whether to count frames for the MAC addresses of others, too. The interface is promiscuous while it counts.
    type: bool
    default: false
  deadline_seconds:
    description: Seconds after which the process ends by itself.
    type: float
  interval_seconds:
    description: Time between two samples.
    type: float
    default: 0.1
  lease:
    description:
      - The lease of the run, as M(linerate_lease) returned it, which is renewed; an error while another run holds the
        host. The counts are kept until the run's next count starts, and are returned again when asked for.
    type: dict
attributes:
  check_mode:
    description: Predicts the change; starts and stops nothing.
    support: full
"""

EXAMPLES = r"""
- name: Count arriving frames
  linerate_receive:
    state: started
    name: trial-1
    interface: lrr0
    destinations: [198.19.0.1]
    min_frame_length: 78
    max_frame_length: 78
    deadline_seconds: 60

- name: Stop counting
  linerate_receive:
    state: stopped
    name: trial-1
"""

RETURN = r"""
witness:
  description: Method, packets, and the frames that match.
  returned: when stopped
  type: dict
nic:
  description: What the receiving interface counted in the same time.
  returned: when stopped
  type: dict
counters:
  description:
    - The increase of each counter in the same time, by source - C(sysfs) of the interface, C(ethtool -S) of its driver,
      C(softnet_stat) of the whole host.
  returned: when stopped
  type: dict
samples:
  description: Packets and bytes of each interval since the first packet.
  returned: when stopped
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.receiver.process import ReceiverOptions, start, stop
from ansible.module_utils.linerate.system.lease import Lease, hold
from ansible.module_utils.linerate.system.run import run

START_OPTIONS = {
    "interface": {"type": "str"},
    "destinations": {"type": "list", "elements": "str", "aliases": ["destination"]},
    "min_frame_length": {"type": "int"},
    "max_frame_length": {"type": "int"},
    "vlan_tags": {"type": "int", "default": ReceiverOptions.vlan_tags},
    "promiscuous": {"type": "bool", "default": ReceiverOptions.promiscuous},
    "deadline_seconds": {"type": "float"},
    "interval_seconds": {"type": "float", "default": ReceiverOptions.interval_seconds},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
            "name": {"type": "str", "required": True},
            "lease": {"type": "dict"},
            **START_OPTIONS,
        },
        required_if=[
            (
                "state",
                "started",
                ["interface", "destinations", "min_frame_length", "max_frame_length", "deadline_seconds"],
            )
        ],
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode:
        module.exit_json(changed=True)
    try:
        lease = Lease.from_json(given["lease"]) if given["lease"] else None
        if lease:
            hold(lease, given["deadline_seconds"] or 0)
        if given["state"] == "started":
            given["interface"] = interface_name(given["interface"], run)
            options = {name: given[name] for name in START_OPTIONS}
            start(ReceiverOptions(name=given["name"], keep=bool(lease), **options))
            module.exit_json(changed=True)
        module.exit_json(changed=True, **stop(given["name"]).to_json())
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
