#!/usr/bin/python
"""Create or remove the embedded lab: a thin layer over linerate.lab.namespaces."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_lab
short_description: Create or remove the embedded lab
description:
  - Creates the hosts of a bench as network namespaces, and its cables as veth pairs (MTU 1500, fixed MAC addresses).
    Hosts have no IP addresses and no IPv6; only the ports of a device have an address.
  - Benches of different O(topology) exist next to each other. Their namespaces are C(linerate-sender1) and
    C(linerate-receiver1) of V(direct), and otherwise C(linerate-<topology>-<host>).
  - The ports are C(lrs0) of the sender, C(lrr0) of the receiver, and C(lrd0) (to the sender) and C(lrd1) of the device.
  - A device has an SNMP agent (net-snmp), which only this machine can query, at UDP O(snmp_port) of the loopback
    address; by version 2c with the community C(linerate-lab), or version 3 with the user C(linerate), the
    authentication password C(linerate-lab-auth) (SHA256) and the privacy password C(linerate-lab-priv) (AES128).
  - Where this process may not create namespaces, V(direct) is the loopback interface instead, which needs only
    CAP_NET_RAW; the others fail.
  - The type of the lab is stored in C(/run/linerate/lab.json), and for other benches in
    C(/run/linerate/lab-<topology>.json).
  - Changes nothing but these namespaces, and fails where they contain anything else.
requirements:
  - iproute2, util-linux and procps on the host, and net-snmp for a device
extends_documentation_fragment: [linerate.state, linerate.steps]
options:
  state:
    description: State of the lab.
  topology:
    description:
      - V(direct) is a sender and a receiver, connected by a cable.
      - V(second-port) is a sender whose own second port receives.
      - V(firewall) is a sender and a device that forwards nothing. The device has the address 198.18.0.254.
      - V(device) is a sender, a device that forwards, and a receiver behind it with the address 198.19.0.1.
      - V(device-ipv6) is the same with IPv6 only, the device 2001:2::fe and the receiver 2001:2:0:1::1.
    type: str
    choices: [direct, second-port, firewall, device, device-ipv6]
    default: direct
  snmp_port:
    description: UDP port of the device's SNMP agent.
    type: int
    default: 1161
attributes:
  diff_mode:
    description: Shows the commands and file changes.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Create the lab
  linerate_lab:
    state: present

- name: Create a lab with a firewall
  linerate_lab:
    topology: firewall

- name: Remove the lab
  linerate_lab:
    state: absent
"""

RETURN = r"""
backend:
  description: Type of the lab, C(netns) or C(loopback); null where it is absent.
  returned: success
  type: str
  sample: netns
reason:
  description: Why it is of this type; null where the lab is absent.
  returned: success
  type: str
  sample: "this process may not create network namespaces: CAP_SYS_ADMIN and CAP_NET_ADMIN are missing"
steps:
  description: The commands and file changes, in order.
  returned: success
  type: list
  elements: str
  sample: ["ip netns add linerate-sender1"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.lab import namespaces as lab
from ansible.module_utils.linerate.lab.agent import PORT
from ansible.module_utils.linerate.lab.topology import DIRECT, TOPOLOGIES
from ansible.module_utils.linerate.system.run import run


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "topology": {"type": "str", "choices": list(TOPOLOGIES), "default": DIRECT.name},
            "snmp_port": {"type": "int", "default": PORT},
        },
        supports_check_mode=True,
    )
    bench = lab.Lab(TOPOLOGIES[module.params["topology"]], snmp_port=module.params["snmp_port"])
    wanted = lab.present if module.params["state"] == "present" else lab.absent
    try:
        change = wanted(run, bench, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=change.changed,
        backend=change.state.backend if change.state else None,
        reason=change.state.reason if change.state else None,
        steps=list(change.steps),
        diff={"before": "", "after": "".join(f"{step}\n" for step in change.steps)},
    )


if __name__ == "__main__":
    main()
