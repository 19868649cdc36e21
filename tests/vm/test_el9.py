"""The EL9 tasks of role devtools, on a guest that Ansible and dnf take for Rocky Linux 9.5.

Its repositories have a newer kernel and no longer kernel-devel of the running one, as on a host installed before the
last point release. Each scenario has a fresh guest of its own.
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
    """A function that returns the current state of the guest."""

    def read() -> dict[str, Any]:
        stored = el9("tests/vm/el9_state.yml", state_file=str(tmp_path / "state.json"))
        assert stored.rc == 0, stored.stdout
        found: dict[str, Any] = json.loads((tmp_path / "state.json").read_text())
        return found

    return read


def devtools(el9: RunPlaybook, **variables: object) -> Played:
    return el9("tests/vm/devtools.yml", devtools_groups=["development", "base", "absent-group"], **variables)


def kernel_devel(found: dict[str, Any]) -> list[str]:
    """The packages kernel-devel, by the number that distinguishes Debian's kernels."""
    names = [name for name in found["packages"] if name.startswith("kernel-devel-")]
    return [name.removeprefix("kernel-devel-6.1.0-").removesuffix(".el9") for name in names]


def number(kernel: str) -> str:
    return kernel.removeprefix("6.1.0-").removesuffix("-amd64")


def test_headers_from_the_vault_which_is_removed_again(el9, state):
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
    # From the groups development and base, from package names, and from CRB.
    for name in ("gcc", "which", "ethtool", "patch", "unzip", "libpcap-devel"):
        assert f"{name}-9.5-1.el9" in after["packages"]
    assert after["files"] == before["files"]
    # A complete host needs no repository.
    assert el9("tests/vm/el9_host.yml", unreachable=True).rc == 0
    again = devtools(el9, devtools_vault_url=VAULT)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_headers_from_the_repositories_are_of_the_running_kernel(el9, state):
    ready = el9("tests/vm/el9_host.yml", updates=True, lenient=True)
    assert ready.rc == 0, ready.stdout
    # A package in no repository is reported even where dnf skips it.
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


def test_unavailable_headers_need_consent_to_one_reboot(el9, state):
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

    # As after a run that was interrupted between the update and the reboot: this boot is still the same.
    assert el9("tests/vm/el9_host.yml", stamp=before["boot"], lagging=True).rc == 0
    nowhere = devtools(el9, devtools_vault_url="", devtools_kernel_update_ok=True)
    assert nowhere.rc != 0
    (message,) = nowhere.failures
    assert f"was not rebooted: the newest kernel after the update, {before['kernel']}, is the running one" in message

    # The host was not rebooted, otherwise the next run would find the stamp of another boot.
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
