"""The unit that rebuilds netmap: its installation and removal, its program, and what it does at a boot."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.unit.packages.bench import COMMIT, KERNEL, kernel_tree

from linerate.errors import HostError, InputError
from linerate.packages.archive import pack, unpack
from linerate.packages.build import Tools
from linerate.packages.netmap import build as netmap_build
from linerate.packages.netmap.boot import CODE_FOLDER, ENABLED, UNIT, UNIT_FILE, program_files, set_up, take_down
from linerate.packages.netmap.install import install
from linerate.packages.netmap.kernel_sources import digest
from linerate.packages.netmap.rebuild import SETTINGS, Settings, read_settings, rebuild
from linerate.packages.netmap.recipe import Manifest, Recipe
from linerate.system.run import Completed, run_logged

OPTIONS = {
    "commit": COMMIT,
    "drivers": [],
    "no_ext_drivers": [],
    "select_versions": {},
    "kernel_sources": None,
    "archives": [],
    "signing": None,
}


class Systemd:
    """Answers like systemctl for one unit."""

    def __init__(self, root) -> None:
        self.root = root
        self.active = "inactive"
        self.refuses = ""
        self.ran: list[str] = []

    def run(self, argv):
        words = " ".join(argv)
        if "is-active" in argv:
            return Completed(tuple(argv), 0, f"{self.active}\n", "")
        if argv[0] == "journalctl":
            return Completed(tuple(argv), 0, "netmap is missing for this kernel: no headers\n", "")
        self.ran.append(words)
        if words == self.refuses:
            return Completed(tuple(argv), 1, "", "Job failed.")
        link = self.root / ENABLED
        if "enable" in argv:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"/{UNIT_FILE}")
        elif "disable" in argv:
            link.unlink()
        self.active = "active" if "restart" in argv else self.active
        return Completed(tuple(argv), 0, "", "")


@pytest.fixture
def systemd(tmp_path) -> Systemd:
    return Systemd(tmp_path)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(OPTIONS, "/srv/netmap.tar.gz", str(tmp_path / "packages"), str(tmp_path), "ens4", 60.0)


def test_the_unit_is_set_up_once_and_removed_completely(systemd, settings, tmp_path):
    code = {"linerate/__init__.py": b"", "linerate/netmap/rebuild.py": b"print()"}
    predicted = set_up(settings, code, systemd.run, check=True, root=str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert set_up(settings, code, systemd.run, root=str(tmp_path)) == predicted
    assert systemd.ran == ["systemctl daemon-reload", f"systemctl enable {UNIT}", f"systemctl restart {UNIT}"]
    assert read_settings(str(tmp_path)) == settings
    assert set_up(settings, code, systemd.run, root=str(tmp_path)) == ()
    assert take_down(systemd.run, root=str(tmp_path))[0] == f"systemctl disable --now {UNIT}"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / CODE_FOLDER).exists()
    assert take_down(systemd.run, root=str(tmp_path)) == ()


def test_files_that_the_program_no_longer_has_are_removed(systemd, settings, tmp_path):
    set_up(settings, {"linerate/a.py": b"a", "linerate/b.py": b"b"}, systemd.run, root=str(tmp_path))
    steps = set_up(settings, {"linerate/a.py": b"new"}, systemd.run, root=str(tmp_path))
    folder = f"/{CODE_FOLDER}/linerate"
    assert steps == (f"write {folder}/a.py", f"remove {folder}/b.py", f"systemctl restart {UNIT}")


def test_a_unit_that_failed_at_a_boot_is_started_again(systemd, settings, tmp_path):
    set_up(settings, {}, systemd.run, root=str(tmp_path))
    systemd.active = "failed"
    assert set_up(settings, {}, systemd.run, root=str(tmp_path)) == (f"systemctl restart {UNIT}",)


def test_a_unit_that_fails_is_an_error_with_its_message(systemd, settings, tmp_path):
    systemd.refuses = f"systemctl restart {UNIT}"
    with pytest.raises(HostError, match="netmap is missing for this kernel: no headers"):
        set_up(settings, {}, systemd.run, root=str(tmp_path))


def test_the_program_on_the_host_runs_without_anything_else(tmp_path):
    """Isolated from this package: without settings it ends with one line that names them."""
    for name, content in program_files().items():
        (tmp_path / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / name).write_bytes(content)
    argv = [sys.executable, "-I", "-S", "-B", str(tmp_path / "code"), str(tmp_path / "root")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"netmap is missing for this kernel: settings of netmap's rebuild '{tmp_path}/root/{SETTINGS}': cannot be read"
    )


def tools(host) -> Tools:
    return Tools(host.run, run_logged, str(host.root), root=str(host.root))


def test_a_kernel_with_netmap_is_left_alone(host, package, settings):
    path = package(netmap=b"one")
    install(path, host.run, root=str(host.root))
    host.loaded(b"one")
    host.ran.clear()
    assert rebuild(settings, tools(host)).endswith("is installed and loaded")
    assert host.ran == []


def test_a_new_kernel_without_headers_is_an_error(host, settings):
    host.put("proc/sys/kernel/osrelease", "0.0-none\n")
    with pytest.raises(HostError, match=r"headers of kernel '0\.0-none'.*Install linux-headers-0\.0-none"):
        rebuild(settings, tools(host))


def test_a_module_that_was_built_and_not_loaded_is_loaded(host, package, settings, tmp_path):
    path = package(netmap=b"one")
    (tmp_path / "packages").mkdir()
    os.rename(path, tmp_path / "packages" / os.path.basename(path))
    assert rebuild(settings, tools(host)).endswith("was installed and loaded")
    assert host.ran[-1] == "modprobe netmap"


@pytest.fixture
def with_sources(settings, tmp_path) -> Settings:
    """The settings of a host that patches e1000 of the kernel's own sources."""
    tree = kernel_tree(tmp_path / "linux", "e1000")
    sources = {"path": str(tree), "sha256": digest(str(tree))}
    return replace(settings, options={**OPTIONS, "drivers": ["e1000"], "kernel_sources": sources})


def test_sources_of_the_previous_kernel_are_refused_at_the_first_boot_of_a_new_one(
    host, with_sources, tmp_path, monkeypatch
):
    kernel = "5.14.0-570.32.1.el9_6.x86_64"
    kernel_tree(tmp_path / "linux", version="5.14.0", build="503.22.1")
    host.put("proc/sys/kernel/osrelease", f"{kernel}\n")
    monkeypatch.setattr(netmap_build, "headers_of", lambda kernel: f"/usr/src/kernels/{kernel}")
    with pytest.raises(InputError) as error:
        rebuild(with_sources, tools(host))
    assert str(error.value) == (
        f"netmap_kernel_sources '{tmp_path}/linux': has the sources of kernel 5.14.0-503.22.1, but the build is for "
        f"{kernel}. Put the sources of exactly {kernel} there, or change the path, and run again."
    )
    assert host.ran == []


def test_sources_that_were_replaced_for_the_next_kernel_do_not_make_the_installed_netmap_stale(
    host, package, with_sources, tmp_path
):
    recipe = Recipe.from_options(with_sources.options, KERNEL)
    manifest, contents = unpack(package(netmap=b"one", e1000=b"two"), Manifest)
    path = str(tmp_path / recipe.package_name)
    pack(path, replace(manifest, key=recipe.key, kernel_sources=recipe.kernel_sources.sha256), contents)
    install(path, host.run, root=str(host.root))
    host.loaded(b"one")
    host.ran.clear()
    (tmp_path / "linux/drivers/net/e1000/e1000_main.c").write_text("of the next kernel")
    assert rebuild(with_sources, tools(host)).endswith("is installed and loaded")
    assert host.ran == []


@pytest.mark.parametrize("content", [None, "{", '{"options": {}}'])
def test_unreadable_settings_are_an_error_with_a_hint(tmp_path, content):
    if content:
        (tmp_path / SETTINGS).parent.mkdir(parents=True)
        (tmp_path / SETTINGS).write_text(content)
    with pytest.raises(HostError, match=r"settings of netmap's rebuild .*Run playbooks/netmap\.yml"):
        read_settings(str(tmp_path))
