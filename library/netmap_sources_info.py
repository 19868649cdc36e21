#!/usr/bin/python
"""Read the content of a kernel's sources and check their version: a thin layer over linerate.packages.netmap."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_sources_info
short_description: Read the content of a kernel's sources and check their version
description:
  - Returns the sha256 of the sources that netmap's patched drivers are built from, and fails when they are those of
    another kernel than O(kernel). Changes nothing.
options:
  path:
    description: The source tree of a kernel, or a tar archive of it.
    type: path
    required: true
  kernel:
    description: The kernel that the drivers are for, as C(uname -r) prints it there.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Reads only.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Read the sources of the kernel
  netmap_sources_info:
    path: /usr/src/linux-source-6.1.tar.xz
    kernel: 6.1.0-56-amd64
"""

RETURN = r"""
sha256:
  description: The sha256 of the archive, or of the network drivers in the tree; empty when there is neither.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import HostError, LinerateError
from ansible.module_utils.linerate.packages.netmap.build import headers_of
from ansible.module_utils.linerate.packages.netmap.kernel_sources import check_version, digest


def headers(kernel: str) -> str | None:
    """The headers of the kernel, if this host has them."""
    try:
        return headers_of(kernel)
    except HostError:
        return None


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}, "kernel": {"type": "str", "required": True}},
        supports_check_mode=True,
    )
    path, kernel = module.params["path"], module.params["kernel"]
    try:
        sha256 = digest(path)
        if sha256:
            check_version(path, kernel, headers(kernel))
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, sha256=sha256 or "")


if __name__ == "__main__":
    main()
