#!/usr/bin/python
"""Ansible module: write the report of a run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_report
short_description: Write the report of a stored run
description:
  - Reads C(run.json), C(trials.jsonl) and the samples in a run's folder, and validates them against their schemas.
  - Writes C(report.html) (one self-contained file), C(summary.md), C(summary.json), C(trials.csv) and C(junit.xml) into
    the same folder.
  - Checks the gates of the run, which RV(passed) and RV(failures) return; a gate that fails does not fail the module.
  - Equal results give identical files, so a second call changes nothing.
  - Runs on the controller, with the Python that C(make setup) installs.
options:
  run_dir:
    description: Folder of the run. A symbolic link such as C(results/latest) is followed.
    type: path
    required: true
  outcomes:
    description: >-
      File to which the outcome is appended as one line of JSON, with C(run_dir), C(run_id), C(passed), C(failures) and
      C(report_path), for a program that started the run; empty for none.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description:
      - Renders the report and returns whether a file would change, without writing.
      - Without a run, as before the first one, the module does not fail, since an earlier play would create one.
  diff_mode:
    support: partial
    details: Shows the change of the summary; the HTML is too large for a readable diff.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Write the report of the newest run
  linerate_report:
    run_dir: results/latest
  delegate_to: localhost
  register: report
"""

RETURN = r"""
summary:
  description: The summary, as Markdown that also reads well in a terminal.
  returned: success
  type: str
report_path:
  description: Absolute path of report.html.
  returned: success
  type: str
  sample: /srv/linerate/results/20260102T030405Z-sender1/report.html
summary_path:
  description: Absolute path of summary.md.
  returned: success
  type: str
  sample: /srv/linerate/results/20260102T030405Z-sender1/summary.md
passed:
  description: Whether the run passed all its gates; always in check mode without a run.
  returned: success
  type: bool
failures:
  description: The gates that did not pass, each with what was found and the limit.
  returned: success
  type: list
  elements: str
  sample: ["udp_port_scan_64, kernel, top speed: 348,120 pps, at least 1,000,000 pps expected"]
"""

import json
import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

# The installed package, not ansible.module_utils.linerate: Ansible packs only Python files, and the report also needs
# its templates and schemas. The module runs on the controller only, so the package is available.
try:
    from linerate.errors import LinerateError
    from linerate.report.write import Written, write_report

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={"run_dir": {"type": "path", "required": True}, "outcomes": {"type": "str", "default": ""}},
        supports_check_mode=True,
    )
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("linerate", reason="to write reports"), exception=IMPORT_ERROR)
    folder = Path(module.params["run_dir"])
    if module.check_mode and not folder.exists():
        paths = {"report_path": str(folder / "report.html"), "summary_path": str(folder / "summary.md")}
        summary = f"There is no run in {folder} yet."
        module.exit_json(changed=True, summary=summary, passed=True, failures=[], **paths)
    outcomes = module.params["outcomes"]
    try:
        written = write_report(folder, check=module.check_mode)
        if outcomes and not module.check_mode:
            append_outcome(Path(outcomes), written)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"outcomes {outcomes!r}: cannot be written: {error.strerror}. Name a file in a folder.")
    module.exit_json(
        changed=written.changed,
        passed=written.passed,
        failures=written.failures,
        summary=written.text,
        report_path=str(written.report),
        summary_path=str(written.summary),
        diff={
            "before": written.previous_text or "",
            "after": written.text,
            "before_header": str(written.summary),
            "after_header": str(written.summary),
        },
    )


def append_outcome(path: Path, written: Written) -> None:
    """Append the outcome of the run as one line of JSON."""
    run_dir = written.report.parent
    outcome = {"run_id": run_dir.name, "run_dir": str(run_dir), "report_path": str(written.report)}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**outcome, "passed": written.passed, "failures": written.failures}) + "\n")


if __name__ == "__main__":
    main()
