#!/usr/bin/python
"""Install a package of a source product: a thin layer over linerate.packages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_install
short_description: Install a package of netmap or tcpreplay
description:
  - Installs a package that the module linerate_build made; files of an earlier package are removed. Files that
    differ from the package are installed again.
  - A package for another kernel (netmap) or system (tcpreplay) than that of the host is refused.
  - netmap's modules go below C(/lib/modules/<release>/updates/netmap), its headers below C(/usr/local); depmod runs,
    and netmap is loaded by name. The manifest is stored in C(/var/lib/linerate/netmap).
  - tcpreplay is written next to C(<prefix>/<version>), runs there, and is moved into place by one rename. When it
    does not run, the previous installation stays.
  - Folders in O(work) that interrupted builds of the product left are removed.
requirements:
  - for netmap kmod, for tcpreplay the library libpcap
extends_documentation_fragment: [linerate.netmap_parameters, linerate.steps]
options:
  product:
    description: The product in the package.
    type: str
    choices: [netmap, tcpreplay]
    required: true
  package:
    description: The package, on this host.
    type: path
    required: true
  load:
    description: Whether to load netmap as well; the module netmap_driver loads it when a driver is replaced.
    type: bool
    default: true
  work:
    description: The folder that builds create theirs in; folders of running builds are kept.
    type: path
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Install netmap and load it
  linerate_install:
    product: netmap
    package: /var/lib/linerate/packages/netmap-89607e1406c1-6.1.0-56-amd64-7c9e2f5d0b1a4e63.tar.gz
    parameters:
      buf_num: 16384
    work: /var/tmp

- name: Install tcpreplay
  linerate_install:
    product: tcpreplay
    package: /var/lib/linerate/packages/tcpreplay-4.4.2-debian-12-x86_64-7c9e2f5d0b1a4e63.tar.gz
    work: /var/tmp
"""

RETURN = r"""
steps:
  description: The commands and file changes that were needed, in order; for tcpreplay with the reasons.
  returned: success
  type: list
  elements: str
  sample: ["depmod -a 6.1.0-56-amd64", "modprobe netmap"]
key:
  description: The key of the installed package's recipe.
  returned: success
  type: str
  sample: 7c9e2f5d0b1a4e63
"""

from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.build_folders import name_prefix, remove_unused
from ansible.module_utils.linerate.packages.install import Installed
from ansible.module_utils.linerate.packages.netmap.install import install as install_netmap
from ansible.module_utils.linerate.packages.netmap.load import load
from ansible.module_utils.linerate.packages.tcpreplay.install import install as install_tcpreplay
from ansible.module_utils.linerate.system.run import run

SECONDS = 900
"""depmod reads every module of the kernel, which takes minutes on a busy emulated host."""


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "product": {"type": "str", "choices": ["netmap", "tcpreplay"], "required": True},
            "package": {"type": "path", "required": True},
            "parameters": {"type": "dict", "default": {}},
            "load": {"type": "bool", "default": True},
            "work": {"type": "path"},
        },
        supports_check_mode=True,
    )
    options, check = module.params, module.check_mode
    patient = partial(run, timeout=SECONDS)
    is_netmap = options["product"] == "netmap"
    try:
        install = install_netmap if is_netmap else install_tcpreplay
        installed: Installed[Any] = install(options["package"], patient, check=check)
        steps = [*installed.steps]
        if is_netmap and options["load"]:
            parameters = {name: str(value) for name, value in options["parameters"].items()}
            steps += load(parameters, patient, check=check)
        if options["work"]:
            steps += remove_unused(options["work"], name_prefix(options["product"]), check=check)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps),
        key=installed.manifest.key,
        steps=steps,
        diff={"before": "", "after": "".join(f"{step}\n" for step in steps)},
    )


if __name__ == "__main__":
    main()
