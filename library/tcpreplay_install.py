#!/usr/bin/python
"""Install a package of tcpreplay: a thin layer over linerate.packages.tcpreplay.install."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tcpreplay_install
short_description: Install a package of tcpreplay
description:
  - Puts it beside C(<prefix>/<version>), runs it there, and moves it into place by one rename. Where it does not
    run, what was there before stays.
  - A package of another system than the host's is refused. What was installed is stored with it, and every file is
    held against its sha256.
  - What builds of tcpreplay that were killed left in O(work) is removed.
requirements:
  - the library libpcap
options:
  package:
    description: The package that the module tcpreplay_build made, on this host.
    type: path
    required: true
  work:
    description: The folder that builds make theirs in; those that a build works in stay.
    type: path
attributes:
  check_mode:
    support: full
    description: Says whether it would install, and why.
  diff_mode:
    support: full
    description: Shows why it installs.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Install tcpreplay
  tcpreplay_install:
    package: /var/lib/linerate/packages/tcpreplay-4.4.2-debian-12-x86_64-7c9e2f5d0b1a4e63.tar.gz
    work: /var/tmp
"""

RETURN = r"""
executable:
  description: Path of the installed tcpreplay.
  returned: success
  type: str
  sample: /opt/linerate/tcpreplay/4.4.2/bin/tcpreplay
reasons:
  description: Why it was installed, and what was removed; empty where it was there already.
  returned: success
  type: list
  elements: str
  sample: [/opt/linerate/tcpreplay/4.4.2 holds no finished installation]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.build_folders import remove_left
from ansible.module_utils.linerate.packages.tcpreplay.build import WORK
from ansible.module_utils.linerate.packages.tcpreplay.install import install
from ansible.module_utils.linerate.system.run import run


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={"package": {"type": "path", "required": True}, "work": {"type": "path"}},
        supports_check_mode=True,
    )
    try:
        installed = install(module.params["package"], run, check=module.check_mode)
        reasons = [*installed.reasons]
        if module.params["work"]:
            reasons += remove_left(module.params["work"], WORK, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(reasons),
        executable=installed.executable,
        reasons=reasons,
        diff={"before": "", "after": "".join(f"{reason}\n" for reason in reasons)},
    )


if __name__ == "__main__":
    main()
