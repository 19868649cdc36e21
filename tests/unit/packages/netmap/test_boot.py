"""What is put on a host so that it rebuilds netmap by itself, and what the unit does at a boot."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from linerate.errors import HostError
from linerate.packages.netmap.boot import CODE_FOLDER, ENABLED, UNIT, UNIT_FILE, set_up, take_down
from linerate.packages.netmap.install import install
from linerate.packages.netmap.rebuild import RECIPE, Recipe, read_recipe, rebuild
from linerate.system.run import Completed

COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
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
    """Answers as systemctl does for one unit."""

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
            return Completed(tuple(argv), 0, "netmap is not there for this kernel: no headers\n", "")
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
def recipe(tmp_path) -> Recipe:
    return Recipe(OPTIONS, "/srv/netmap.tar.gz", str(tmp_path / "packages"), str(tmp_path), "ens4", 60.0)


def test_set_up_once_and_taken_down_whole(systemd, recipe, tmp_path):
    code = {"linerate/__init__.py": b"", "linerate/netmap/rebuild.py": b"print()"}
    foretold = set_up(recipe, code, systemd.run, check=True, root=str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert set_up(recipe, code, systemd.run, root=str(tmp_path)) == foretold
    assert systemd.ran == ["systemctl daemon-reload", f"systemctl enable {UNIT}", f"systemctl restart {UNIT}"]
    assert read_recipe(str(tmp_path)) == recipe
    assert set_up(recipe, code, systemd.run, root=str(tmp_path)) == ()
    assert take_down(systemd.run, root=str(tmp_path))[0] == f"systemctl disable --now {UNIT}"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / CODE_FOLDER).exists()
    assert take_down(systemd.run, root=str(tmp_path)) == ()


def test_code_that_is_no_longer_part_of_it_goes_away(systemd, recipe, tmp_path):
    set_up(recipe, {"linerate/a.py": b"a", "linerate/b.py": b"b"}, systemd.run, root=str(tmp_path))
    steps = set_up(recipe, {"linerate/a.py": b"new"}, systemd.run, root=str(tmp_path))
    folder = f"/{CODE_FOLDER}/linerate"
    assert steps == (f"write {folder}/a.py", f"remove {folder}/b.py", f"systemctl restart {UNIT}")


def test_a_unit_that_failed_at_a_boot_is_started_again(systemd, recipe, tmp_path):
    set_up(recipe, {}, systemd.run, root=str(tmp_path))
    systemd.active = "failed"
    assert set_up(recipe, {}, systemd.run, root=str(tmp_path)) == (f"systemctl restart {UNIT}",)


def test_a_unit_that_does_not_end_well_is_an_error_that_says_what_it_said(systemd, recipe, tmp_path):
    systemd.refuses = f"systemctl restart {UNIT}"
    with pytest.raises(HostError, match="netmap is not there for this kernel: no headers"):
        set_up(recipe, {}, systemd.run, root=str(tmp_path))


def test_what_is_put_on_the_host_runs_by_itself(tmp_path):
    """In a Python that has nothing but these files: what the rebuild imports is all there."""
    written = "import json, sys; from linerate.packages.netmap.boot import core_files\n"
    written += "json.dump({name: text.decode() for name, text in core_files().items()}, sys.stdout)"
    done = subprocess.run([sys.executable, "-c", written], capture_output=True, text=True, check=True)
    code = f"import json, pathlib, sys; folder = pathlib.Path({str(tmp_path)!r})\n"
    code += "for name, text in json.load(sys.stdin).items():\n"
    code += "    (folder / name).parent.mkdir(parents=True, exist_ok=True); (folder / name).write_text(text)\n"
    code += "sys.path = [path for path in sys.path if 'python' in path]; sys.path.insert(0, str(folder))\n"
    code += "import linerate.packages.netmap.rebuild; print(linerate.__file__)"
    alone = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], input=done.stdout, capture_output=True, text=True, check=False
    )
    assert alone.stdout.strip() == str(tmp_path / "linerate/__init__.py"), alone.stderr


def test_a_kernel_that_has_netmap_is_left_alone(host, package, recipe):
    path = package(netmap=b"one")
    install(path, host.run, root=str(host.root))
    host.loaded(b"one")
    host.ran.clear()
    assert rebuild(recipe, host.run, str(host.root)).endswith("is installed and loaded")
    assert host.ran == []


def test_a_new_kernel_without_headers_is_told_in_one_line(host, recipe):
    host.put("proc/sys/kernel/osrelease", "0.0-none\n")
    with pytest.raises(HostError, match=r"headers of kernel '0\.0-none'.*Install linux-headers-0\.0-none"):
        rebuild(recipe, host.run, str(host.root))


def test_a_module_that_was_built_and_not_loaded_is_loaded(host, package, recipe, tmp_path):
    path = package(netmap=b"one")
    (tmp_path / "packages").mkdir()
    os.rename(path, tmp_path / "packages" / os.path.basename(path))
    assert rebuild(recipe, host.run, str(host.root)).endswith("was installed and loaded")
    assert host.ran[-1] == "modprobe netmap"


@pytest.mark.parametrize("content", [None, "{", '{"options": {}}'])
def test_a_recipe_that_cannot_be_read_is_an_error_that_names_the_mend(tmp_path, content):
    if content:
        (tmp_path / RECIPE).parent.mkdir(parents=True)
        (tmp_path / RECIPE).write_text(content)
    with pytest.raises(HostError, match=r"recipe of netmap .*Run playbooks/netmap\.yml"):
        read_recipe(str(tmp_path))
