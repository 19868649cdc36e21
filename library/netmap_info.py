#!/usr/bin/python
"""Read which netmap a host has and which adapter its interfaces get: a thin layer over linerate.netmap."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_info
short_description: Read which netmap a host has and which adapter its interfaces get
description:
  - Reads sysfs, the installed manifest, and the kernel's messages when permitted. Changes nothing.
extends_documentation_fragment: [linerate.reads]
options:
  interfaces:
    description: The interfaces to report; empty means all except the loopback interface.
    type: list
    elements: str
    default: []
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Read whether ens17 has a native adapter
  netmap_info:
    interfaces: [ens17]
  register: netmap
"""

RETURN = r"""
kernel:
  description: The running kernel.
  returned: always
  type: str
  sample: 6.1.0-56-amd64
loaded:
  description: Whether the module is loaded.
  returned: always
  type: bool
loaded_is_installed:
  description: Whether the loaded module is the one that modprobe would load, by its build id.
  returned: always
  type: bool
installed:
  description:
    - What is installed for this kernel (key, commit, modules, native_drivers, api); null when nothing is.
    - netmap's only version number is that of its API, in C(net/netmap.h); the commit identifies a build.
  returned: always
  type: dict
signer:
  description: The common name of the certificate that signed the installed module; empty when it is not signed.
  returned: always
  type: str
parameters:
  description: Parameters of the loaded module.
  returned: always
  type: dict
  sample: {admode: "0", buf_num: "163840"}
adapters:
  description: The driver, kind (native, emulated or none) and evidence of each interface.
  returned: always
  type: dict
  sample:
    ens4:
      driver: e1000
      kind: emulated
      evidence: ["driver: e1000", "/sys/module/netmap/holders/e1000: absent"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.netmap.adapter import read_adapters
from ansible.module_utils.linerate.netmap.module import is_current, read_parameters, running_kernel
from ansible.module_utils.linerate.packages.netmap.install import api_version, installed_manifest
from ansible.module_utils.linerate.system.run import run


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={"interfaces": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )
    try:
        kernel = running_kernel()
        installed = installed_manifest(kernel)
        module.exit_json(
            changed=False,
            kernel=kernel,
            loaded=Path("/sys/module/netmap").exists(),
            loaded_is_installed=installed is not None and is_current(run),
            installed=installed
            and {
                **{name: getattr(installed, name) for name in ("key", "commit", "modules", "native_drivers")},
                "api": api_version(installed),
            },
            signer=run(["modinfo", "-F", "signer", "netmap"]).stdout.strip() if installed else "",
            parameters=read_parameters(),
            adapters={
                adapter.interface: {"driver": adapter.driver, "kind": adapter.kind, "evidence": adapter.evidence}
                for adapter in read_adapters(module.params["interfaces"], run)
            },
        )
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
