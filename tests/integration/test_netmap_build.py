"""Real faults of netmap's build: one clear error each, no remainders, and the next run builds.

The source of the stand-in is built with real kernel headers; neither a guest nor a loaded module is needed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.standin.archive import NETMAP, standin_netmap

from linerate.errors import HostError, InputError
from linerate.packages.archive import sha256, unpack
from linerate.packages.build import Tools, build
from linerate.packages.netmap.boot import CODE_FOLDER, program_files
from linerate.packages.netmap.build import NetmapBuild
from linerate.packages.netmap.recipe import Manifest, Recipe, Signing
from linerate.system.run import LoggedRunner, run, run_logged

HEADERS = sorted(Path("/lib/modules").glob("*/build/Makefile"))
SOURCE = """\
- name: Provide the source of netmap
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Provide it
      ansible.builtin.include_role:
        name: netmap
        tasks_from: "{{ part }}"
      vars:
        __netmap_source_host: localhost
"""
PART = """\
- name: Run a part of the role for two senders at once
  hosts: one:two
  gather_facts: false
  tasks:
    - name: Run it
      ansible.builtin.include_role:
        name: netmap
        tasks_from: "{{ part }}"
"""
BUILD = """\
- name: Build the package for two senders at once
  hosts: one:two
  gather_facts: false
  tasks:
    - name: Load the variables of the role
      ansible.builtin.include_role:
        name: netmap
        tasks_from: defaults
        public: true

    - name: Build the package
      ansible.builtin.include_role:
        name: source_product
        tasks_from: build
      vars:
        source_product_spec: "{{ __netmap_product }}"
"""
HOSTS = """\
all:
  vars:
    ansible_connection: ansible.builtin.local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  hosts:
    one:
    two:
    builder:
"""
REBUILD = """\
from ansible.module_utils.basic import AnsibleModule
NAMES = ("state", "options", "source", "packages", "work", "interface")
AnsibleModule({name: {"type": "raw"} for name in NAMES}).exit_json()
"""
REBUILDS = """\
- name: Report what the rebuild at boot installs
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Report it
      netmap_rebuild:
        options: {}
        source: /nowhere/netmap.tar.gz
        packages: /nowhere
        work: /nowhere
      register: rebuild

    - name: Print the steps
      ansible.builtin.debug:
        msg: "{{ rebuild.steps | to_json }}"
"""
WITHOUT_NETWORK = ("unshare", "--net")


@dataclass(frozen=True)
class Bench:
    """The folders of a build, and its recipe."""

    folder: Path
    recipe: Recipe

    @property
    def source(self) -> str:
        return str(self.folder / f"netmap-{self.recipe.commit}.tar.gz")

    @property
    def packages(self) -> str:
        return str(self.folder / "packages")

    def build(self, work: Path | None = None, logged: LoggedRunner = run_logged) -> tuple[str, bool]:
        tools = Tools(run, logged, str(work or self.folder / "work"))
        return build(NetmapBuild(self.recipe, self.source), self.packages, tools)

    def remainders(self) -> list[str]:
        return [path.name for path in (self.folder / "work").iterdir()]


@pytest.fixture
def bench(tmp_path) -> Bench:
    if not HEADERS:
        pytest.skip("no headers of a kernel are installed here: linux-headers-amd64 (Debian) has them")
    (tmp_path / "work").mkdir()
    return Bench(tmp_path, Recipe(standin_netmap(tmp_path), HEADERS[-1].parts[-3]))


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "linerate-tests", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def processes_in(folder: Path) -> list[int]:
    """The processes whose working folder is in ``folder``."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "cwd").startswith(str(folder)):
                found.append(int(path.name))
        except OSError:
            continue
    return found


def wait_until(done) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_build_stops_all_processes_that_it_started_and_the_next_one_succeeds(bench):
    code = "import sys; from linerate.system.run import run, run_logged\n"
    code += "from linerate.packages.build import Tools, build\n"
    code += "from linerate.packages.netmap.build import NetmapBuild\n"
    code += "from linerate.packages.netmap.recipe import Recipe\n"
    code += "product = NetmapBuild(Recipe(*sys.argv[1:3]), sys.argv[3])\n"
    code += "build(product, sys.argv[4], Tools(run, run_logged, sys.argv[5]))"
    work = bench.folder / "work"
    arguments = [bench.recipe.commit, bench.recipe.kernel, bench.source, bench.packages, str(work)]
    builder = subprocess.Popen([sys.executable, "-c", code, *arguments])
    wait_until(lambda: list(work.glob("*/build/netmap.o")) or list(work.glob("*/build/.netmap.o.*")))
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    wait_until(lambda: not processes_in(work))
    assert bench.remainders()
    assert not list(Path(bench.packages).iterdir())
    package, built = bench.build()
    assert built
    assert unpack(package, Manifest)[0].kernel == bench.recipe.kernel
    assert bench.remainders() == []
    assert bench.build() == (package, False)


def test_a_disk_that_fills_up_during_make_is_named_and_with_free_space_the_next_build_succeeds(bench, small_disk):
    ballast = small_disk / "ballast"

    def crowded(argv, folder, log):
        if "make" in argv and "install" not in argv:
            ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - (300 << 10)))
        return run_logged(argv, folder, log)

    with pytest.raises(HostError, match=rf"make of netmap: failed because {small_disk} is full\. Free space in "):
        bench.build(small_disk, crowded)
    ballast.unlink()
    assert list(small_disk.iterdir()) == []
    assert not list(Path(bench.packages).iterdir())
    assert bench.build(small_disk)[1]


def test_a_missing_compiler_is_named_with_the_packages_that_contain_it(bench, monkeypatch):
    folder = bench.folder / "bin"
    folder.mkdir()
    for program in ("make", "patch", "tar"):
        (folder / program).symlink_to(f"/usr/bin/{program}")
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(HostError, match=r"program 'cc': is not on the build host\. Install build-essential"):
        bench.build()
    monkeypatch.undo()
    assert bench.build()[1]


def test_a_truncated_source_is_refused_by_name(bench):
    whole = Path(bench.source).read_bytes()
    Path(bench.source).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"is not a readable archive .*Remove it and run again"):
        bench.build()
    Path(bench.source).write_bytes(whole)
    assert bench.build()[1]


def test_modules_are_signed_by_the_kernels_own_program_and_the_key_is_not_in_the_package(bench):
    key, certificate = bench.folder / "key.pem", bench.folder / "crt.der"
    argv = ["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=netmap of the tests/"]
    subprocess.run([*argv, "-keyout", key, "-outform", "DER", "-out", certificate], check=True, capture_output=True)
    signing = Signing(str(key), str(certificate), sha256(certificate.read_bytes()))
    signed = replace(bench, recipe=replace(bench.recipe, signing=signing))
    manifest, contents = unpack(signed.build()[0], Manifest)
    modules = [content for name, content in contents.items() if name.endswith(".ko")]
    assert len(modules) == len(manifest.modules)
    for module in modules:
        # The kernel's include/linux/module_signature.h.
        assert module.endswith(b"~Module signature appended~\n")
        assert b"netmap of the tests" in module
    assert not any(b"PRIVATE KEY" in content for content in contents.values())
    assert str(key) not in manifest.as_json().decode()


def committed(tree: Path) -> str:
    """Make a repository of a folder; its one commit."""
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tree)]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", *settings, *words], check=True)
    head = subprocess.run(["git", *settings, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return head.stdout.strip()


@pytest.fixture
def provide_source(play, tmp_path):
    """Runs the part of the role that provides netmap's source, with folders of this test."""
    playbook = tmp_path / "source.yml"
    playbook.write_text(SOURCE)
    (tmp_path / "artifacts").mkdir()

    def provide(commit: str, url: str, part: str = "source.yml"):
        return play(
            str(playbook),
            part=part,
            netmap_commit=commit,
            netmap_source_url=url,
            netmap_artifacts=str(tmp_path / "artifacts"),
            netmap_build_host="localhost",
            netmap_work_folder=str(tmp_path),
        )

    return provide


def test_without_network_and_artifacts_the_missing_file_is_named(provide_source, tmp_path):
    commit = "0" * 40
    failed = provide_source(commit, "https://netmap.invalid/netmap.git", "prepare.yml")
    assert (failed.rc, len(failed.failures)) == (2, 1), failed.stdout
    said = " ".join(failed.failures[0].split())
    assert said.startswith(f"netmap {commit} could not be cloned from https://netmap.invalid/netmap.git on localhost:")
    assert f"or put netmap-{commit}.tar.gz" in said
    assert said.endswith(f"into {tmp_path / 'artifacts'} on the controller.")
    assert not (tmp_path / "linerate-netmap-clone-localhost").exists()


def test_the_remainder_of_an_interrupted_clone_does_not_prevent_the_next_one(provide_source, tmp_path):
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    commit = committed(upstream)
    cut = tmp_path / "linerate-netmap-clone-localhost/netmap/.git/objects/pack"
    cut.mkdir(parents=True)
    (cut / "tmp_pack_cut").write_bytes(b"PACK")
    done = provide_source(commit, str(upstream))
    assert done.rc == 0, done.stdout
    assert os.listdir(tmp_path / "artifacts") == [f"netmap-{commit}.tar.gz"]
    assert not (tmp_path / "linerate-netmap-clone-localhost").exists()
    again = provide_source(commit, str(upstream))
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


@pytest.fixture
def two_senders(play, bench, tmp_path):
    """Runs the build, or another part of the role, for two senders with one build host; `builds` counts the builds."""
    upstream = tmp_path / "upstream"
    shutil.copytree(NETMAP, upstream)
    configure = upstream / "configure"
    configure.write_text(configure.read_text().replace("set -eu\n", f"set -eu\necho built >> {tmp_path}/builds\n"))
    (tmp_path / "part.yml").write_text(PART)
    (tmp_path / "build.yml").write_text(BUILD)
    (tmp_path / "hosts.yml").write_text(HOSTS)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/netmap_rebuild.py").write_text(REBUILD)
    given = {
        "netmap_commit": committed(upstream),
        "netmap_source_url": str(upstream),
        "netmap_artifacts": str(tmp_path / "artifacts"),
        "netmap_work_folder": str(tmp_path / "work"),
        "ansible_facts": {"kernel": bench.recipe.kernel},
    }

    def run_part(part: str, *options: str, before=(), **changed: object):
        library = f"ANSIBLE_LIBRARY={tmp_path / 'modules'}:{Path.cwd() / 'library'}"
        options = (f"--inventory {tmp_path / 'hosts.yml'}", *options)
        before = ("env", library, "ANSIBLE_NOCOLOR=1", *before)
        playbook = tmp_path / ("build.yml" if part == "build" else "part.yml")
        return play(str(playbook), *options, before=before, part=part, **{**given, **changed})

    return run_part


@pytest.mark.long
def test_concurrent_senders_share_one_build_whose_package_needs_no_source(two_senders, bench, tmp_path):
    artifacts, kept = tmp_path / "artifacts", Path("/var/lib/linerate/netmap/source")
    first = two_senders("build", netmap_build_host="builder")
    assert first.rc == 0, first.stdout
    assert (tmp_path / "builds").read_text() == "built\n"
    assert bench.remainders() == []
    package, source = sorted(artifacts.iterdir())
    assert unpack(str(package), Manifest)[0].kernel == bench.recipe.kernel
    again = two_senders("build", netmap_build_host="builder")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout

    # From here on a build is impossible.
    lost = {"netmap_source_url": "https://netmap.invalid/netmap.git"}
    source.unlink()
    shutil.rmtree(kept)
    package.unlink()
    fetched = two_senders("build", before=WITHOUT_NETWORK, netmap_build_host="builder", **lost)
    assert fetched.rc == 0, fetched.stdout
    assert list(artifacts.iterdir()) == [package]
    rebuild = two_senders("rebuild.yml", before=WITHOUT_NETWORK, **lost)
    assert (rebuild.rc, rebuild.changed_tasks) == (0, 0), rebuild.stdout
    said = " ".join(rebuild.stdout.split())
    assert rebuild.failures == ()
    assert "two has netmap for this kernel, but no source to build it for a new one, whose first boot" in said
    assert f"or put {source.name}, made by `git archive --prefix=netmap/` of this commit, into {artifacts}" in said

    # The source on the hosts is enough.
    kept.mkdir()
    (kept / source.name).touch()
    rebuild = two_senders("rebuild.yml", before=WITHOUT_NETWORK, **lost)
    assert (rebuild.rc, rebuild.changed_tasks, rebuild.failures) == (0, 0, ()), rebuild.stdout


def test_a_driver_archive_among_the_artifacts_is_copied_to_the_build_host(two_senders, tmp_path):
    content = b"source of the driver"
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts/v6.1.6.zip").write_bytes(content)
    (tmp_path / "artifacts/v5.15.2.zip").write_bytes(b"another")
    archives = [
        {"driver": "ixgbe", "path": str(tmp_path / name), "sha256": sha256(content)}
        for name in ("v6.1.6.zip", "v5.15.2.zip")
    ]
    native = {"netmap_drivers": ["ixgbe"], "netmap_rebind_ok": True, "netmap_driver_archives": archives}
    done = two_senders("source.yml", __netmap_source_host="builder", **native)
    assert done.rc == 0, done.stdout
    assert (tmp_path / "v6.1.6.zip").read_bytes() == content
    assert not (tmp_path / "v5.15.2.zip").exists()


def test_the_program_of_the_rebuild_is_complete_when_ansible_ships_the_core(play, tmp_path):
    (tmp_path / "rebuilds.yml").write_text(REBUILDS)
    predicted = play(str(tmp_path / "rebuilds.yml"), "--check", before=("env", "ANSIBLE_NOCOLOR=1"))
    assert predicted.rc == 0, predicted.stdout
    steps = " ".join(predicted.stdout.split())
    assert [name for name in program_files() if f"write /{CODE_FOLDER}/{name}" not in steps] == []
