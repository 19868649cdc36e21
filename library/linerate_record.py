#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: judge a trial and store its result on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_record
short_description: Judge a trial that has ended, and store its result
description:
  - Joins what the sender and the witnesses saw, judges the trial, and stores the result, validated against the schema.
  - Runs on the controller.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.results]
author: linerate contributors
options:
  run_dir:
    description: Folder of the run.
    type: path
    required: true
  trial:
    description: One of the trials that M(linerate_run) returned.
    type: dict
    required: true
  sent:
    description:
      - What M(linerate_replay), or M(linerate_journal) for it, returned.
      - A failure of the module is stored too, as a trial without counts, with the message as the reason.
    type: dict
    required: true
  received:
    description:
      - For each witness its definition, as M(linerate_run) returned it, and what M(linerate_receive) returned for it.
      - Empty for a trial without witnesses, which is judged by the sender alone.
    type: list
    elements: list
    default: []
attributes:
  check_mode:
    description: Stores nothing.
    support: full
"""

EXAMPLES = r"""
- name: Store the trial
  linerate_record:
    run_dir: results/latest
    schemas_dir: schemas
    trial: "{{ planned_trial }}"
    sent: "{{ replay_result }}"
    received: "{{ [[witness, receive_result]] }}"
"""

RETURN = r"""
line:
  description: The result in one line.
  returned: always
  type: str
trial:
  description: The stored result.
  returned: when stored by this call
  type: dict
stored:
  description: How many results the run has.
  returned: always
  type: int
valid:
  description: How many of them are valid.
  returned: always
  type: int
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.report.one_line import one_line
from ansible.module_utils.linerate.results.build import result_of
from ansible.module_utils.linerate.results.ceilings import sender_limit
from ansible.module_utils.linerate.results.samples import samples_csv
from ansible.module_utils.linerate.results.store import RunFolder, Stored
from ansible.module_utils.linerate.trial.evidence import Sent
from ansible.module_utils.linerate.trial.journal import failed
from ansible.module_utils.linerate.trial.model import RATE_TOLERANCE_PERCENT, Trial
from ansible.module_utils.linerate.trial.verdict import Tolerance
from ansible.module_utils.linerate.trial.witnesses import reports_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "run_dir": {"type": "path", "required": True},
            "schemas_dir": {"type": "path", "required": True},
            "trial": {"type": "dict", "required": True},
            "sent": {"type": "dict", "required": True},
            "received": {"type": "list", "elements": "list", "default": []},
            "rate_tolerance_percent": {"type": "float", "default": RATE_TOLERANCE_PERCENT},
        },
        supports_check_mode=True,
    )
    given = module.params
    folder = RunFolder(Path(given["run_dir"]), Path(given["schemas_dir"]))
    try:
        trial = Trial.from_json(given["trial"])
        sent = sent_of(trial, given["sent"])
        reports = reports_of(given["received"])
        limit = sender_limit(trial, folder.at_top_speed()) if trial.offered.paced_pps is not None else None
        result = result_of(trial, sent, reports, Tolerance(rate_percent=given["rate_tolerance_percent"]), limit)
        added = module.check_mode or folder.add(result, samples_csv(trial, sent, reports))
        stored = folder.stored()
    except LinerateError as error:
        module.fail_json(msg=str(error))
    if not added:
        module.exit_json(changed=False, line=f"{trial.trial_id} is stored already", **counts(stored))
    module.exit_json(changed=True, line=one_line(result), trial=result.to_json(), **counts(stored))


def sent_of(trial: Trial, returned: dict) -> Sent:
    """The sender's half of the trial, as its module returned it; a failure where it returned none."""
    if "process" not in returned:
        return failed(trial, returned.get("msg") or "linerate_replay returned no result")
    return Sent.of_result(returned)


def counts(stored: Stored) -> dict:
    return {"stored": stored.trials, "valid": stored.valid}


if __name__ == "__main__":
    main()
