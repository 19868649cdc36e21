#!/usr/bin/python
"""Have a NIC's patched driver in place of the stock one: a thin layer over linerate.packages.netmap.rebind."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_driver
short_description: Have a NIC's patched driver in place of the stock one
description:
  - Loads netmap, then the patched driver of O(interface) in place of the loaded stock one, where O(drivers) holds
    it. The interface comes back under its name, as it was, and with its carrier. Where it does not, the stock driver
    takes its place again, and the module fails.
  - Where O(drivers) does not hold the driver of O(interface), netmap alone is loaded; its adapter is emulated.
  - An initramfs that holds another build of netmap or of O(drivers) is made anew.
  - Nothing is changed where an interface with one of O(drivers) carries the default route or the SSH session, or
    is in use and is not O(interface), or where a process has netmap open.
requirements:
  - kmod, iproute2, ethtool
  - what the distribution makes its initramfs with, where it has one
options:
  interface:
    description: The interface that sends. All interfaces of its driver go away for a moment.
    type: str
    required: true
  drivers:
    description: The drivers that were patched, by netmap's names.
    type: list
    elements: str
    required: true
  parameters:
    description: Parameters of the kernel module netmap, with values as the kernel writes them.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Says what would be done, without doing it; the patched driver need not be installed for that.
  diff_mode:
    support: full
    description: Shows the steps.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Have the patched ixgbe
  netmap_driver:
    interface: ens17
    drivers: [ixgbe]
"""

RETURN = r"""
driver:
  description: The driver of the interface.
  returned: success
  type: str
  sample: ixgbe
patched:
  description: Whether that is one of the patched ones; its adapter is native then, and emulated otherwise.
  returned: success
  type: bool
steps:
  description: The commands and file changes that were needed, in order.
  returned: success
  type: list
  elements: str
  sample: ["rmmod ixgbe", "modprobe netmap", "modprobe ixgbe"]
"""

import os
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.netmap.adapter import driver_of
from ansible.module_utils.linerate.packages.netmap.build import MODULE_FOLDER
from ansible.module_utils.linerate.packages.netmap.initramfs import SECONDS, refresh
from ansible.module_utils.linerate.packages.netmap.install import running_kernel
from ansible.module_utils.linerate.packages.netmap.rebind import Swap, go_native, modules_of, refuse
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.system.ssh_client import session_environment


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "drivers": {"type": "list", "elements": "str", "required": True},
            "parameters": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given, check = module.params, module.check_mode
    drivers = modules_of(given["drivers"])
    swap = Swap(given["interface"], drivers, session_environment(os.environ))
    parameters = {name: str(value) for name, value in given["parameters"].items()}
    wanted = {name: f"{MODULE_FOLDER}/{name}.ko" for name in ("netmap", *drivers)}
    steps: list[str] = []
    try:
        refuse(swap, run)
        driver = driver_of(given["interface"])
        steps += go_native(swap, parameters, run, check)
        steps += refresh(wanted, running_kernel(), partial(run, timeout=SECONDS), check)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps),
        driver=driver,
        patched=driver in drivers,
        steps=steps,
        diff={"before": "", "after": "".join(f"{step}\n" for step in steps)},
    )


if __name__ == "__main__":
    main()
