#!/usr/bin/python
"""Create or remove the embedded lab: a thin layer over linerate.lab.namespaces."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_lab
short_description: Create or remove the embedded lab of a sender and a receiver
description:
  - Creates two network namespaces, C(linerate-sender1) and C(linerate-receiver1), joined by a veth pair
    (C(lrs0) and C(lrr0), MTU 1500, fixed MAC addresses, no IP addresses, no IPv6).
  - Where this process may not create namespaces, the lab is the loopback interface instead, which needs only
    CAP_NET_RAW.
  - The type of the lab is stored in C(/run/linerate/lab.json).
  - Changes nothing but these namespaces, and fails where they contain anything else.
requirements:
  - iproute2, util-linux and procps on the host
extends_documentation_fragment: [linerate.state, linerate.steps]
options:
  state:
    description: State of the lab.
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
