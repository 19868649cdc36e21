#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: what interrupted trials left on a sender."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_journal
short_description: Read what interrupted trials left on a sender, and forget what is stored
description:
  - M(linerate_replay) writes down what it knows of a trial as it comes. Where it could not hand over its result,
    since it was killed, or the controller or the connection went away, that is read here.
  - A journal that is still written is left alone.
version_added: "0.1.0"
author: linerate contributors
options:
  trial:
    description: The trial whose journal is meant, as M(linerate_run) returned it; by default all.
    type: dict
  wait_seconds:
    description: How long to wait for the end of a trial that is still being ended or cleaned up.
    type: float
    default: 0
  forget:
    description: Names of journals to remove, as their results are stored. Nothing is read then.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Reads, and removes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Read what interrupted trials left
  linerate_journal:
  register: left

- name: Forget them
  linerate_journal:
    forget: [20260101T000000Z-sender1--001-udp_port_scan_64-kernel-20000pps-r1]
"""

RETURN = r"""
journals:
  description: >-
    For each its C(name), its C(trial) as it was planned, and what was C(sent), as M(linerate_replay) returns it.
  returned: always
  type: list
  elements: dict
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.trial.journal import forget, left, name_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "trial": {"type": "dict"},
            "wait_seconds": {"type": "float", "default": 0},
            "forget": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        if given["forget"]:
            module.exit_json(changed=bool(forget(given["forget"], check=module.check_mode)), journals=[])
        found, wrong = left(wait_seconds=given["wait_seconds"], only=given["trial"] and name_of(given["trial"]))
    except LinerateError as error:
        module.fail_json(msg=str(error))
    for warning in wrong:
        module.warn(warning)
    module.exit_json(changed=False, journals=[asdict(journal) for journal in found])


if __name__ == "__main__":
    main()
