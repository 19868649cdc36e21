#!/usr/bin/python
"""Replace the stock driver of a NIC by the patched one: a thin layer over linerate.packages.netmap.rebind."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_driver
short_description: Replace the stock driver of a NIC by the patched one
description:
  - Loads netmap, and then, when O(drivers) contains the driver of O(interface), the patched driver instead of the
    stock one. The interface reappears under its name, with its settings and its link. When it does not, the stock
    driver is restored, and the module fails.
  - When O(drivers) does not contain the driver of O(interface), netmap alone is loaded; its adapter is emulated.
  - An initramfs that contains another build of netmap or of O(drivers) is regenerated.
  - Nothing is changed when an interface with one of O(drivers) carries the default route or the SSH session, when
    another one than O(interface) is in use, or when a process has netmap open.
requirements:
  - kmod, iproute2, ethtool
  - the tools of the distribution for the initramfs, when there is one
extends_documentation_fragment: [linerate.interface, linerate.netmap_parameters, linerate.steps]
options:
  interface:
    description: The interface that sends. All interfaces of its driver disappear briefly.
  drivers:
    description: The drivers that were patched, by netmap's names.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Reports the steps without changing anything; the patched driver need not be installed for that.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Load the patched ixgbe
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
  description: Whether O(drivers) contains that driver; the adapter is native then, and emulated otherwise.
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
from ansible.module_utils.linerate.netmap.module import running_kernel
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.packages.netmap.build import MODULE_FOLDER
from ansible.module_utils.linerate.packages.netmap.initramfs import SECONDS, refresh
from ansible.module_utils.linerate.packages.netmap.rebind import Swap, go_native, refuse
from ansible.module_utils.linerate.packages.netmap.recipe import module_names
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
    options, check = module.params, module.check_mode
    drivers = module_names(options["drivers"])
    parameters = {name: str(value) for name, value in options["parameters"].items()}
    builds = {name: f"{MODULE_FOLDER}/{name}.ko" for name in ("netmap", *drivers)}
    steps: list[str] = []
    try:
        interface = interface_name(options["interface"], run)
        swap = Swap(interface, drivers, session_environment(os.environ))
        refuse(swap, run)
        driver = driver_of(interface)
        steps += go_native(swap, parameters, run, check)
        steps += refresh(builds, running_kernel(), partial(run, timeout=SECONDS), check)
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
