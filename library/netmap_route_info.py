#!/usr/bin/python
"""Choose the source of netmap's patched drivers: a thin layer over linerate.packages.netmap.route."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_route_info
short_description: Choose the source of netmap's patched drivers for the running kernel
description:
  - Chooses between an external source, the kernel's own and none by the running kernel, the given sources, and what
    was seen of them. Changes nothing.
  - Fails when no source is given, unless the emulated adapter is permitted.
options:
  native_route:
    description: The route; C(auto) chooses C(external) or C(kernel).
    type: str
    choices: [auto, external, kernel, none]
    required: true
  interface:
    description: The interface that sends.
    type: str
    default: ""
  drivers:
    description: The drivers to patch, by netmap's names; empty is the driver of O(interface).
    type: list
    elements: str
    default: []
  no_ext_drivers:
    description: Drivers whose external source is not used.
    type: list
    elements: str
    default: []
  select_versions:
    description: Version of an external driver's source, by driver; the default is that in the archive's name.
    type: dict
    default: {}
  kernel_sources:
    description: The kernel's own sources on the build host; on Debian the default is the package's archive.
    type: str
    default: ""
  driver_archives:
    description: Sources of external drivers on the build host.
    type: list
    elements: dict
    default: []
    suboptions:
      driver:
        description: The driver, by netmap's name.
        type: str
        required: true
      path:
        description: The file, with the name that netmap expects.
        type: path
        required: true
      sha256:
        description: Its sha256.
        type: str
        required: true
  rebind_ok:
    description: Whether a patched driver may replace the stock one.
    type: bool
    default: false
  emulated_ok:
    description: Whether the adapter may be emulated when there is no native one.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Choose the source of the driver of ens17
  netmap_route_info:
    native_route: auto
    interface: ens17
    rebind_ok: true
    emulated_ok: true
"""

RETURN = r"""
reason:
  description: Which source was chosen, and why; or why the adapter is emulated.
  returned: success
  type: str
drivers:
  description: The drivers to patch; none for the emulated adapter.
  returned: success
  type: list
  elements: str
no_ext_drivers:
  description: Those of them with an external source that is not used.
  returned: success
  type: list
  elements: str
select_versions:
  description: Version of an external driver's source, by driver.
  returned: success
  type: dict
kernel_sources:
  description: The kernel's own sources on the build host, when they are used.
  returned: success
  type: str
driver_archives:
  description: The archives that are used.
  returned: success
  type: list
  elements: dict
package:
  description: Debian's package with the kernel's sources, when it is used.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.netmap.module import running_kernel
from ansible.module_utils.linerate.packages.netmap.route import ROUTES, Request, as_values, choose

TEXT = {"type": "str", "required": True}


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "native_route": {**TEXT, "choices": list(ROUTES)},
            "interface": {"type": "str", "default": ""},
            "drivers": {"type": "list", "elements": "str", "default": []},
            "no_ext_drivers": {"type": "list", "elements": "str", "default": []},
            "select_versions": {"type": "dict", "default": {}},
            "kernel_sources": {"type": "str", "default": ""},
            "driver_archives": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"driver": TEXT, "path": {"type": "path", "required": True}, "sha256": TEXT},
            },
            "rebind_ok": {"type": "bool", "default": False},
            "emulated_ok": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        route = choose(Request(kernel=running_kernel(), **module.params))
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **as_values(route))


if __name__ == "__main__":
    main()
