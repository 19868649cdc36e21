#!/usr/bin/python
"""Build netmap for one kernel and pack the result: a thin layer over linerate.packages.netmap.build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netmap_build
short_description: Build netmap for one kernel and pack the result
description:
  - Builds where there is no package of the same commit, kernel and options, in a folder of its own, which is
    removed afterwards. The package is written last, so a build that was cut off leaves none.
  - Its file name holds the commit, the kernel, and a key over all options.
requirements:
  - the headers of that kernel, a compiler, make, patch, tar; unzip where a driver's archive is a zip file
options:
  commit:
    description: The commit of netmap, in full.
    type: str
    required: true
  kernel:
    description: The kernel to build for, as C(uname -r) prints it there.
    type: str
    required: true
  source:
    description: An archive that C(git archive) made of that commit, on the host that builds.
    type: path
    required: true
  packages:
    description: The folder of packages. It is made where it is missing.
    type: path
    required: true
  work:
    description: The folder to build in; it needs about 200 MB of room.
    type: path
    required: true
  drivers:
    description: Drivers to patch for native mode, by netmap's names. None builds the core module alone.
    type: list
    elements: str
    default: []
  no_ext_drivers:
    description: Drivers to take from O(kernel_sources), not from an external source.
    type: list
    elements: str
    default: []
  select_versions:
    description: Version of an external driver's source, by driver.
    type: dict
    default: {}
  kernel_sources:
    description: The tree that holds the sources of the kernel's own drivers, or a tar archive of it.
    type: path
  driver_archives:
    description: Sources of external drivers, put where netmap looks for them. It downloads nothing itself.
    type: list
    elements: dict
    default: []
    suboptions:
      driver:
        description: The driver, by netmap's name.
        type: str
        required: true
      path:
        description: The file on the host that builds, with the name netmap gives it, such as v6.1.6.zip.
        type: path
        required: true
      sha256:
        description: Its sha256.
        type: str
        required: true
  signing:
    description: What the modules are signed with, for a kernel that wants it (Secure Boot). Files of the host that
      builds; they stay there.
    type: dict
    suboptions:
      key:
        description: The private key (PEM, without a passphrase).
        type: path
        required: true
      certificate:
        description: Its certificate (DER).
        type: path
        required: true
      sha256:
        description: The sha256 of the certificate, which is part of the package's key.
        type: str
        required: true
  timeout:
    description: Seconds that any one of configure, make and make install may take.
    type: int
    default: 10800
attributes:
  check_mode:
    support: full
    description: Says whether it would build, and the package's path.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Build the core module for the running kernel
  netmap_build:
    commit: 89607e1406c1fa5ac2106bd2ff33417f090c0d60
    kernel: 6.1.0-56-amd64
    source: /var/tmp/netmap.tar.gz
    packages: /var/lib/linerate/packages
    work: /var/tmp

- name: Build with a native e1000
  netmap_build:
    commit: 89607e1406c1fa5ac2106bd2ff33417f090c0d60
    kernel: 6.1.0-56-amd64
    source: /var/tmp/netmap.tar.gz
    packages: /var/lib/linerate/packages
    work: /var/tmp
    drivers: [e1000]
    kernel_sources: /usr/src/linux-source-6.1.tar.xz
"""

RETURN = r"""
package:
  description: Path of the package.
  returned: success
  type: str
missing:
  description: Whether there was no such package before.
  returned: success
  type: bool
key:
  description: The key over commit, kernel and options.
  returned: success
  type: str
  sample: 7c9e2f5d0b1a4e63
options:
  description: What was asked for, but for the kernel and the places, as the module netmap_rebuild takes it.
  returned: success
  type: dict
"""

from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.netmap.build import build
from ansible.module_utils.linerate.packages.netmap.recipe import BuildSpec
from ansible.module_utils.linerate.system.run import run

STRINGS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
ARCHIVE = {
    "driver": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "sha256": {"type": "str", "required": True},
}
SIGNING = {
    # A path: Ansible would blank a value that is called a key and not said to be none.
    "key": {"type": "path", "required": True, "no_log": False},
    "certificate": {"type": "path", "required": True},
    "sha256": {"type": "str", "required": True},
}
OPTIONS = ("commit", "drivers", "no_ext_drivers", "select_versions", "kernel_sources", "signing")


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "commit": {"type": "str", "required": True},
            "kernel": {"type": "str", "required": True},
            "source": {"type": "path", "required": True},
            "packages": {"type": "path", "required": True},
            "work": {"type": "path", "required": True},
            "drivers": STRINGS,
            "no_ext_drivers": STRINGS,
            "select_versions": {"type": "dict", "default": {}},
            "kernel_sources": {"type": "path"},
            "driver_archives": {"type": "list", "elements": "dict", "default": [], "options": ARCHIVE},
            "signing": {"type": "dict", "options": SIGNING},
            "timeout": {"type": "int", "default": 10800},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    options = {name: wanted[name] for name in OPTIONS}
    options["archives"] = wanted["driver_archives"]
    try:
        spec = BuildSpec.of_options(options, wanted["kernel"])
        patient = partial(run, timeout=wanted["timeout"])
        package, built = build(
            spec, wanted["source"], wanted["packages"], wanted["work"], patient, check=module.check_mode
        )
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=built, missing=built, package=package, key=spec.key, options=options)


if __name__ == "__main__":
    main()
