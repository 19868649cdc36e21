"""``linerate run`` with the real ansible-playbook, on a project of one playbook."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = "[defaults]\ninventory = localhost,\nstdout_callback = default\n"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Report the outcomes
      ansible.builtin.copy:
        dest: "{{ report_outcomes }}"
        content: "{{ outcomes }}"
        mode: "0600"
      when: outcomes | default('') | length > 0
    - name: Show the terminal and the folder
      ansible.builtin.debug:
        msg: "{{ lookup('ansible.builtin.env', 'PWD') }} {{ given | default('') }}"
    - name: Show the command that the callback suggests
      ansible.builtin.debug:
        msg: "{{ lookup('ansible.builtin.env', 'LINERATE_COMMAND') }}"
    - name: Fail
      ansible.builtin.fail:
      when: broken | default(false) | bool
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "playbooks").mkdir()
    (folder / "ansible.cfg").write_text(CONFIG)
    (folder / "site.yml").write_text(PLAY)
    (folder / "playbooks/throughput.yml").write_text(PLAY.replace("Show the terminal", "Search in the terminal"))
    (folder / "scenarios/small.yml").write_text("given: from the scenario\n")
    return folder


def linerate(project: Path, *argv: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linerate.cli.main", *argv]
    environment = {**os.environ, "LINERATE_HOME": str(project), "PWD": str(project.parent)}
    given = {"capture_output": True, "text": True, "cwd": project.parent, **options}
    return subprocess.run(command, env=environment, check=False, **given)


def outcome(passed: bool) -> str:
    return json.dumps({"run_id": "a", "passed": passed, "failures": [] if passed else ["it rained"]})


@pytest.mark.parametrize(
    ("variables", "status"),
    [
        ({}, 0),
        ({"outcomes": outcome(True)}, 0),
        ({"outcomes": outcome(False), "broken": True}, 1),
        ({"outcomes": f"{outcome(True)}\n{outcome(False)}", "broken": True}, 1),
        ({"outcomes": outcome(True), "broken": True}, 3),
        ({"broken": True}, 3),
    ],
)
def test_the_status_follows_from_the_runs_and_the_playbook(project, variables, status):
    done = linerate(project, "run", "--json", "-e", json.dumps(variables))
    assert done.returncode == status, done.stderr
    found = json.loads(done.stdout)
    assert found["passed"] == (status == 0)
    assert len(found["runs"]) == len(variables.get("outcomes", "").splitlines())
    assert "Show the terminal" in done.stderr


def test_a_scenario_of_the_project_is_found_from_any_folder(project):
    done = linerate(project, "run", "--scenario", "small", "-i", "localhost,")
    assert done.returncode == 0, done.stderr
    assert f"{project.parent} from the scenario" in done.stdout
    assert "run --scenario small -i localhost," in done.stdout


def test_throughput_plays_its_playbook_and_options_are_passed_on(project):
    done = linerate(project, "throughput", "--", "--list-tasks")
    assert done.returncode == 0, done.stderr
    assert "Search in the terminal" in done.stdout
    assert "PLAY RECAP" not in done.stdout


def test_plan_is_check_mode(project):
    done = linerate(project, "plan", "-e", json.dumps({"outcomes": outcome(False)}))
    assert done.returncode == 0, done.stderr
    assert "Report the outcomes" in done.stdout


def test_the_playbook_has_the_terminal(project):
    """A live view needs it: Ansible colours its output on a terminal only."""
    controller, terminal = pty.openpty()
    done = linerate(project, "run", capture_output=False, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE)
    os.close(terminal)
    text = b""
    try:
        while piece := os.read(controller, 65536):
            text += piece
    except OSError:
        # Linux reports the end of a terminal so.
        pass
    finally:
        os.close(controller)
    assert done.returncode == 0, done.stderr
    assert b"\x1b[0;3" in text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["run", "--scenario", "tpyo"],
            "linerate run: --scenario 'tpyo': is neither a file nor a scenario of the project",
        ),
        (["plan", "--scenario", "tpyo"], "Use one of small."),
    ],
)
def test_a_scenario_that_does_not_exist_is_a_usage_error(project, argv, message):
    done = linerate(project, *argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_that_is_no_checkout_is_a_usage_error(tmp_path):
    done = linerate(tmp_path, "run")
    assert done.returncode == 2
    assert done.stderr.startswith(f"linerate run: LINERATE_HOME '{tmp_path}': is not a checkout of linerate")
