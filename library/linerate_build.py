#!/usr/bin/python
"""Build a source product and pack the result: a thin layer over linerate.packages.build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_build
short_description: Build netmap or tcpreplay from source and pack the result
description:
  - Builds when there is no package of the same recipe, in a folder of its own. The package is written last, so an
    interrupted build leaves none. Its file name contains a key computed from the recipe.
  - A second build into the same folder of packages waits for the first one and uses its package.
  - A step that fails shows the compiler's first error, or the end of its output. The folder of a failed build, with
    its logs, is kept until the next build.
requirements:
  - a C compiler, make, tar, util-linux
  - for netmap the headers of its kernel, and patch; unzip when the archive of a driver is a zip file
  - for tcpreplay the headers of libpcap
options:
  netmap:
    description: The recipe of netmap.
    type: dict
    suboptions:
      commit:
        description: The commit, in full.
        type: str
        required: true
      kernel:
        description: The kernel to build for, as C(uname -r) prints it there.
        type: str
        required: true
      drivers:
        description: Drivers to patch for native mode, by netmap's names. Without any the core module alone is built.
        type: list
        elements: str
        default: []
      no_ext_drivers:
        description: Drivers whose source is O(netmap.kernel_sources), not an external one.
        type: list
        elements: str
        default: []
      select_versions:
        description: Version of an external driver's source, by driver.
        type: dict
        default: {}
      kernel_sources:
        description: The sources of the kernel's own drivers, which must be those of O(netmap.kernel).
        type: dict
        suboptions:
          path:
            description: The source tree on the build host, or a tar archive of it.
            type: path
            required: true
          sha256:
            description: The sha256 of the archive, or of the drivers in the tree; the module netmap_sources_info
              returns it. Empty when the build host does not have them yet.
            type: str
            required: true
      archives:
        description: Sources of external drivers. The build downloads nothing.
        type: list
        elements: dict
        default: []
        suboptions:
          driver:
            description: The driver, by netmap's name.
            type: str
            required: true
          path:
            description: The file on the build host, with the name that netmap expects, such as v6.1.6.zip.
            type: path
            required: true
          sha256:
            description: Its sha256.
            type: str
            required: true
      signing:
        description: The key pair that signs the modules, for a kernel that requires it (Secure Boot). The files stay
          on the build host.
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
  tcpreplay:
    description: The recipe of tcpreplay.
    type: dict
    suboptions:
      version:
        description: The version in the archive. netmap is broken from 4.4.4 to 4.5.2; these are refused with it.
        type: str
        required: true
      sha256:
        description: The sha256 of the archive.
        type: str
        required: true
      system:
        description: >-
          Where it will run, as C(<os family> <major release> <machine>). The build host must be the same: the program
          is linked with its libraries.
        type: str
        required: true
      prefix:
        description: The folder that will contain the versions, each in a folder of its own.
        type: str
        default: /opt/linerate/tcpreplay
      options:
        description: Further options for configure.
        type: list
        elements: str
        default: []
      compiler:
        description: The C compiler.
        type: str
        default: cc
      netmap:
        description: The commit of netmap to compile in; empty builds without netmap.
        type: str
        default: ""
  source:
    description: Path of the source archive on the build host. netmap's is made by C(git archive) of the commit,
      tcpreplay's is the release tarball.
    type: path
    required: true
  netmap_package:
    description: With C(tcpreplay.netmap), a package of that commit on the build host.
    type: str
    default: ""
  packages:
    description: The folder of packages. It is created when it is missing.
    type: path
    required: true
  work:
    description: The folder to build in; netmap needs about 200 MB of free space, tcpreplay 100 MB.
    type: path
    required: true
  jobs:
    description: How many compilers run at once; 0 is one per CPU.
    type: int
    default: 0
  timeout:
    description: Time limit of each step, in seconds.
    type: int
    default: 10800
attributes:
  check_mode:
    support: full
    description: Reports whether it would build, and the path of the package.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Build netmap's core module for the running kernel
  linerate_build:
    netmap:
      commit: 89607e1406c1fa5ac2106bd2ff33417f090c0d60
      kernel: 6.1.0-56-amd64
    source: /var/tmp/netmap.tar.gz
    packages: /var/lib/linerate/packages
    work: /var/tmp

- name: Build netmap with a native e1000
  linerate_build:
    netmap:
      commit: 89607e1406c1fa5ac2106bd2ff33417f090c0d60
      kernel: 6.1.0-56-amd64
      drivers: [e1000]
      kernel_sources:
        path: /usr/src/linux-source-6.1.tar.xz
        sha256: 4d415b3d364834fd818270e88813e90323bbfce4f519a0e6bd4940ddcd7df693
    source: /var/tmp/netmap.tar.gz
    packages: /var/lib/linerate/packages
    work: /var/tmp

- name: Build tcpreplay with netmap
  linerate_build:
    tcpreplay:
      version: 4.4.2
      sha256: 5b272cd83b67d6288a234ea15f89ecd93b4fadda65eddc44e7b5fcb2f395b615
      system: Debian 12 x86_64
      netmap: 89607e1406c1fa5ac2106bd2ff33417f090c0d60
    netmap_package: /var/lib/linerate/packages/netmap-89607e1406c1-6.1.0-56-amd64-7c9e2f5d0b1a4e63.tar.gz
    source: /var/cache/linerate/sources/tcpreplay-4.4.2.tar.gz
    packages: /var/lib/linerate/packages
    work: /var/tmp
"""

RETURN = r"""
package:
  description: Path of the package.
  returned: success
  type: str
missing:
  description: Whether the package was missing before.
  returned: success
  type: bool
key:
  description: The key of the recipe.
  returned: success
  type: str
  sample: 7c9e2f5d0b1a4e63
"""

from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.build import Product, Tools, build
from ansible.module_utils.linerate.packages.netmap.build import NetmapBuild
from ansible.module_utils.linerate.packages.netmap.recipe import Recipe as NetmapRecipe
from ansible.module_utils.linerate.packages.tcpreplay.build import TcpreplayBuild
from ansible.module_utils.linerate.packages.tcpreplay.recipe import Recipe as TcpreplayRecipe
from ansible.module_utils.linerate.system.run import run, run_logged

TEXT = {"type": "str", "required": True}
PATH = {"type": "path", "required": True}
TEXTS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
NETMAP = {
    "commit": TEXT,
    "kernel": TEXT,
    "drivers": TEXTS,
    "no_ext_drivers": TEXTS,
    "select_versions": {"type": "dict", "default": {}},
    "kernel_sources": {"type": "dict", "options": {"path": PATH, "sha256": TEXT}},
    "archives": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"driver": TEXT, "path": PATH, "sha256": TEXT},
    },
    # Without no_log Ansible hides the value of an option that is called key; this one is a path.
    "signing": {"type": "dict", "options": {"key": {**PATH, "no_log": False}, "certificate": PATH, "sha256": TEXT}},
}
TCPREPLAY = {
    "version": TEXT,
    "sha256": TEXT,
    "system": TEXT,
    "prefix": {"type": "str", "default": "/opt/linerate/tcpreplay"},
    "options": TEXTS,
    "compiler": {"type": "str", "default": "cc"},
    "netmap": {"type": "str", "default": ""},
}
ARGUMENTS = {
    "netmap": {"type": "dict", "options": NETMAP},
    "tcpreplay": {"type": "dict", "options": TCPREPLAY},
    "source": PATH,
    "netmap_package": {"type": "str", "default": ""},
    "packages": PATH,
    "work": PATH,
    "jobs": {"type": "int", "default": 0},
    "timeout": {"type": "int", "default": 10800},
}


def product_of(options: dict[str, Any]) -> Product[Any]:
    """The product with the module's options."""
    if options["netmap"]:
        recipe = NetmapRecipe.from_options(options["netmap"], options["netmap"]["kernel"])
        return NetmapBuild(recipe, options["source"])
    values = {**options["tcpreplay"], "options": tuple(options["tcpreplay"]["options"])}
    return TcpreplayBuild(TcpreplayRecipe(**values), options["source"], options["netmap_package"])


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        mutually_exclusive=[("netmap", "tcpreplay")],
        required_one_of=[("netmap", "tcpreplay")],
        supports_check_mode=True,
    )
    options = module.params
    seconds = options["timeout"]
    tools = Tools(partial(run, timeout=seconds), partial(run_logged, timeout=seconds), options["work"], options["jobs"])
    try:
        product = product_of(options)
        package, missing = build(product, options["packages"], tools, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=missing, missing=missing, package=package, key=product.recipe.key)


if __name__ == "__main__":
    main()
