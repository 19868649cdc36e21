#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: store the interrupted trials of a sender's journals on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_collect
short_description: Store the interrupted trials of a sender
description:
  - Stores each trial in its run, if that is in O(results_dir), or on this controller in the folder that it was started
    in.
  - A trial whose run was started on another controller is left to that for a week. Any other is stored as a file of
    its own in the folder C(orphaned) of O(results_dir).
  - A trial of a run in progress is skipped.
  - Runs on the controller.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.results]
author: linerate contributors
options:
  journals:
    description: What M(linerate_journal) returned.
    type: list
    elements: dict
    required: true
  results_dir:
    description: Folder of the runs.
    type: path
    required: true
  counted:
    description: Pairs of a count, as RV(counts), and what M(linerate_receive) returned for it.
    type: list
    elements: list
    default: []
attributes:
  check_mode:
    description: Returns the counts to end, and stores nothing.
    support: full
"""

EXAMPLES = r"""
- name: Store the interrupted trials
  linerate_collect:
    journals: "{{ interrupted.journals }}"
    results_dir: results
    schemas_dir: schemas
"""

RETURN = r"""
counts:
  description: The counts of the trials that are to be stored, each a C(host) and a C(name).
  returned: always
  type: list
  elements: dict
lines:
  description: One line per trial.
  returned: always
  type: list
  elements: str
settled:
  description: Names of the journals that are not needed any more.
  returned: always
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.controller.collect import Interrupted, home_of, judge, store_apart
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.report.one_line import one_line
from ansible.module_utils.linerate.results.store import ORPHANED
from ansible.module_utils.linerate.trial.model import RATE_TOLERANCE_PERCENT
from ansible.module_utils.linerate.trial.verdict import Tolerance


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "journals": {"type": "list", "elements": "dict", "required": True},
            "results_dir": {"type": "path", "required": True},
            "schemas_dir": {"type": "path", "required": True},
            "counted": {"type": "list", "elements": "list", "default": []},
            "rate_tolerance_percent": {"type": "float", "default": RATE_TOLERANCE_PERCENT},
        },
        supports_check_mode=True,
    )
    given = module.params
    results, schemas = Path(given["results_dir"]), Path(given["schemas_dir"])
    counted = {count["name"]: result for count, result in given["counted"]}
    tolerance = Tolerance(rate_percent=given["rate_tolerance_percent"])
    done = []
    for returned in given["journals"]:
        try:
            done.append(collect(Interrupted.of(returned), counted, tolerance, (results, schemas), module.check_mode))
        except LinerateError as error:
            # The others are stored all the same, and this one stays on the sender.
            module.warn(f"journal {returned.get('name')}: {error}")
    module.exit_json(
        changed=any(one["stored"] for one in done),
        counts=[count for one in done if one["stored"] for count in one["journal"].counts()],
        lines=[one["line"] for one in done],
        settled=[one["journal"].name for one in done if one["settled"]],
    )


def collect(journal: Interrupted, counted: dict, tolerance: Tolerance, folders: tuple, check: bool) -> dict:
    """Store one trial, unless it is to stay where it is."""
    trial, home = journal.trial, home_of(journal, *folders)
    if home.reason:
        line = f"{trial.trial_id} of run {trial.bench.run_id} {home.reason}"
        return {"journal": journal, "line": line, "stored": False, "settled": home.settled}
    result, samples = judge(journal, journal.reports(counted), tolerance)
    run = f"run {trial.bench.run_id}, which was interrupted"
    where = f"{run}: {home.folder.path}" if home.folder else f"{run} and is not here: {folders[0] / ORPHANED}"
    if home.folder and not check:
        home.folder.add(result, samples)
    elif not check:
        store_apart(journal.name, result, samples, *folders)
    line = f"{one_line(result)}. Stored for {where}"
    return {"journal": journal, "line": line, "stored": True, "settled": True}


if __name__ == "__main__":
    main()
