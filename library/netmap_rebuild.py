#!/usr/bin/python
"""Make a host rebuild netmap at the first boot of a new kernel: a thin layer over linerate.packages.netmap.boot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_rebuild
short_description: Make a host rebuild netmap at the first boot of a new kernel
description:
  - Installs the unit C(linerate-netmap.service), its program (below C(/usr/local/lib/linerate)) and the settings of
    the build, enables the unit, and starts it once.
  - When the requested netmap is installed and loaded for the running kernel, the unit does nothing. Otherwise it
    builds, installs and loads it, and writes the result as one line to the journal.
requirements:
  - systemd, and Python 3.9 or newer as C(/usr/bin/python3)
extends_documentation_fragment: [linerate.state, linerate.steps]
options:
  state:
    description: Whether the unit is installed.
  options:
    description: The recipe, as the option C(netmap) of the module linerate_build; without the kernel.
    type: dict
  source:
    description: The archive of netmap's source on this host; it must stay there.
    type: path
  packages:
    description: The folder of packages on this host.
    type: path
  work:
    description: The folder to build in; it needs about 200 MB of free space.
    type: path
  interface:
    description: The interface that sends; its driver is replaced at boot when O(options) patch it.
    type: str
    default: ""
  timeout:
    description: Time limit of each step of the build, in seconds.
    type: int
    default: 3600
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Rebuild netmap at the first boot of a new kernel
  netmap_rebuild:
    options:
      commit: 89607e1406c1fa5ac2106bd2ff33417f090c0d60
      drivers: []
      no_ext_drivers: []
      select_versions: {}
      kernel_sources: null
      archives: []
      signing: null
    source: /var/lib/linerate/netmap/source/netmap-89607e1406c1fa5ac2106bd2ff33417f090c0d60.tar.gz
    packages: /var/lib/linerate/packages
    work: /var/tmp

- name: Do not rebuild netmap for new kernels
  netmap_rebuild:
    state: absent
"""

RETURN = r"""
steps:
  description: The commands and file changes that were needed, in order.
  returned: success
  type: list
  elements: str
  sample: ["systemctl enable linerate-netmap.service"]
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.netmap.boot import program_files, set_up, take_down
from ansible.module_utils.linerate.packages.netmap.rebuild import Settings
from ansible.module_utils.linerate.system.run import run

SETTINGS = ("options", "source", "packages", "work")


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "options": {"type": "dict"},
            "source": {"type": "path"},
            "packages": {"type": "path"},
            "work": {"type": "path"},
            "interface": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 3600},
        },
        required_if=[("state", "present", SETTINGS)],
        supports_check_mode=True,
    )
    values, check = module.params, module.check_mode
    patient = partial(run, timeout=values["timeout"])
    try:
        if values["state"] == "present":
            settings = Settings(**{name: values[name] for name in (*SETTINGS, "interface", "timeout")})
            steps = set_up(settings, program_files(), patient, check)
        else:
            steps = take_down(patient, check)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps),
        steps=list(steps),
        diff={"before": "", "after": "".join(f"{step}\n" for step in steps)},
    )


if __name__ == "__main__":
    main()
