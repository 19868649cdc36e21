"""The role packages, on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

PLAYBOOK = "- name: Packages\n  hosts: labhost\n  gather_facts: false\n  roles:\n    - role: packages\n"


def test_apt_waits_ten_minutes_for_the_lock(play, tmp_path):
    """Checked by the options of apt-get: to hold the lock for longer than the default would take too long."""
    if not shutil.which("apt-cache") or subprocess.run(["apt-cache", "show", "hello"], check=False).returncode != 0:
        pytest.skip("needs apt and its package hello")
    playbook, log, apt_get = tmp_path / "packages.yml", tmp_path / "log", tmp_path / "apt-get"
    playbook.write_text(PLAYBOOK)
    apt_get.write_text(f'#!/bin/sh\necho "$@" >>{log}\nexec {shutil.which("apt-get")} "$@"\n')
    apt_get.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    checked = play(str(playbook), "--check", before=["env", path], packages_names={"Debian": ["hello"]})
    assert (checked.rc, checked.changed_tasks) == (0, 1), checked.stdout
    assert "DPkg::Lock::Timeout=600" in log.read_text()
