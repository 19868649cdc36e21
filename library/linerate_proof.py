#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: judge a proof of arrival."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_proof
short_description: Check that a short burst arrived at the receiver
description:
  - Fails where the receiver counted too few packets of a burst, and says what tcpreplay claims, what both interfaces
    and the receiver's packet socket counted, and where the packets were probably lost. Runs on the controller.
version_added: "0.1.0"
author: linerate contributors
options:
  proof:
    description: The burst, as M(linerate_run) returned it.
    type: dict
    required: true
  sent:
    description: The result of M(linerate_replay).
    type: dict
    required: true
  received:
    description: For each witness its definition, and the result of its module, as for M(linerate_record).
    type: list
    elements: list
    required: true
attributes:
  check_mode:
    description: Judges, and changes nothing in any case.
    support: full
"""

EXAMPLES = r"""
- name: Check that the burst arrived
  linerate_proof:
    proof: "{{ planned_proof }}"
    sent: "{{ replay_result }}"
    received: "{{ [[witness, receive_result]] }}"
"""

RETURN = r"""
line:
  description: How many packets arrived, in words.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.trial.evidence import Sent
from ansible.module_utils.linerate.trial.proof import Proof, arrived
from ansible.module_utils.linerate.trial.witnesses import reports_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "proof": {"type": "dict", "required": True},
            "sent": {"type": "dict", "required": True},
            "received": {"type": "list", "elements": "list", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        sent = Sent.of_result(given["sent"])
        line = arrived(Proof.from_json(given["proof"]), sent, reports_of(given["received"]))
        module.exit_json(changed=False, line=line)
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
