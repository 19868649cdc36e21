#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the journals of interrupted trials on a sender."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_journal
short_description: Read the journals of interrupted trials on a sender, and remove those that are stored
description:
  - M(linerate_replay) keeps a journal of what it knows of a trial. Where it could not return its result, because it was
    killed, or the controller or the connection was lost, the journal is read here.
  - A journal that is still being written is skipped.
version_added: "0.1.0"
author: linerate contributors
options:
  trial:
    description: The trial whose journal to read, as M(linerate_run) returned it; by default all.
    type: dict
  wait_seconds:
    description: How long to wait for a trial that is still being stopped or cleaned up.
    type: float
    default: 0
  lease:
    description: The lease of the run, as M(linerate_lease) returned it, which is renewed.
    type: dict
  forget:
    description: Names of journals to remove because their results are stored. Nothing is read then.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Reads, and removes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Read the journals of interrupted trials
  linerate_journal:
  register: interrupted

- name: Remove the journal of a trial that is stored
  linerate_journal:
    forget: [20260101T000000Z-sender1--001-udp_port_scan_64-kernel-20000pps-r1]
"""

RETURN = r"""
journals:
  description: >-
    Each with its C(name), its C(trial), what was C(sent), as M(linerate_replay) returns it, and whether its run,
    not that of O(lease), holds the lease of this host (C(leased)).
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.system.lease import Lease, current, hold
from ansible.module_utils.linerate.trial.journal import forget, interrupted, name_of
from ansible.module_utils.linerate.trial.model import Trial


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "trial": {"type": "dict"},
            "wait_seconds": {"type": "float", "default": 0},
            "lease": {"type": "dict"},
            "forget": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        if given["forget"]:
            module.exit_json(changed=bool(forget(given["forget"], check=module.check_mode)), journals=[])
        lease = Lease.from_json(given["lease"]) if given["lease"] else None
        if lease and not module.check_mode:
            hold(lease, given["wait_seconds"])
        only = name_of(Trial.from_json(given["trial"])) if given["trial"] else None
        found, wrong = interrupted(wait_seconds=given["wait_seconds"], only=only)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    for warning in wrong:
        module.warn(warning)
    holder = current()
    leased = holder.run_id if holder and not (lease and holder.id == lease.id) else None
    journals = [{**journal.to_json(), "leased": journal.trial.bench.run_id == leased} for journal in found]
    module.exit_json(changed=False, journals=journals)


if __name__ == "__main__":
    main()
