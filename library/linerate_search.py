#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: determine the next trial of a search on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_search
short_description: Determine the next trial of a search, or its outcome
description:
  - Reads the stored trials of a run and determines which trial one of its searches needs next. Writes nothing, so that
    an interrupted search continues with the trial that is missing. Runs on the controller.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.results]
author: linerate contributors
options:
  run_dir:
    description: Folder of the run.
    type: path
    required: true
  search:
    description: Name of the search, as M(linerate_run) returned it.
    type: str
    required: true
  ceilings:
    description: The planned trials that show the sender's own limit, as M(linerate_run) returned them.
    type: list
    elements: dict
    required: true
  deadline_margin:
    description: How many seconds longer than planned a trial may take before it is stopped from outside.
    type: float
    default: 15
attributes:
  check_mode:
    description: Writes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Determine the next trial
  linerate_search:
    run_dir: results/latest
    schemas_dir: schemas
    search: throughput-udp_64
    ceilings: ["{{ planned_trial }}"]
"""

RETURN = r"""
trial:
  description: The next trial, whole; null where the search has ended.
  returned: always
  type: dict
journals:
  description: Names of the journals of the search's stored trials, for M(linerate_journal).
  returned: always
  type: list
  elements: str
lines:
  description: What is known so far, a line for each goal.
  returned: always
  type: list
  elements: str
outcomes:
  description: The outcome of each goal (C(linerate.search.outcome.Outcome)).
  returned: always
  type: list
  elements: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.results.read import load_run
from ansible.module_utils.linerate.search.outcome import sentence
from ansible.module_utils.linerate.search.steps import next_trial, outcomes, progress
from ansible.module_utils.linerate.trial.journal import journal_name
from ansible.module_utils.linerate.trial.model import RATE_TOLERANCE_PERCENT, Trial
from ansible.module_utils.linerate.trial.plan import DEADLINE_MARGIN
from ansible.module_utils.linerate.trial.verdict import Tolerance


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "run_dir": {"type": "path", "required": True},
            "schemas_dir": {"type": "path", "required": True},
            "search": {"type": "str", "required": True},
            "ceilings": {"type": "list", "elements": "dict", "required": True},
            "deadline_margin": {"type": "float", "default": DEADLINE_MARGIN},
            "rate_tolerance_percent": {"type": "float", "default": RATE_TOLERANCE_PERCENT},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        run = load_run(Path(given["run_dir"]), Path(given["schemas_dir"]))
        search = next(search for search in run.info.searches if search.name == given["search"])
        tolerance = Tolerance(rate_percent=given["rate_tolerance_percent"])
        done = progress(search, run.trials, tolerance)
        sequence = 1 + max((trial.sequence for trial in run.trials), default=0)
        ceilings = [Trial.from_json(one) for one in given["ceilings"]]
        trial = next_trial(done, search, ceilings, sequence, given["deadline_margin"])
        stored = [one for one in run.trials if search.owns(one.trial_id)]
        journals = [journal_name(one.run_id, one.trial_id) for one in stored]
        found = done.outcomes
        if trial is None:
            found = [one for one in outcomes(run.info.searches, run.trials, tolerance) if one.search == search.name]
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        trial=trial.to_json() if trial else None,
        journals=journals,
        lines=[sentence(outcome) for outcome in found],
        outcomes=[outcome.to_json() for outcome in found],
    )


if __name__ == "__main__":
    main()
