"""Role packages, on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

PLAYBOOK = "- name: Packages\n  hosts: labhost\n  gather_facts: false\n  roles:\n    - role: packages\n"


def test_another_apt_is_waited_for_ten_minutes(play, tmp_path):
    """Seen by what apt-get is told: a lock that is held for longer than its default would take longer than that."""
    if not shutil.which("apt-cache") or subprocess.run(["apt-cache", "show", "hello"], check=False).returncode != 0:
        pytest.skip("apt does not know the package hello, which is not installed")
    playbook, told, apt_get = tmp_path / "packages.yml", tmp_path / "told", tmp_path / "apt-get"
    playbook.write_text(PLAYBOOK)
    apt_get.write_text(f'#!/bin/sh\necho "$@" >>{told}\nexec {shutil.which("apt-get")} "$@"\n')
    apt_get.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    foretold = play(str(playbook), "--check", before=["env", path], packages_names={"Debian": ["hello"]})
    assert (foretold.rc, foretold.changed_tasks) == (0, 1), foretold.stdout
    assert "DPkg::Lock::Timeout=600" in told.read_text()
