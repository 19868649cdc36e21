#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: validate the sender before a run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_preflight_info
short_description: Validate the sending interface and all pcaps before a run
description:
  - Fails with one error if a run could give wrong results or do harm - an interface that is in use or not ready, a pcap
    that is damaged, has a destination that is not allowed, or has frames too long for one of the two ends.
  - M(linerate_replay) validates the same before each trial; this module validates all pcaps before the first trial.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.interface, linerate.destinations, linerate.receiver_mtu, linerate.cpu]
author: linerate contributors
options:
  interface:
    description: The interface that sends, by its name or an alternative name.
  pcaps:
    description: Pcaps on the host. Each is read to its end.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path of the pcap.
        type: path
        required: true
      sha256:
        description: SHA-256 of the expected pcap, in hex; another pcap is refused.
        type: str
  allow_destinations:
    required: true
  preload_pcap:
    description: Whether tcpreplay will read each pcap into memory, which must have room for it.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reads only. A pcap that the run would write first, as it is missing or another, is not checked.
    support: full
"""

EXAMPLES = r"""
- name: Validate the sender and its pcaps
  linerate_preflight_info:
    interface: lrs0
    pcaps:
      - path: /var/lib/linerate/pcaps/udp_port_scan_64.pcap
    allow_destinations: [198.18.0.0/15, "02:00:00:00:00:02"]
    receiver_mtu: 1500
"""

RETURN = r"""
pcaps:
  description: The summary of each pcap.
  returned: always
  type: list
  elements: dict
pending:
  description: Pcaps that the run would write before it sends them, so that they are not checked, in check mode.
  returned: always
  type: list
  elements: str
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.pcap.destinations import AllowedDestinations
from ansible.module_utils.linerate.system.lock import refuse_held
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.trial.preflight import FarEnd, is_planned, preflight

SPEC = {
    "interface": {"type": "str", "required": True},
    "pcaps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"path": {"type": "path", "required": True}, "sha256": {"type": "str"}},
    },
    "allow_destinations": {"type": "list", "elements": "str", "required": True},
    "receiver_mtu": {"type": "int"},
    "cpu": {"type": "int"},
    "preload_pcap": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    # In check mode the pcaps are as planned only if the run would not write them.
    pending = [pcap["path"] for pcap in given["pcaps"] if module.check_mode and not is_planned(**pcap)]
    pcaps = [(pcap["path"], pcap["sha256"]) for pcap in given["pcaps"] if pcap["path"] not in pending]
    try:
        far_end = FarEnd(AllowedDestinations(given["allow_destinations"]), given["receiver_mtu"])
        interface = interface_name(given["interface"], run)
        refuse_held(interface)
        summaries = preflight(interface, pcaps, far_end, run, given["cpu"], int(given["preload_pcap"]))
        module.exit_json(changed=False, pcaps=[asdict(summary) for summary in summaries], pending=pending)
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
