#!/usr/bin/python
"""Build tcpreplay from a release tarball and pack the result: a thin layer over linerate.packages.tcpreplay.build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tcpreplay_build
short_description: Build tcpreplay from a release tarball and pack the result
description:
  - Builds where there is no package of the same version, source, options and system, in a folder of its own. The
    package is written last, so a build that was cut off leaves none. Its file name holds a key over all of these.
  - Who comes while another builds into the same folder of packages waits, and takes what that one has made.
  - A step that fails shows the last lines of its log; its folder stays until the next build.
requirements:
  - a C compiler, make, tar, util-linux, and the headers of libpcap on the host that builds
options:
  version:
    description: Version of tcpreplay in the archive. From 4.4.4 to 4.5.2 netmap is broken, and refused.
    type: str
    required: true
  archive:
    description: Path of the release tarball on the host that builds.
    type: path
    required: true
  sha256:
    description: Checksum of the archive.
    type: str
    required: true
  packages:
    description: The folder of packages. It is made where it is missing.
    type: path
    required: true
  system:
    description: >-
      Where it is to run, as C(<os family> <major release> <machine>). The host that builds must be the same, since
      what it builds is linked with the libraries of that system.
    type: str
    required: true
  prefix:
    description: Folder that is to hold the versions, each in a folder of its own.
    type: str
    default: /opt/linerate/tcpreplay
  configure_options:
    description: Further options for configure.
    type: list
    elements: str
    default: []
  compiler:
    description: The C compiler.
    type: str
    default: cc
  netmap_commit:
    description: The commit of netmap to compile in; empty builds without netmap.
    type: str
    default: ""
  netmap_package:
    description: A package of that commit, on the host that builds, as the module netmap_build makes them.
    type: str
    default: ""
  work:
    description: The folder to build in; it needs about 100 MB of room.
    type: path
    required: true
  jobs:
    description: How many compilers at a time; 0 is one for each CPU.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Says whether it would build, and the package's path.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Build tcpreplay with netmap
  tcpreplay_build:
    version: 4.4.2
    archive: /var/cache/linerate/sources/tcpreplay-4.4.2.tar.gz
    sha256: 5b272cd83b67d6288a234ea15f89ecd93b4fadda65eddc44e7b5fcb2f395b615
    packages: /var/lib/linerate/packages
    system: Debian 12 x86_64
    work: /var/tmp
    netmap_commit: 89607e1406c1fa5ac2106bd2ff33417f090c0d60
    netmap_package: /var/lib/linerate/packages/netmap-89607e1406c1-6.1.0-56-amd64-7c9e2f5d0b1a4e63.tar.gz
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
  description: The key over all that decides which build it is.
  returned: success
  type: str
  sample: 7c9e2f5d0b1a4e63
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.tcpreplay.build import Sources, Tools, build
from ansible.module_utils.linerate.packages.tcpreplay.package import Recipe
from ansible.module_utils.linerate.system.run import run, run_logged

ARGUMENTS = {
    "version": {"type": "str", "required": True},
    "archive": {"type": "path", "required": True},
    "sha256": {"type": "str", "required": True},
    "packages": {"type": "path", "required": True},
    "system": {"type": "str", "required": True},
    "prefix": {"type": "str", "default": "/opt/linerate/tcpreplay"},
    "configure_options": {"type": "list", "elements": "str", "default": []},
    "compiler": {"type": "str", "default": "cc"},
    "netmap_commit": {"type": "str", "default": ""},
    "netmap_package": {"type": "str", "default": ""},
    "work": {"type": "path", "required": True},
    "jobs": {"type": "int", "default": 0},
}


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    try:
        recipe = Recipe(
            version=given["version"],
            sha256=given["sha256"],
            prefix=given["prefix"],
            system=given["system"],
            options=tuple(given["configure_options"]),
            compiler=given["compiler"],
            netmap=given["netmap_commit"],
        )
        sources = Sources(given["archive"], given["netmap_package"])
        tools = Tools(run, run_logged, given["work"], given["jobs"] or len(os.sched_getaffinity(0)))
        package, built = build(recipe, sources, given["packages"], tools, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=built, missing=built, package=package, key=recipe.key)


if __name__ == "__main__":
    main()
