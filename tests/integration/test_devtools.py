"""Role devtools on this machine, also disguised as another distribution; tests/vm has the EL9 tasks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

UBUNTU = {
    "os-release": 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION="24.04 LTS (Noble Numbat)"\n',
    "debian_version": "trixie/sid\n",
}
DEBIAN_11 = {
    "os-release": 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 11"\nID=debian\nVERSION_ID="11"\n',
    "debian_version": "11.9\n",
}
ROCKY_9 = {
    "os-release": 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel"\nVERSION_ID="9.5"\n',
    "redhat-release": "Rocky Linux release 9.5 (Blue Onyx)\n",
}
ROCKY_8 = {
    "os-release": 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel"\nVERSION_ID="8.10"\n',
    "redhat-release": "Rocky Linux release 8.10 (Green Obsidian)\n",
}


@pytest.fixture
def disguised(namespaces, tmp_path):
    """A function that makes an /etc of another distribution; it returns the command to run a playbook with it."""

    def disguise(files: dict[str, str]) -> list[str]:
        etc = tmp_path / "etc"
        shutil.copytree("/etc", etc, symlinks=True)
        for name in ("os-release", "debian_version"):
            (etc / name).unlink()
        for name, content in files.items():
            (etc / name).write_text(content)
        script = tmp_path / "under"
        script.write_text(f'#!/bin/sh\nset -e\nmount --bind {etc} /etc\nexec "$@"\n')
        script.chmod(0o755)
        return ["unshare", "--mount", str(script)]

    return disguise


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (UBUNTU, "Ubuntu 24.04 (family Debian)"),
        (DEBIAN_11, "Debian 11.9 (family Debian)"),
        (ROCKY_8, "Rocky 8.10 (family RedHat)"),
    ],
    ids=["ubuntu", "debian 11", "rocky 8"],
)
def test_an_unsupported_distribution_is_refused_by_name_before_anything_is_changed(play, disguised, files, found):
    refused = play("tests/integration/devtools.yml", before=disguised(files))
    assert refused.rc != 0
    (message,) = refused.failures
    assert f"cannot be installed on {found}. Supported are Debian 12, Debian 13, and EL 9" in message
    assert refused.changed_tasks == 0


def test_the_programs_that_builds_need_are_installed(play):
    installed = play("tests/integration/devtools.yml")
    assert installed.rc == 0, installed.stdout
    # For netmap's patches, and for the sources of Intel's drivers.
    assert [shutil.which(program) for program in ("patch", "unzip")] == ["/usr/bin/patch", "/usr/bin/unzip"]


def test_a_complete_host_of_el_queries_no_repository(play, disguised, tmp_path):
    """The rpm of this test has every package; dnf, which a task would need, does not exist on Debian."""
    rpm = tmp_path / "rpm"
    rpm.write_text("#!/bin/sh\n")
    rpm.chmod(0o755)
    complete = play(
        "tests/integration/devtools.yml",
        before=[*disguised(ROCKY_9), "env", f"PATH={tmp_path}:{os.environ['PATH']}"],
    )
    assert (complete.rc, complete.changed_tasks) == (0, 0), complete.stdout


def test_a_host_that_another_one_builds_for_needs_no_headers(play):
    kernel = os.uname().release
    if Path(f"/lib/modules/{kernel}/build/Makefile").exists():
        pytest.skip(f"this machine has the headers of its kernel, {kernel}")
    done = play(
        "tests/integration/devtools.yml",
        before=("env", "ANSIBLE_NOCOLOR=1"),
        devtools_kernel_headers=True,
        netmap_build_host="builder",
    )
    assert (done.rc, done.changed_tasks) == (0, 0), done.stdout
    said = " ".join(done.stdout.split())
    assert f"There are no headers of the running kernel, {kernel}, on localhost. They are not needed now" in said
    assert "because builder builds netmap for it" in said


def test_a_kernel_without_available_headers_is_refused_without_consent(play):
    kernel = os.uname().release
    if Path(f"/lib/modules/{kernel}/build/Makefile").exists():
        pytest.skip(f"this machine has the headers of its kernel, {kernel}")
    refused = play("tests/integration/devtools.yml", devtools_kernel_headers=True)
    assert refused.rc != 0
    (message,) = refused.failures
    assert f"no headers of the running kernel, {kernel}: linux-headers-{kernel} is not in" in message
    assert "Set devtools_kernel_update_ok to update the kernel and reboot this host once" in message
    assert refused.changed_tasks == 0
