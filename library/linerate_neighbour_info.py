#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the MAC address of the next hop."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_neighbour_info
short_description: Query the MAC address of the device that a sender is connected to
description:
  - Sends an ARP request, or a neighbour solicitation for an IPv6 address, and waits some seconds for the answer.
  - The interface needs no IP address, and the neighbour table of the kernel is not changed.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.interface]
author: linerate contributors
options:
  address:
    description: IP address of the device's port.
    type: str
    required: true
  source:
    description: Source IP address of the query, such as that of the frames to send; of the network of O(address).
    type: str
    required: true
  vlan:
    description: VLAN identifier of the query; by default it has no VLAN tag.
    type: int
attributes:
  check_mode:
    description: Queries, and changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Query the MAC address of the firewall's port
  linerate_neighbour_info:
    interface: ens17
    address: 198.18.0.254
    source: 198.18.0.1
"""

RETURN = r"""
mac:
  description: The MAC address.
  returned: success
  type: str
  sample: 02:00:00:00:00:03
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.pcap.neighbour import find_neighbour
from ansible.module_utils.linerate.system.run import run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "source": {"type": "str", "required": True},
            "vlan": {"type": "int"},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        interface = interface_name(given["interface"], run)
        mac = find_neighbour(interface, given["address"], given["source"], given["vlan"])
        module.exit_json(changed=False, mac=mac)
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
