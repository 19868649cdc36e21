#!/usr/bin/python
"""Have a host rebuild netmap at the first boot of a new kernel: a thin layer over linerate.packages.netmap.boot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_rebuild
short_description: Have a host rebuild netmap at the first boot of a new kernel
description:
  - Puts the unit C(linerate-netmap.service), the code it runs (below C(/usr/local/lib/linerate)) and the recipe of
    the build on the host, enables the unit, and starts it once.
  - Where the running kernel has the wanted netmap, installed and loaded, the unit does nothing. Otherwise it
    builds, installs and loads it, and says in one line of the journal what came out.
requirements:
  - systemd, and Python 3.9 or newer as C(/usr/bin/python3)
options:
  state:
    description: Whether the host is to do so.
    type: str
    choices: [present, absent]
    default: present
  options:
    description: What to build, as the module netmap_build returned it.
    type: dict
  source:
    description: The archive of netmap's source on this host, which must stay there.
    type: path
  packages:
    description: The folder of packages on this host.
    type: path
  work:
    description: The folder to build in; it needs about 200 MB of room.
    type: path
  interface:
    description: The interface that sends; its driver is swapped at boot where O(options) patch it.
    type: str
    default: ""
  timeout:
    description: Seconds that any one of configure, make and make install may take.
    type: int
    default: 3600
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

- name: Leave new kernels alone
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
from ansible.module_utils.linerate.packages.netmap.boot import core_files, set_up, take_down
from ansible.module_utils.linerate.packages.netmap.rebuild import Recipe
from ansible.module_utils.linerate.system.run import run

RECIPE = ("options", "source", "packages", "work")


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
        required_if=[("state", "present", RECIPE)],
        supports_check_mode=True,
    )
    given, check = module.params, module.check_mode
    patient = partial(run, timeout=given["timeout"])
    try:
        if given["state"] == "present":
            recipe = Recipe(**{name: given[name] for name in (*RECIPE, "interface", "timeout")})
            steps = set_up(recipe, core_files(), patient, check)
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
