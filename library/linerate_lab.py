#!/usr/bin/python
"""Make or remove the embedded lab: a thin layer over linerate.lab.namespaces."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_lab
short_description: Make or remove the embedded lab of a sender and a receiver
description:
  - Makes two network namespaces, C(linerate-sender1) and C(linerate-receiver1), joined by a veth pair
    (C(lrs0) and C(lrr0), MTU 1500, fixed MAC addresses, no IP addresses, no IPv6).
  - Where this process may not make namespaces, the lab is the loopback interface instead, which needs
    CAP_NET_RAW only.
  - What the lab is made of is stored in C(/run/linerate/lab.json).
  - Touches nothing but these names, and refuses them by name where they hold something else.
requirements:
  - iproute2, util-linux and procps on the host
options:
  state:
    description: Whether the lab is to be there.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: Says what would be done, without doing it.
  diff_mode:
    support: full
    description: Shows the commands and file changes.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Make the lab
  linerate_lab:
    state: present

- name: Remove the lab
  linerate_lab:
    state: absent
"""

RETURN = r"""
backend:
  description: What the lab is made of; null where it is absent.
  returned: success
  type: str
  sample: netns
reason:
  description: Why it is made of that; null where the lab is absent.
  returned: success
  type: str
  sample: "this process may not make network namespaces: CAP_SYS_ADMIN and CAP_NET_ADMIN are missing"
steps:
  description: The commands and file changes that were needed, in order.
  returned: success
  type: list
  elements: str
  sample: ["ip netns add linerate-sender1"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.lab import namespaces as lab
from ansible.module_utils.linerate.system.run import run


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}},
        supports_check_mode=True,
    )
    wanted = lab.present if module.params["state"] == "present" else lab.absent
    try:
        change = wanted(run, check=module.check_mode)
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
