#!/usr/bin/python
"""Read which tcpreplay a host has: a thin layer over linerate.tcpreplay.version."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tcpreplay_info
short_description: Read which tcpreplay a host has and what is compiled into it
description:
  - Runs C(tcpreplay -V) and parses the output. Changes nothing.
  - A missing tcpreplay is a result (C(installed=false)); one that does not run is a failure.
extends_documentation_fragment: [linerate.reads]
options:
  executable:
    description: Name or path of tcpreplay.
    type: str
    default: tcpreplay
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Read which tcpreplay the host has
  tcpreplay_info:
  register: tcpreplay

- name: Read which tcpreplay was built from source
  tcpreplay_info:
    executable: /usr/local/bin/tcpreplay
"""

RETURN = r"""
installed:
  description: Whether there is a tcpreplay of that name. All other values are null when there is none.
  returned: success
  type: bool
path:
  description: Its path.
  returned: success
  type: str
  sample: /usr/bin/tcpreplay
version:
  description: Its version.
  returned: success
  type: str
  sample: 4.4.3
build:
  description: Its build, as it prints it.
  returned: success
  type: str
  sample: git:v4.4.3
default_method:
  description: The injection method without an option.
  returned: success
  type: str
  sample: PF_PACKET send()
optional_methods:
  description: Injection methods that need an option.
  returned: success
  type: list
  elements: str
  sample: [netmap]
netmap:
  description: Whether netmap is compiled in.
  returned: success
  type: bool
why_no_netmap:
  description: Why it cannot send through netmap; null when it can.
  returned: success
  type: str
  sample: tcpreplay 4.4.3 is not compiled with netmap
af_xdp:
  description: Whether AF_XDP is compiled in.
  returned: success
  type: bool
libpcap:
  description: Version of the libpcap it was compiled against.
  returned: success
  type: str
  sample: 1.10.3
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.tcpreplay.version import find

VALUES = (
    "version",
    "build",
    "default_method",
    "optional_methods",
    "netmap",
    "why_no_netmap",
    "af_xdp",
    "libpcap",
)


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={"executable": {"type": "str", "default": "tcpreplay"}},
        supports_check_mode=True,
    )
    try:
        found = find(run, module.params["executable"])
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        installed=found is not None,
        path=found.path if found else None,
        **{name: getattr(found.version, name) if found else None for name in VALUES},
    )


if __name__ == "__main__":
    main()
