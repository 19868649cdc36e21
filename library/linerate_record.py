#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: judge and store a trial on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_record
short_description: Judge a trial that has ended, and store it
description:
  - Joins what the sender and the receiver saw, judges it, and adds it to the run's results, written whole and
    held against the schema. Runs on the controller.
version_added: "0.1.0"
author: linerate contributors
options:
  run_dir:
    description: The run's folder.
    type: path
    required: true
  schemas_dir:
    description: Folder of the JSON Schemas.
    type: path
    required: true
  trial:
    description: One of the trials that M(linerate_run) returned.
    type: dict
    required: true
  sent:
    description:
      - What M(linerate_replay) returned, or M(linerate_journal) for it.
      - A failure of the module is stored too, as a trial that came to nothing, with its message as the reason.
    type: dict
    required: true
  received:
    description:
      - For each witness its definition, as M(linerate_run) returned it, and what M(linerate_receive) returned for it.
      - Empty when the trial had no witness; then it is judged by the sender alone.
    type: list
    elements: list
    default: []
  rate_tolerance_percent:
    description: How far a paced trial may be from the rate asked for.
    type: float
    default: 1.0
  unless_stored:
    description: Whether to do nothing where the run has this trial already, is not here, or still goes on.
    type: bool
    default: false
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
  description: The trial in one line.
  returned: always
  type: str
trial:
  description: The stored record.
  returned: when stored now
  type: dict
stored:
  description: How many trials the run has stored by now; 0 where the run is not here, or still goes on.
  returned: always
  type: int
valid:
  description: How many of them are valid.
  returned: always
  type: int
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.controller.owner import lives
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.results.store import RunFolder
from ansible.module_utils.linerate.trial.journal import failed
from ansible.module_utils.linerate.trial.one_line import one_line
from ansible.module_utils.linerate.trial.result import build, samples_csv
from ansible.module_utils.linerate.trial.verdict import Tolerance
from ansible.module_utils.linerate.trial.witnesses import report


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "run_dir": {"type": "path", "required": True},
            "schemas_dir": {"type": "path", "required": True},
            "trial": {"type": "dict", "required": True},
            "sent": {"type": "dict", "required": True},
            "received": {"type": "list", "elements": "list", "default": []},
            "rate_tolerance_percent": {"type": "float", "default": 1.0},
            "unless_stored": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    planned, sent = given["trial"]["planned"], given["sent"]
    received = [report(definition, result) for definition, result in given["received"]]
    tolerance = Tolerance(rate_percent=given["rate_tolerance_percent"])
    folder = RunFolder(Path(given["run_dir"]), Path(given["schemas_dir"]))
    try:
        if given["unless_stored"]:
            leave_alone(module, folder, given["trial"])
        if "process" not in sent:
            sent = failed(given["trial"], sent.get("msg") or "linerate_replay gave no result")
        record = build(planned, sent, received, given["trial"]["context"], tolerance)
        samples = samples_csv(planned, sent, received)
        added = module.check_mode or folder.add(record, samples)
        stored = folder.trials()
    except LinerateError as error:
        module.fail_json(msg=str(error))
    if not added:
        module.exit_json(changed=False, line=f"{planned['trial_id']} is stored already", **counts(stored))
    module.exit_json(changed=True, line=one_line(record), trial=record, **counts(stored))


def leave_alone(module: AnsibleModule, folder: RunFolder, trial: dict) -> None:
    """End here where the trial is stored, or there is no run to store it in, or that will store it itself."""
    trial_id = trial["planned"]["trial_id"]
    if not folder.path.is_dir():
        module.exit_json(
            changed=False, line=f"{trial_id} belongs to a run that is not here: {folder.path}", **counts([])
        )
    if lives(trial.get("owner")):
        module.exit_json(changed=False, line=f"{trial_id} belongs to a run that goes on: {folder.path}", **counts([]))
    stored = folder.trials()
    if any(other["trial_id"] == trial_id for other in stored):
        module.exit_json(changed=False, line=f"{trial_id} is stored already", **counts(stored))


def counts(stored: list) -> dict:
    return {"stored": len(stored), "valid": sum(trial["verdict"]["valid"] for trial in stored)}


if __name__ == "__main__":
    main()
