"""The callback plugin in the real ansible-playbook: in a pipe, on a terminal, interrupted, and with faults."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PLAYBOOK = """
- name: Prepare
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Show a message
      ansible.builtin.debug:
        msg: hello
    - name: Fail for once
      block:
        - name: Fail in a block
          ansible.builtin.fail:
            msg: rescued
      rescue:
        - name: Continue
          ansible.builtin.meta: noop
    - name: Wait
      ansible.builtin.command: "sleep {{ seconds | default(0) }}"
      changed_when: true
- name: Nobody is here
  hosts: nobody
  tasks: []
- name: Fail
  hosts: localhost
  gather_facts: false
  vars:
    first: "{{ second }}"
    second: "{{ {}.missing }}"
  tasks:
    - name: Use a variable
      ansible.builtin.debug:
        msg: "{{ first }}"
"""
FAULTS = {
    "the import": "sys.modules['linerate.console.view'] = None",
    "a result": "import linerate.console.view as m; m.View.result = boom",
    "the thread": "import linerate.console.view as m; m.View.tick = boom",
    "the log": "import linerate.console.log as m; m.Log.write = boom",
}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK)
    program = str(Path(sys.executable).parent / "ansible-playbook")
    return [program, "-i", "localhost,", "-c", "local", str(playbook)]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user, with a folder for temporary files of its own."""
    (tmp_path / "tmp").mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "LINERATE_"))}
    return {
        **own,
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "LC_ALL": "C.UTF-8",
        "LINERATE_LOG_FOLDER": str(tmp_path),
        "TERM": "xterm",
        "TMPDIR": str(tmp_path / "tmp"),
    }


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(command: list[str], environment: Mapping[str, str]) -> Run:
    """A function that runs the playbook in a pipe."""

    def started(*options: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *options], env={**environment, **changes}, capture_output=True, text=True, check=False
        )

    return started


def test_a_pipe_gets_a_line_per_step_and_the_log_has_everything(run, tmp_path):
    done = run()
    assert done.returncode == 2
    lines = [line for line in done.stdout.splitlines() if "no hosts" not in line]
    assert lines[:2] == ["      hello", " !    localhost: Fail in a block: rescued"]
    assert lines[2].startswith(" ok   Prepare  ")
    assert lines[3].startswith("FAIL  localhost: object of type 'dict' has no attribute 'missing'")
    assert lines[4].startswith("      in the task: Use a variable (")
    assert lines[5].startswith("FAIL  Fail  ")
    assert lines[6].startswith("FAIL  ")
    assert "\x1b" not in done.stdout
    log = (tmp_path / "ansible.log").read_text()
    assert "TASK [Show a message]" in log
    assert log.count("failed=1") == 1
    assert "Could not match supplied host pattern" in log
    assert list((tmp_path / "tmp").glob("linerate-*")) == []


@pytest.mark.parametrize(("options", "variables"), [((), {"LINERATE_OUTPUT": "ansible"}), (("-v",), {})])
def test_ansibles_own_output_is_one_option_away(run, options, variables):
    done = run(*options, **variables)
    assert done.returncode == 2
    assert "TASK [Show a message] ***" in done.stdout
    assert done.stdout.count("PLAY RECAP") == 1
    assert "hello" in done.stdout


@pytest.mark.parametrize("fault", FAULTS)
def test_a_view_that_fails_changes_no_result(run, tmp_path, fault):
    faults = tmp_path / "faults"
    faults.mkdir()
    boom = "import sys\ndef boom(*args, **kwargs):\n    raise RuntimeError('injected')\n"
    (faults / "sitecustomize.py").write_text(f"{boom}{FAULTS[fault]}\n")
    done = run("-e", "seconds=2", PYTHONPATH=str(faults))
    assert done.returncode == 2
    text = " ".join(done.stderr.split())
    if fault == "the log":
        assert done.stdout.splitlines()[-2].startswith("FAIL  ")
    else:
        assert "The view of linerate has failed" in text
        assert "localhost" in done.stdout.split("PLAY RECAP")[1]


def on_a_terminal(command: list[str], environment: Mapping[str, str], interrupt: bytes = b"") -> tuple[int, str]:
    """The exit status and all output; SIGINT is sent to the group once ``interrupt`` was printed, as by Ctrl-C."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, dict(environment))  # noqa: S606
    output = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        output += chunk
        if interrupt and interrupt in output:
            interrupt = b""
            time.sleep(0.2)
            os.killpg(child, signal.SIGINT)
        if not chunk:
            break
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output.decode()


def test_a_terminal_shows_what_runs_now(command, environment):
    status, output = on_a_terminal([*command, "-e", "seconds=2"], environment)
    assert status == 2
    assert " ..   Prepare: Wait  1 s" in output
    assert "\x1b[J" in output
    assert "\x1b[31mFAIL  localhost: object of type 'dict'" in output
    assert "\x1b[?25l" not in output


def test_an_interrupted_playbook_says_so_and_keeps_its_log(command, environment, tmp_path):
    status, output = on_a_terminal([*command, "-e", "seconds=60"], environment, b"Prepare: Wait")
    assert status not in (0, 2)
    assert "STOP  " in output
    assert "User interrupted" in (tmp_path / "ansible.log").read_text()


def test_a_dumb_or_colourless_terminal_is_respected(command, environment):
    _, output = on_a_terminal(command, {**environment, "TERM": "dumb", "ANSIBLE_NOCOLOR": "1"})
    assert "\x1b" not in output.replace("\x1b[?1034h", "")
    assert " ok   Prepare" in output


def test_a_reader_that_leaves_ends_nothing(command, environment):
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.close()
        assert process.wait() == 2
