#!/usr/bin/python
"""Give a sender its stock driver and its NIC's settings back, without netmap: a thin layer over the core."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_restore
short_description: Give a sender its stock driver and its NIC's settings back, without netmap
description:
  - Removes the files of every installed package of netmap, has the stock build of every patched driver loaded,
    unloads netmap, and makes an initramfs anew that holds netmap.
  - Gives O(interface) the settings it was found with before the first trial, where they were stored.
  - Nothing is changed where a patched driver is loaded and O(rebind_ok) is false, where an interface that would go
    away carries the default route or the SSH session, or is in use and is not O(interface), or where a process has
    netmap open.
requirements:
  - kmod, iproute2, ethtool
options:
  interface:
    description: The interface that sent.
    type: str
    required: true
  rebind_ok:
    description: Whether all interfaces of a patched driver may go away for a moment.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says what would be done, without doing it.
  diff_mode:
    support: full
    description: Shows the steps.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Have the sender as it was found
  linerate_restore:
    interface: ens17
    rebind_ok: true
"""

RETURN = r"""
steps:
  description: The commands and file changes that were needed, in order.
  returned: success
  type: list
  elements: str
  sample: ["rmmod ixgbe", "modprobe ixgbe", "rmmod netmap"]
"""

import os
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.host.run import run
from ansible.module_utils.linerate.host.session import session_environment
from ansible.module_utils.linerate.netmap.remove import remove

INITRAMFS_SECONDS = 1800


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "rebind_ok": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    environment = session_environment(os.environ)
    patient = partial(run, timeout=INITRAMFS_SECONDS)
    try:
        steps = remove(given["interface"], environment, given["rebind_ok"], patient, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps), steps=steps, diff={"before": "", "after": "".join(f"{step}\n" for step in steps)}
    )


if __name__ == "__main__":
    main()
