#!/usr/bin/python
"""Give a host its stock driver and its NIC's settings back, and remove what was installed: thin over the core."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_restore
short_description: Give a host its stock driver and its NIC's settings back, and remove what was installed
description:
  - Removes the files of every installed package of netmap, has the stock build of every patched driver loaded,
    unloads netmap, and makes an initramfs anew that holds netmap.
  - Sets everything back that M(linerate_tuning) changed.
  - Gives O(interface) the settings it was found with before the first change, where they were stored.
  - Removes the unit that rebuilds netmap at boot, the versions of tcpreplay and the link to one of them, the pcaps,
    what builds that were killed left, and the folders that are linerate's alone. Packages of the distribution stay.
  - What an interrupted trial left is put back.
  - Nothing is changed while a trial sends on O(interface), where a patched driver is loaded and O(rebind_ok) is
    false, where an interface that would go away carries the default route or the SSH session, or is in use and is not
    O(interface), or where a process has netmap open.
requirements:
  - kmod, iproute2, ethtool
options:
  interface:
    description: The interface that sent.
    type: str
    required: true
  rebind_ok:
    description: Whether all interfaces of a patched driver may go away for a moment.
    type: bool
    default: false
  tcpreplay_prefix:
    description: Folder that holds the built versions of tcpreplay.
    type: path
    required: true
  tcpreplay_link:
    description: The link to one of these versions; it stays where it leads elsewhere.
    type: path
    required: true
  pcaps:
    description: Folder of the pcaps; those without a manifest stay.
    type: path
    required: true
  work:
    description: Folders that builds make theirs in; those that a build works in stay.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    support: full
    description: Says what would be done, without doing it.
  diff_mode:
    support: full
    description: Shows the steps.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Have the sender as it was found
  linerate_restore:
    interface: ens17
    rebind_ok: true
    tcpreplay_prefix: /opt/linerate/tcpreplay
    tcpreplay_link: /usr/local/bin/tcpreplay
    pcaps: /var/lib/linerate/pcaps
    work: [/var/tmp]
"""

RETURN = r"""
steps:
  description: The commands and file changes that were needed, in order.
  returned: success
  type: list
  elements: str
  sample: ["rmmod ixgbe", "modprobe ixgbe", "rmmod netmap"]
"""

import os
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.packages.netmap.initramfs import SECONDS
from ansible.module_utils.linerate.packages.netmap.remove import remove
from ansible.module_utils.linerate.packages.uninstall import Places, remove_leftovers
from ansible.module_utils.linerate.system.lock import refuse_held
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.system.ssh_client import session_environment
from ansible.module_utils.linerate.trial.nic_session import recover
from ansible.module_utils.linerate.tuning.tune import Host, undo


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "rebind_ok": {"type": "bool", "default": False},
            "tcpreplay_prefix": {"type": "path", "required": True},
            "tcpreplay_link": {"type": "path", "required": True},
            "pcaps": {"type": "path", "required": True},
            "work": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    environment = session_environment(os.environ)
    places = Places(given["tcpreplay_prefix"], given["tcpreplay_link"], given["pcaps"], tuple(given["work"]))
    patient = partial(run, timeout=SECONDS)
    host = Host(run, environment)
    try:
        # For what they refuse, before anything is changed.
        refuse_held(given["interface"])
        undo(given["interface"], host, check=True)
        steps = [*remove(given["interface"], environment, given["rebind_ok"], patient, check=module.check_mode)]
        # Or the next trial would put it back, over what is undone here.
        steps += recover(given["interface"], run, check=module.check_mode)
        # After the drivers, whose settings were stored when the host was tuned already, or not yet.
        steps += undo(given["interface"], host, check=module.check_mode)
        steps += remove_leftovers(places, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps), steps=steps, diff={"before": "", "after": "".join(f"{step}\n" for step in steps)}
    )


if __name__ == "__main__":
    main()
