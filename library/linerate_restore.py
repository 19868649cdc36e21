#!/usr/bin/python
"""Undo what the roles changed on a host: a thin layer over the core."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_restore
short_description: Undo what the roles changed on a host
description:
  - Removes the files of every installed netmap package, loads the stock build of every patched driver, unloads netmap,
    and regenerates an initramfs that contains netmap.
  - Restores the settings that M(linerate_tuning) or an interrupted trial changed.
  - Restores the settings of O(interface) from before the first change, where they were stored.
  - Ends the counts on the host, and removes what runs store in C(/run/linerate).
  - Removes the unit that rebuilds netmap at boot, the versions of tcpreplay and the link to one of them, the pcaps,
    the files of interrupted builds, and linerate's own folders. Packages of the distribution stay.
  - Changes nothing while a trial sends on O(interface), where a patched driver is loaded and O(rebind_ok) is false,
    where an interface that would disappear carries the default route or the SSH session, or is in use and is not
    O(interface), or while a process has netmap open.
requirements:
  - kmod, iproute2, ethtool
extends_documentation_fragment: [linerate.interface, linerate.steps]
options:
  interface:
    description: The interface that sent.
  rebind_ok:
    description:
      - Whether all interfaces of a patched driver may disappear for a moment while the stock driver replaces it.
    type: bool
    default: false
  tcpreplay_prefix:
    description: Folder of the versions of tcpreplay built from source.
    type: path
    required: true
  tcpreplay_link:
    description: The link to one of these versions; a link to another place stays.
    type: path
    required: true
  pcaps:
    description: Folder of the pcaps. Those with a manifest are removed; other files in it stay.
    type: path
    required: true
  work:
    description:
      - Folders in which netmap and tcpreplay were built. Files of builds are removed, except of one that is running.
    type: list
    elements: path
    default: []
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Restore the sender
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
  description: The commands and file changes, in order.
  returned: success
  type: list
  elements: str
  sample: ["rmmod ixgbe", "modprobe ixgbe", "rmmod netmap"]
"""

import os
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.packages.netmap.initramfs import SECONDS
from ansible.module_utils.linerate.packages.netmap.remove import remove
from ansible.module_utils.linerate.packages.uninstall import Places, remove_leftovers
from ansible.module_utils.linerate.receiver.process import kill_all
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
        given["interface"] = interface_name(given["interface"], run)
        # For the errors they raise, before anything is changed.
        refuse_held(given["interface"])
        undo(given["interface"], host, check=True)
        steps = [*remove(given["interface"], environment, given["rebind_ok"], patient, check=module.check_mode)]
        # Otherwise the next trial would restore it, and overwrite what is restored here.
        steps += recover(given["interface"], run, check=module.check_mode)
        # After the drivers: their settings were stored before or after the host was tuned.
        steps += undo(given["interface"], host, check=module.check_mode)
        if not module.check_mode:
            kill_all()
        steps += remove_leftovers(places, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps), steps=steps, diff={"before": "", "after": "".join(f"{step}\n" for step in steps)}
    )


if __name__ == "__main__":
    main()
