"""The console of a real run: live on a terminal over SSH, and a view that fails while a trial is sent."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import REPOSITORY, VENV_BIN

RUN = "a-run"
CRASH = """
import linerate.console.view as view
tell = view.View.event
def event(self, given):
    if given["event"] == "interval":
        raise RuntimeError("injected")
    tell(self, given)
view.View.event = event
"""


def command(tmp_path: Path, *options: str) -> list[str]:
    """A benchmark of one trial at top speed, long enough to have several intervals."""
    given: dict[str, Any] = {
        "benchmark_run_id": RUN,
        "benchmark_repeats": 1,
        "benchmark_rates": [{"mode": "topspeed"}],
        "benchmark_cases": ["udp_port_scan_64"],
        "benchmark_engines": ["kernel"],
        "benchmark_duration_topspeed": 8,
        "benchmark_sample_interval": 0.25,
        "benchmark_proof": False,
        "benchmark_results_dir": str(tmp_path / "results"),
        "pcaps_dir": str(tmp_path / "pcaps"),
    }
    playbook = [str(VENV_BIN / "ansible-playbook"), "playbooks/benchmark.yml", "-i", "inventory/lab"]
    return [*playbook, *options, "-e", json.dumps(given)]


def environment(**changes: str) -> dict[str, str]:
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",
        "LINERATE_OUTPUT": "auto",
        "TERM": "xterm",
        **changes,
    }


def verdict(tmp_path: Path) -> list[str]:
    """Why the only trial is not valid."""
    (trial,) = (tmp_path / "results" / RUN / "trials.jsonl").read_text().splitlines()
    reasons: list[str] = json.loads(trial)["verdict"]["reasons"]
    return reasons


def on_a_terminal(argv: list[str]) -> tuple[int, str]:
    """The exit status, and all that was written to the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(REPOSITORY)
        os.execvpe(argv[0], argv, environment())  # noqa: S606
    output = b""
    try:
        while chunk := os.read(terminal, 65536):
            output += chunk
    except OSError:
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output.decode()


@pytest.mark.long
def test_a_terminal_shows_the_rate_of_a_trial_that_is_sent_over_ssh(by_ssh, tmp_path):
    status, output = on_a_terminal([*by_ssh["before"], *command(tmp_path, "-i", by_ssh["inventory"])])
    assert status == 0, output
    assert verdict(tmp_path) == []
    assert re.search(r"1/1  udp_port_scan_64  kernel +top speed  #1   >>  [0-9.]+/8 s  [0-9,]+ pps  [▁-█]+", output)
    assert re.search(r"1/1  udp_port_scan_64  kernel +top speed  #1  ok +[0-9,]+ pps  loss ", output)
    assert "PASS  1 of 1 trial valid." in output
    assert f"report: file://{tmp_path}/results/{RUN}/report.html" in output
    log = (tmp_path / "results" / RUN / "ansible.log").read_text()
    assert log.count("PLAY RECAP") == 1
    assert "Judge and store the trial (001-udp_port_scan_64" in log


@pytest.mark.long
def test_a_view_that_fails_while_a_trial_is_sent_changes_no_result(lab, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(CRASH)
    changes = {"LINERATE_OUTPUT": "live", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command(tmp_path), cwd=REPOSITORY, env=environment(**changes), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "The view of linerate has failed (RuntimeError: injected)" in " ".join(done.stderr.split())
    assert verdict(tmp_path) == []
    assert "PLAY RECAP" in done.stdout
    assert (tmp_path / "results" / RUN / "ansible.log").read_text().count("PLAY RECAP") == 1
