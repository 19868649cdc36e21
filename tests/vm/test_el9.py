"""The EL9 tasks of role devtools, on a guest that Ansible and dnf take for Rocky Linux 9.5.

It runs a kernel whose kernel-devel its repositories do not have any more, and they offer a newer one: a host that
was installed before the last point release. Each scenario has a guest of its own, fresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.conftest import REPOSITORY, Play, Played

RunPlaybook = Callable[..., Played]
VAULT = "file:///srv/repos/vault"
NO_VAULT = "file:///srv/repos/nowhere"
STAMP = "/var/lib/linerate/devtools/kernel-updated"


@pytest.fixture
def el9(play: Play, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPlaybook]:
    """A fresh guest; a function that runs a playbook on it."""
    folder = tmp_path_factory.mktemp("el9") / "running"
    monkeypatch.setenv("LINERATE_GUESTS", str(folder))

    def run(playbook: str, **extra_vars: object) -> Played:
        return play(playbook, "--inventory inventory/el9-standin", **extra_vars)

    up = run("playbooks/vm_up.yml")
    assert up.rc == 0, up.stdout
    yield run
    down = run("playbooks/vm_down.yml")
    assert down.rc == 0, down.stdout


@pytest.fixture
def state(el9: RunPlaybook, tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """A function that tells what the guest is like now."""

    def ask() -> dict[str, Any]:
        told = el9("tests/vm/el9_state.yml", state_file=str(tmp_path / "state.json"))
        assert told.rc == 0, told.stdout
        found: dict[str, Any] = json.loads((tmp_path / "state.json").read_text())
        return found

    return ask


def devtools(el9: RunPlaybook, **variables: object) -> Played:
    return el9("tests/vm/devtools.yml", devtools_groups=["development", "base", "absent-group"], **variables)


def kernel_devel(found: dict[str, Any]) -> list[str]:
    """The packages kernel-devel, by the number that tells Debian's kernels apart."""
    names = [name for name in found["packages"] if name.startswith("kernel-devel-")]
    return [name.removeprefix("kernel-devel-6.1.0-").removesuffix(".el9") for name in names]


def number(kernel: str) -> str:
    return kernel.removeprefix("6.1.0-").removesuffix("-amd64")


def test_headers_that_only_the_vault_has_come_from_there_and_the_vault_does_not_stay(el9, state):
    before = state()
    assert (before["distribution"], before["pkg_mgr"]) == ("Rocky 9.5", "dnf")
    assert not before["headers"]
    first = devtools(el9, devtools_vault_url=VAULT)
    assert first.rc == 0, first.stdout
    assert "Group absent-group is in no enabled repository" in first.stdout
    after = state()
    assert (after["kernel"], after["boot"]) == (before["kernel"], before["boot"])
    assert after["headers"]
    assert kernel_devel(after) == [number(before["kernel"])]
    # Of the groups development and base, of names, and of CRB.
    for name in ("gcc", "which", "ethtool", "patch", "unzip", "libpcap-devel"):
        assert f"{name}-9.5-1.el9" in after["packages"]
    assert after["files"] == before["files"]
    # A host that has everything needs no repository.
    assert el9("tests/vm/el9_host.yml", unreachable=True).rc == 0
    again = devtools(el9, devtools_vault_url=VAULT)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_headers_that_the_enabled_repositories_have_are_those_of_the_running_kernel_not_the_newest(el9, state):
    ready = el9("tests/vm/el9_host.yml", updates=True, lenient=True)
    assert ready.rc == 0, ready.stdout
    # That no repository has one of the packages is said even where dnf passes over it.
    packages = yaml.safe_load((REPOSITORY / "roles/devtools/defaults/main.yml").read_text())["devtools_packages"]
    packages["RedHat"].append("absent-package")
    first = devtools(el9, devtools_vault_url=NO_VAULT, devtools_packages=packages)
    assert first.rc != 0
    (message,) = first.failures
    assert "has absent-group of devtools_groups" in message
    assert "no package provides absent-package. Enable a repository" in message
    after = state()
    assert after["headers"]
    assert kernel_devel(after) == [number(after["kernel"])]
    again = devtools(el9, devtools_vault_url=NO_VAULT)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_headers_that_are_nowhere_need_consent_to_one_reboot_and_no_more(el9, state):
    before = state()
    refused = devtools(el9, devtools_vault_url=NO_VAULT)
    assert refused.rc != 0
    assert refused.changed_tasks == 0
    (message,) = refused.failures
    for named in (before["kernel"], "the enabled repositories", NO_VAULT, "devtools_kernel_update_ok"):
        assert named in message

    assert el9("tests/vm/el9_host.yml", stamp="of another boot").rc == 0
    twice = devtools(el9, devtools_vault_url=NO_VAULT, devtools_kernel_update_ok=True)
    assert twice.rc != 0
    (message,) = twice.failures
    assert "is not rebooted again" in message
    assert STAMP in message
    assert (state()["boot"], twice.changed_tasks) == (before["boot"], 0)

    # As where a run was cut between the update and the reboot: this boot has not been left yet.
    assert el9("tests/vm/el9_host.yml", stamp=before["boot"], lagging=True).rc == 0
    nowhere = devtools(el9, devtools_vault_url="", devtools_kernel_update_ok=True)
    assert nowhere.rc != 0
    (message,) = nowhere.failures
    assert f"was not rebooted: the newest kernel after the update, {before['kernel']}, is the running one" in message

    # Nor was it, or the next run would find the stamp of another boot.
    assert el9("tests/vm/el9_host.yml", lagging=False).rc == 0
    done = devtools(el9, devtools_vault_url=NO_VAULT, devtools_kernel_update_ok=True)
    assert done.rc == 0, done.stdout
    after = state()
    assert after["boot"] != before["boot"]
    assert int(number(after["kernel"])) > int(number(before["kernel"]))
    assert after["headers"]
    assert kernel_devel(after) == [number(after["kernel"])]
    assert STAMP not in after["files"]
    again = devtools(el9, devtools_vault_url=NO_VAULT, devtools_kernel_update_ok=True)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
    assert state()["boot"] == after["boot"]
