"""playbooks/report.yml, run by ansible-playbook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_run import invalid, read_info, read_trials, write_info, write_trials

ROOT = Path(__file__).resolve().parents[3]


def play(run_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    ansible = Path(sys.executable).parent / "ansible-playbook"
    return subprocess.run(
        [ansible, "playbooks/report.yml", "-e", f"report_run_dir={run_dir}", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def changed(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"changed=(\d+)", done.stdout)
    assert found
    return int(found[1])


def test_check_mode_predicts_and_the_report_is_written_once(run_dir: Path) -> None:
    predicted = play(run_dir, "--check", "--diff")
    assert changed(predicted) == 1
    assert "+# Run synthetic-run" in predicted.stdout
    assert not (run_dir / "report.html").exists()

    first = play(run_dir)
    assert changed(first) == 1
    last_task = first.stdout.rpartition("TASK [")[2]
    assert "**4 of 4 trials valid.**" in last_task
    assert f"Report: {run_dir}/report.html" in last_task
    for line in (run_dir / "summary.md").read_text().splitlines():
        assert line in last_task

    assert changed(play(run_dir)) == 0


def test_missing_run_is_one_error(tmp_path: Path) -> None:
    done = play(tmp_path / "latest")
    assert done.returncode != 0
    assert done.stdout.count("fatal:") == 1
    # Ansible folds long messages.
    assert "contains no run.json, so it is not a run" in " ".join((done.stdout + done.stderr).split())


def test_check_mode_before_the_first_run_succeeds(tmp_path: Path) -> None:
    done = play(tmp_path / "latest", "--check")
    assert changed(done) == 1
    assert "There is no run in" in done.stdout


GATES = """
- hosts: first, second
  connection: local
  gather_facts: false
  serial: 1
  vars: &python
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - ansible.builtin.import_role: {name: report}
- hosts: first, second
  connection: local
  gather_facts: false
  vars: *python
  tasks:
    - ansible.builtin.import_role: {name: report, tasks_from: gates}
"""


@pytest.mark.parametrize("strict", [True, False])
def test_the_gates_fail_after_every_sender_is_reported(run_dir: Path, tmp_path: Path, strict: bool) -> None:
    """As playbooks/benchmark.yml does it, for two senders whose runs have an invalid trial."""
    records = read_trials(run_dir)
    write_trials(run_dir, [invalid(records[0], "it rained"), *records[1:]])
    write_info(run_dir, {**read_info(run_dir), "gates": {"fail_on_invalid": strict, "expect": []}})
    playbook, outcomes = tmp_path / "gates.yml", tmp_path / "outcomes.jsonl"
    playbook.write_text(GATES)
    variables = json.dumps({"report_run_dir": str(run_dir), "report_outcomes": str(outcomes)})
    ansible = Path(sys.executable).parent / "ansible-playbook"
    argv = [ansible, playbook, "-i", "first,second,", "-e", variables]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == strict, done.stdout + done.stderr
    found = [json.loads(line) for line in outcomes.read_text().splitlines()]
    assert [(one["run_dir"], one["passed"]) for one in found] == [(str(run_dir), not strict)] * 2
    assert [name for name in ("first", "second") if f"fatal: [{name}]" in done.stdout] == ["first", "second"] * strict
    said = "The run did not pass: valid trials: not valid: 1 of 4 trials" in " ".join(done.stdout.split())
    assert said == strict
