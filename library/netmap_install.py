#!/usr/bin/python
"""Install a package of netmap and load it: a thin layer over linerate.packages.netmap.install."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_install
short_description: Install a package of netmap and load the module
description:
  - Puts the modules below C(/lib/modules/<release>/updates/netmap) and the headers below C(/usr/local), gives
    SELinux labels where SELinux is enabled, runs depmod, and loads netmap by name.
  - What was installed is stored in C(/var/lib/linerate/netmap), last. Files of an earlier package are removed.
  - A package of another kernel than the one that runs is refused.
  - What builds of netmap that were killed left in O(work) is removed.
requirements:
  - kmod
options:
  package:
    description: The package that the module netmap_build made, on this host.
    type: path
    required: true
  parameters:
    description: Parameters of the kernel module netmap, with values as the kernel writes them.
    type: dict
    default: {}
  load:
    description: Whether to load netmap as well; the module netmap_driver does it where a driver is swapped.
    type: bool
    default: true
  work:
    description: The folder that builds make theirs in; those that a build works in stay.
    type: path
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
- name: Install netmap
  netmap_install:
    package: /var/lib/linerate/packages/netmap-89607e1406c1-6.1.0-56-amd64-7c9e2f5d0b1a4e63.tar.gz
    parameters:
      buf_num: 16384
    work: /var/tmp
"""

RETURN = r"""
commit:
  description: The commit of netmap that is installed.
  returned: success
  type: str
steps:
  description: The commands and file changes that were needed, in order.
  returned: success
  type: list
  elements: str
  sample: ["depmod -a 6.1.0-56-amd64", "modprobe netmap"]
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.build_folders import remove_left
from ansible.module_utils.linerate.packages.netmap.build import WORK
from ansible.module_utils.linerate.packages.netmap.install import install, load
from ansible.module_utils.linerate.system.run import run

PATIENT_SECONDS = 900
"""depmod reads every module of the kernel, which takes minutes on an emulated host that is busy."""


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "package": {"type": "path", "required": True},
            "parameters": {"type": "dict", "default": {}},
            "load": {"type": "bool", "default": True},
            "work": {"type": "path"},
        },
        supports_check_mode=True,
    )
    patient = partial(run, timeout=PATIENT_SECONDS)
    parameters = {name: str(value) for name, value in module.params["parameters"].items()}
    try:
        installed = install(module.params["package"], patient, check=module.check_mode)
        steps = [*installed.steps]
        if module.params["load"]:
            steps += load(parameters, patient, check=module.check_mode)
        if module.params["work"]:
            steps += remove_left(module.params["work"], WORK, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps),
        commit=installed.manifest.commit,
        steps=steps,
        diff={"before": "", "after": "".join(f"{step}\n" for step in steps)},
    )


if __name__ == "__main__":
    main()
