"""playbooks/report.yml, run by ansible-playbook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
