"""A fact cache of yesterday decides nothing: kernel and distribution are read from the host."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
import yaml

CACHE = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_TIMEOUT": "86400"}
SHOW = {"ansible.builtin.debug": {"msg": "kernel={{ ansible_facts['kernel'] }}, {{ ansible_facts['os_family'] }}."}}
STALE = {"ansible_kernel": "5.14.0-1.old.x86_64", "ansible_os_family": "Suse", "ansible_architecture": "s390x"}
ROLES = {
    "packages": {"name": "packages"},
    "netmap": {"name": "netmap", "tasks_from": "preflight"},
    "tcpreplay": {"name": "tcpreplay", "tasks_from": "validate"},
}


@pytest.mark.parametrize("role", ROLES)
def test_the_cached_kernel_and_distribution_are_not_used(play, tmp_path: Path, monkeypatch, role):
    cache = tmp_path / "cache"
    for name, value in {**CACHE, "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache)}.items():
        monkeypatch.setenv(name, value)
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {"all": {"hosts": {"labhost": host}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    gather = {"ansible.builtin.setup": {"gather_subset": ["!all", "min"]}}
    use = {"ansible.builtin.include_role": ROLES[role], "vars": {"packages_names": {"Debian": [], "RedHat": []}}}
    for name, tasks in (("gather", [gather]), ("use", [use, SHOW])):
        named = [{"name": f"Task {number}", **task} for number, task in enumerate(tasks)]
        content = [{"name": name, "hosts": "labhost", "gather_facts": False, "tasks": named}]
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content))
    assert play(str(tmp_path / "gather.yml"), "-i", str(tmp_path / "hosts.yml")).rc == 0
    (stored,) = cache.iterdir()
    wrapped = json.loads(stored.read_text())
    facts = json.loads(wrapped["__payload__"]) if "__payload__" in wrapped else wrapped
    facts.update(STALE)
    stored.write_text(json.dumps({**wrapped, "__payload__": json.dumps(facts)} if "__payload__" in wrapped else facts))
    done = play(str(tmp_path / "use.yml"), "-i", str(tmp_path / "hosts.yml"))
    # A kernel without loadable modules is refused, by its name.
    assert done.rc == 0 or "does not load modules" in done.stdout, done.stdout
    assert platform.release() in done.stdout
    assert "5.14.0-1.old" not in done.stdout
    assert "Suse." not in done.stdout
