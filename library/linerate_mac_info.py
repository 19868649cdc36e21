#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the MAC address of an interface."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_mac_info
short_description: Read the MAC address of an interface
description:
  - Reads the MAC address of an interface of the host, which fails if the interface does not exist.
version_added: "0.1.0"
author: linerate contributors
options:
  interface:
    description: The interface, by its name or an alternative name.
    type: str
    required: true
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Read the MAC address of the receiving interface
  linerate_mac_info:
    interface: lrr0
"""

RETURN = r"""
mac:
  description: The MAC address; empty for the loopback interface, which has none.
  returned: success
  type: str
  sample: 02:00:00:00:00:02
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name, read_mac
from ansible.module_utils.linerate.system.run import run


def main() -> None:
    module = AnsibleModule(
        argument_spec={"interface": {"type": "str", "required": True}},
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, mac=read_mac(interface_name(module.params["interface"], run)))
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
