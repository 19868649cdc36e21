#!/usr/bin/python
"""Build tcpreplay from source on a host: a thin layer over linerate.tcpreplay.build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tcpreplay_build
short_description: Build and install tcpreplay from a release tarball
description:
  - Configures and makes out of place, installs beside the place, runs what was built, and moves it to
    C(<prefix>/<version>) in one rename, with a stamp of what decided the outcome (source, options,
    compiler, netmap).
  - Builds only where that stamp differs from what is asked for. An interrupted build is begun anew.
  - A step that fails shows the last lines of its log; the logs stay in the build folder.
requirements:
  - A C compiler, make, tar, util-linux, and the headers of libpcap on the host
options:
  version:
    description: Version of tcpreplay in the archive. From 4.4.4 to 4.5.2 netmap is broken, and refused.
    type: str
    required: true
  archive:
    description: Path of the release tarball on the host. Needed only where something is to be built.
    type: path
    required: true
  sha256:
    description: Checksum of the archive.
    type: str
    required: true
  prefix:
    description: Folder that holds the versions, each in a folder of its own.
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
  netmap_source:
    description: Folder of netmap's source on the host; empty builds without asking for netmap.
    type: str
    default: ""
  build_dir:
    description: Folder to build in, and where the logs stay.
    type: path
    default: /var/cache/linerate/build
  jobs:
    description: How many compilers at a time; 0 is one for each CPU.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Says whether it would build, and why, without doing it.
  diff_mode:
    support: full
    description: Shows why it builds.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Build tcpreplay with netmap
  tcpreplay_build:
    version: 4.4.2
    archive: /var/cache/linerate/sources/tcpreplay-4.4.2.tar.gz
    sha256: 5b272cd83b67d6288a234ea15f89ecd93b4fadda65eddc44e7b5fcb2f395b615
    netmap_source: /usr/src/netmap

- name: Build another version beside it
  tcpreplay_build:
    version: 4.4.3
    archive: /var/cache/linerate/sources/tcpreplay-4.4.3.tar.xz
    sha256: 352fcd073c61140e5008ffe4e37d4744c31037e73854a921cd8b6b5d9f29cd54
    configure_options: [--enable-debug]
"""

RETURN = r"""
executable:
  description: Path of the tcpreplay that was asked for.
  returned: success
  type: str
  sample: /opt/linerate/tcpreplay/4.4.2/bin/tcpreplay
reasons:
  description: Why something is built; none where it is there already.
  returned: success
  type: list
  elements: str
  sample: [/opt/linerate/tcpreplay/4.4.2 holds no finished build]
logs:
  description: Folder of the logs; null where nothing was built.
  returned: success
  type: str
  sample: /var/cache/linerate/build/tcpreplay-4.4.2-0d6ae2b05fc3
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.host.run import run, run_logged
from ansible.module_utils.linerate.tcpreplay import build

ARGUMENTS = {
    "version": {"type": "str", "required": True},
    "archive": {"type": "path", "required": True},
    "sha256": {"type": "str", "required": True},
    "prefix": {"type": "str", "default": "/opt/linerate/tcpreplay"},
    "configure_options": {"type": "list", "elements": "str", "default": []},
    "compiler": {"type": "str", "default": "cc"},
    "netmap_source": {"type": "str", "default": ""},
    "build_dir": {"type": "path", "default": "/var/cache/linerate/build"},
    "jobs": {"type": "int", "default": 0},
}


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    recipe = build.Recipe(
        version=given["version"],
        sha256=given["sha256"],
        prefix=given["prefix"],
        options=tuple(given["configure_options"]),
        compiler=given["compiler"],
        netmap=given["netmap_source"],
    )
    logs = None
    try:
        build.check(recipe)
        reasons = build.differences(recipe, run)
        if reasons and not module.check_mode:
            tools = build.Tools(run, run_logged, given["jobs"] or len(os.sched_getaffinity(0)))
            logs = str(build.build(recipe, given["archive"], given["build_dir"], tools))
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(reasons),
        executable=str(recipe.executable),
        reasons=list(reasons),
        logs=logs,
        diff={"before": "", "after": "".join(f"{reason}\n" for reason in reasons)},
    )


if __name__ == "__main__":
    main()
