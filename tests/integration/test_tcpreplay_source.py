"""tcpreplay from source by the real role, with a stand-in for its source: every fault, and one build for many hosts.

test_tcpreplay_release.py builds a real tarball when one is available.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.standin.archive import NETMAP
from tests.standin.tcpreplay_archive import standin_tcpreplay

from linerate.errors import HostError
from linerate.packages.archive import pack, sha256
from linerate.packages.build import Tools, build
from linerate.packages.netmap.recipe import Manifest
from linerate.packages.tcpreplay.build import TcpreplayBuild
from linerate.packages.tcpreplay.install import install as install_package
from linerate.packages.tcpreplay.recipe import Recipe, this_system
from linerate.system.run import run, run_logged

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).parents[2]
COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
COMPILERS = re.compile(r"(.*-)?(cc|gcc|c89|c99|clang)(-\d+)?")
PACKAGES = Path("/var/lib/linerate/packages")
PLAYBOOK = """
- name: Install tcpreplay
  hosts: "{{ to_hosts | default('labhost') }}"
  gather_facts: false
  roles:
    - role: tcpreplay
"""
BUILDER = """
all:
  hosts:
    builder: &local
      ansible_connection: ansible.builtin.local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
    one: *local
    two: *local
"""
WITHOUT_NETWORK = ("unshare", "--net")


@contextmanager
def small(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size mounted on ``folder``, in the mount namespace of the tests."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "linerate-tests", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def install(namespaces, play, tmp_path):
    """Runs the role without a network, with folders of this test."""
    playbook = tmp_path / "install.yml"
    playbook.write_text(PLAYBOOK)
    (tmp_path / "artifacts").mkdir()
    variables = {
        "tcpreplay_install_method": "source",
        "tcpreplay_artifacts": str(tmp_path / "artifacts"),
        "tcpreplay_prefix": str(tmp_path / "prefix"),
        "tcpreplay_link": str(tmp_path / "tcpreplay"),
        "tcpreplay_archive_dir": str(tmp_path / "archives"),
        "tcpreplay_build_dir": str(tmp_path / "build"),
        "netmap_artifacts": str(tmp_path / "artifacts"),
    }
    with small(PACKAGES, "16m"):

        def play_it(*options, before=WITHOUT_NETWORK, **changed):
            return play(str(playbook), *options, before=before, **{**variables, **changed})

        yield play_it


def release(artifacts: Path, version: str = "4.4.2") -> dict[str, str]:
    """Put the archive of the stand-in among the artifacts; the variables of the role for it."""
    path, sha256 = standin_tcpreplay(artifacts, version)
    return {
        "tcpreplay_version": version,
        "tcpreplay_source_url": f"http://upstream.invalid/{path.name}",
        "tcpreplay_source_checksum": sha256,
    }


def netmap_package(artifacts: Path) -> dict[str, object]:
    """Put a package of netmap with the stand-in's headers among the artifacts; the variables of the role for it."""
    contents = {f"usr/local/include/net/{path.name}": path.read_bytes() for path in (NETMAP / "sys/net").iterdir()}
    files = {name: sha256(content) for name, content in contents.items()}
    path = artifacts / f"netmap-{COMMIT[:12]}-6.1-{'0' * 16}.tar.gz"
    pack(str(path), Manifest("0" * 16, files, COMMIT, "6.1", ("netmap",), (), ()), contents)
    return {"tcpreplay_netmap": True, "netmap_commit": COMMIT}


def path_without_compiler(folder: Path) -> str:
    """A folder with all programs in PATH except the compilers."""
    folder.mkdir()
    for place in os.get_exec_path():
        for program in Path(place).glob("*"):
            link = folder / program.name
            if not COMPILERS.fullmatch(program.name) and not link.is_symlink():
                link.symlink_to(program)
    return str(folder)


def process_of(pid: str) -> tuple[Path, int]:
    """The working folder of a process, and its parent."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return Path(os.readlink(f"/proc/{pid}/cwd")), int(stat.rpartition(")")[2].split()[1])


def make_that_hangs(folder: Path) -> str:
    """A PATH with a make that never ends."""
    folder.mkdir()
    (folder / "make").write_text("#!/bin/sh\nexec sleep 600\n")
    (folder / "make").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def kill_while_it_makes(build_dir: Path) -> None:
    """Kill the module, as the kernel does without memory, once make runs."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        time.sleep(0.1)
        if not list(build_dir.glob("*/make.log")):
            continue
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                folder, parent = process_of(process.name)
                # The process that the module started: its own children work in the same folder.
                if folder.is_relative_to(build_dir) and not process_of(str(parent))[0].is_relative_to(build_dir):
                    os.kill(parent, signal.SIGKILL)
                    return


def said(play) -> str:
    """The one failure of a play."""
    assert (play.rc, len(play.failures)) == (2, 1), play.stdout
    return " ".join(play.failures[0].split())


def test_every_fault_is_one_error_and_the_next_run_continues(install, tmp_path):
    artifacts, build_dir, prefix = tmp_path / "artifacts", tmp_path / "build", tmp_path / "prefix"
    source = release(artifacts)
    archive = artifacts / "tcpreplay-4.4.2.tar.gz"
    archive.rename(tmp_path / archive.name)
    missing = said(install(**source))
    assert f"sha256 {source['tcpreplay_source_checksum']}) at {archive} on the controller" in missing
    (tmp_path / archive.name).rename(archive)

    predicted = install("--check", **source)
    assert predicted.rc == 0, predicted.stdout
    assert predicted.changed_tasks > 0

    path = path_without_compiler(tmp_path / "no-compiler")
    no_compiler = said(install(before=("env", f"PATH={path}"), **source))
    assert "program 'cc': is not on the build host. Install build-essential" in no_compiler

    killer = threading.Thread(target=kill_while_it_makes, args=(build_dir,))
    killer.start()
    killed = install(before=("env", f"PATH={make_that_hangs(tmp_path / 'hangs')}"), **source)
    killer.join()
    assert (killed.rc, len(killed.failures)) == (2, 1), killed.stdout

    with small(build_dir, "48k"):
        assert f"failed because {build_dir} is full. Free space in {build_dir}" in said(install(**source))
    assert not list(artifacts.glob("*x86_64*"))

    with small(prefix, "16k"):
        assert "No space left on device. Make it writable, with enough free space" in said(install(**source))
        assert list(prefix.iterdir()) == []

    installed = install(**source)
    assert installed.rc == 0, installed.stdout
    assert "tcpreplay 4.4.2 sends by PF_PACKET send()" in installed.stdout
    assert list(build_dir.iterdir()) == []
    # The remainder of another, killed build; nothing is built now.
    (build_dir / "linerate-tcpreplay-build-killed").mkdir()
    for changed in (1, 0):
        again = install(**source)
        assert (again.rc, again.changed_tasks) == (0, changed), again.stdout
        assert list(build_dir.iterdir()) == []


def test_one_build_serves_every_sender_and_survives_the_loss_of_the_controller_and_the_sender(install, tmp_path):
    artifacts, prefix, link = tmp_path / "artifacts", tmp_path / "prefix", tmp_path / "tcpreplay"
    source = {**release(artifacts), **netmap_package(artifacts)}
    builder = tmp_path / "builder.yml"
    builder.write_text(BUILDER)
    options = f"--inventory {REPOSITORY}/inventory/lab --inventory {builder}"
    source["tcpreplay_build_host"] = "builder"
    first = install(options, **source)
    assert first.rc == 0, first.stdout
    assert os.readlink(link) == f"{prefix}/4.4.2/bin/tcpreplay"
    assert "Optional injection method: netmap" in version_output(link)

    # From here on a build is impossible.
    no_compiler = ("env", f"PATH={path_without_compiler(tmp_path / 'no-compiler')}")
    (artifacts / "tcpreplay-4.4.2.tar.gz").unlink()
    shutil.rmtree(tmp_path / "archives")
    shutil.rmtree(prefix)
    rebuilt = install(options, before=no_compiler, **source)
    assert rebuilt.rc == 0, rebuilt.stdout
    (package,) = artifacts.glob("tcpreplay-4.4.2-*")
    package.unlink()
    fetched = install(options, before=no_compiler, **source)
    assert fetched.rc == 0, fetched.stdout
    assert package.exists()
    again = install(options, before=no_compiler, **source)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_concurrent_senders_share_one_build(install, tmp_path):
    artifacts = tmp_path / "artifacts"
    (tmp_path / "builder.yml").write_text(BUILDER)
    source = {**release(artifacts), "to_hosts": "one:two", "tcpreplay_build_host": "builder"}
    source["tcpreplay_link"] = f"{tmp_path}/tcpreplay-{{{{ inventory_hostname }}}}"
    options = f"--inventory {REPOSITORY}/inventory/lab --inventory {tmp_path}/builder.yml"
    installed = install(options, before=("env", "ANSIBLE_NOCOLOR=1", *WITHOUT_NETWORK), **source)
    assert installed.rc == 0, installed.stdout
    task = r"Find the package, or build it, on builder\] \*+\n(.*?)\n\n"
    found, built = re.findall(task, installed.stdout, re.DOTALL)
    assert (found.count("ok: "), sorted(line.split()[0] for line in built.splitlines())) == (2, ["changed:", "ok:"])
    for sender in ("one", "two"):
        assert version_output(tmp_path / f"tcpreplay-{sender}").startswith("tcpreplay version: 4.4.2 ")
    (package,) = artifacts.glob("tcpreplay-4.4.2-*")
    again = install(options, **source)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout

    # The build host still has the package.
    package.unlink()
    predicted = install("--check", options, **source)
    assert predicted.rc == 0, predicted.stdout
    assert not package.exists()


def test_a_second_version_is_installed_next_to_the_first_and_the_distributions_own_replaces_the_link(install, tmp_path):
    artifacts, prefix, link = tmp_path / "artifacts", tmp_path / "prefix", tmp_path / "tcpreplay"
    for version in ("4.4.2", "4.4.3"):
        installed = install(tcpreplay_build_host="localhost", **release(artifacts, version))
        assert installed.rc == 0, installed.stdout
        assert version_output(link).startswith(f"tcpreplay version: {version} ")
    assert version_output(prefix / "4.4.2/bin/tcpreplay").startswith("tcpreplay version: 4.4.2 ")

    predicted = install("--check", tcpreplay_install_method="package")
    assert (predicted.rc, predicted.changed_tasks) == (0, 1), predicted.stdout
    for changed in (1, 0):
        package = install(tcpreplay_install_method="package")
        assert (package.rc, package.changed_tasks) == (0, changed), package.stdout
        assert not link.exists()
    own = tmp_path / "own"
    own.touch()
    link.symlink_to(own)
    kept = install(tcpreplay_install_method="package")
    assert (kept.rc, kept.changed_tasks) == (0, 0), kept.stdout
    assert link.readlink() == own


def test_a_sender_without_libpcap_gets_an_error_and_is_not_changed(namespaces, tmp_path):
    archive, sha256 = standin_tcpreplay(tmp_path)
    recipe = Recipe("4.4.2", sha256, str(tmp_path / "prefix"), this_system())
    tools = Tools(run, run_logged, str(tmp_path / "build"))
    package, _ = build(TcpreplayBuild(recipe, str(archive)), str(tmp_path / "packages"), tools)
    cached = subprocess.run(["ldconfig", "--print-cache"], capture_output=True, text=True, check=True).stdout
    (library,) = re.findall(r"libpcap\.so\.[0-9.]+ .* => (\S+)", cached)
    empty = tmp_path / "empty"
    empty.touch()
    subprocess.run(["mount", "--bind", str(empty), library], check=True)
    try:
        with pytest.raises(HostError, match=r"it does not run: .*libpcap.* Install the missing library"):
            install_package(package, run)
    finally:
        subprocess.run(["umount", library], check=True)
    assert not list((tmp_path / "prefix").iterdir())


def version_output(executable: Path) -> str:
    """The output of `tcpreplay -V`."""
    return subprocess.run([executable, "-V"], capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"tcpreplay_version": "4.6.0"},
            "The archive of tcpreplay 4.6.0 is not known, only those of 4.4.2, 4.4.3, 4.5.4. Set tcpreplay_source_url",
        ),
        (
            {
                "tcpreplay_version": "4.5.1",
                "tcpreplay_source_url": "http://upstream.invalid/tcpreplay-4.5.1.tar.gz",
                "tcpreplay_source_checksum": "0" * 64,
                "tcpreplay_netmap": True,
            },
            "netmap does not work in tcpreplay 4.5.1 (broken from 4.4.4 to 4.5.2). Use 4.4.2",
        ),
        (
            {"tcpreplay_netmap": True, "netmap_commit": COMMIT},
            f"needs the headers of netmap {COMMIT}, and the controller has no package of that commit.",
        ),
    ],
)
def test_an_impossible_build_is_refused_before_anything_is_fetched(install, tmp_path, given, message):
    refused = install(**given)
    assert message in said(refused)
    assert refused.changed_tasks == 0
    assert not (tmp_path / "archives").exists()
