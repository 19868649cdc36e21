"""A fact cache of yesterday decides nothing: kernel and distribution are read from the host."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.integration.conftest import REPOSITORY, VENV_BIN

CACHE = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_TIMEOUT": "86400"}
SHOW = {"ansible.builtin.debug": {"msg": "kernel={{ ansible_facts['kernel'] }}, {{ ansible_facts['os_family'] }}."}}
STALE = {"ansible_kernel": "5.14.0-1.old.x86_64", "ansible_os_family": "Suse", "ansible_architecture": "s390x"}
ROLES = {
    "packages": {"name": "packages"},
    "netmap": {"name": "netmap", "tasks_from": "preflight"},
    "tcpreplay": {"name": "tcpreplay", "tasks_from": "validate"},
}


@pytest.mark.parametrize("role", ROLES)
def test_the_cached_kernel_and_distribution_are_not_used(tmp_path: Path, role):
    cache = tmp_path / "cache"
    config = {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache)}

    def play(name: str) -> subprocess.CompletedProcess[str]:
        # ansible-runner would set a fact cache of its own.
        command = [VENV_BIN / "ansible-playbook", "-i", tmp_path / "hosts.yml", tmp_path / f"{name}.yml"]
        environment = {**os.environ, **CACHE, **config}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {"all": {"hosts": {"labhost": host}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    gather = {"ansible.builtin.setup": {"gather_subset": ["!all", "min"]}}
    given = {"packages_names": {"Debian": [], "RedHat": []}, "tcpreplay_install_method": "source"}
    use = {"ansible.builtin.include_role": ROLES[role], "vars": given}
    for name, tasks in (("gather", [gather]), ("use", [use, SHOW])):
        named = [{"name": f"Task {number}", **task} for number, task in enumerate(tasks)]
        content = [{"name": name, "hosts": "labhost", "gather_facts": False, "tasks": named}]
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content))
    assert play("gather").returncode == 0
    (stored,) = cache.iterdir()
    wrapped = json.loads(stored.read_text())
    facts = json.loads(wrapped["__payload__"]) if "__payload__" in wrapped else wrapped
    facts.update(STALE)
    stored.write_text(json.dumps({**wrapped, "__payload__": json.dumps(facts)} if "__payload__" in wrapped else facts))
    done = play("use")
    # A kernel without loadable modules is refused, by its name.
    assert done.returncode == 0 or "does not load modules" in done.stdout, done.stdout
    assert platform.release() in done.stdout
    assert "5.14.0-1.old" not in done.stdout
    assert "Suse." not in done.stdout
