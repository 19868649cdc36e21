"""Role packages, on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

PLAYBOOK = "- name: Packages\n  hosts: labhost\n  gather_facts: false\n  roles:\n    - role: packages\n"


def test_a_running_apt_delays_the_installation_for_up_to_ten_minutes(play, tmp_path):
    """Checked by the options of apt-get: waiting for a held lock would take longer than its default."""
    if not shutil.which("apt-cache") or subprocess.run(["apt-cache", "show", "hello"], check=False).returncode != 0:
        pytest.skip("apt does not know the package hello, which is not installed")
    playbook, options, apt_get = tmp_path / "packages.yml", tmp_path / "options", tmp_path / "apt-get"
    playbook.write_text(PLAYBOOK)
    apt_get.write_text(f'#!/bin/sh\necho "$@" >>{options}\nexec {shutil.which("apt-get")} "$@"\n')
    apt_get.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    predicted = play(str(playbook), "--check", before=["env", path], packages_names={"Debian": ["hello"]})
    assert (predicted.rc, predicted.changed_tasks) == (0, 1), predicted.stdout
    assert "DPkg::Lock::Timeout=600" in options.read_text()
