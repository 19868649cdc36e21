"""A patched driver from the kernel's own sources: which are used, from where, and what makes a package stale.

The source of the stand-in is built with real kernel headers, without a guest.
"""

from __future__ import annotations

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest
from tests.standin.archive import standin_netmap
from tests.unit.packages.bench import kernel_tree

from linerate.packages.archive import unpack
from linerate.packages.netmap.kernel_sources import digest
from linerate.packages.netmap.recipe import Manifest

HEADERS = sorted(Path("/lib/modules").glob("*/build/Makefile"))
BUILD = """\
- name: Build the package of a patched driver
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Load the variables of the role, and choose the route
      ansible.builtin.include_role:
        name: netmap
        tasks_from: defaults
        public: true

    - name: Read the kernel's sources
      ansible.builtin.include_role:
        name: netmap
        tasks_from: kernel_sources

    - name: Find the package
      ansible.builtin.include_role:
        name: source_product
        tasks_from: find
      vars:
        source_product_spec: "{{ __netmap_product }}"

    - name: Build the package
      ansible.builtin.include_role:
        name: source_product
        tasks_from: build
      vars:
        source_product_spec: "{{ __netmap_product }}"
      when: source_product_package.missing
"""
PACKAGES = """\
- name: Print the packages that a build needs
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Load the variables of the role, and choose the route
      ansible.builtin.include_role:
        name: netmap
        tasks_from: defaults
        public: true

    - name: Fail with them
      ansible.builtin.fail:
        msg: "Packages: {{ netmap_build_packages | join(' ') }}"
"""


@pytest.fixture
def kernel() -> str:
    if not HEADERS:
        pytest.skip("no headers of a kernel are installed here: linux-headers-amd64 (Debian) has them")
    return HEADERS[-1].parts[-3]


@pytest.fixture
def tree(kernel: str, tmp_path: Path) -> Path:
    """The sources of that kernel, as far as the stand-in uses them."""
    header = Path(f"/lib/modules/{kernel}/build/include/generated/uapi/linux/version.h").read_text()
    version = re.findall(r"^#define LINUX_VERSION_(?:MAJOR|PATCHLEVEL|SUBLEVEL) (\d+)$", header, re.MULTILINE)
    driver = tmp_path / "linux/drivers/net/ethernet/intel/e1000"
    driver.mkdir(parents=True)
    (driver / "Makefile").write_text("obj-$(CONFIG_E1000) += e1000.o\ne1000-objs := e1000_main.o\n")
    (driver / "e1000_main.c").write_text('#include <linux/module.h>\nMODULE_LICENSE("GPL");\n')
    return kernel_tree(tmp_path / "linux", version=".".join(version))


@pytest.fixture
def build(play, kernel, tmp_path):
    """A function that builds the package with the sources at a path; the packages are in the folder artifacts."""
    (tmp_path / "build.yml").write_text(BUILD)
    (tmp_path / "artifacts").mkdir()
    given = {
        "netmap_commit": standin_netmap(tmp_path / "artifacts"),
        "netmap_artifacts": str(tmp_path / "artifacts"),
        "netmap_build_host": "localhost",
        "netmap_work_folder": str(tmp_path / "work"),
        "netmap_native_route": "auto",
        "netmap_drivers": ["e1000"],
        "netmap_rebind_ok": True,
        "ansible_facts": {"kernel": kernel},
    }
    return partial(play, str(tmp_path / "build.yml"), **given)


def packages(folder: Path) -> list[Manifest]:
    return [unpack(str(path), Manifest)[0] for path in folder.glob("artifacts/netmap-*-*-*.tar.gz")]


@pytest.mark.long
def test_other_sources_under_the_same_path_are_built_again(build, tree, tmp_path):
    first = build(netmap_kernel_sources=str(tree))
    assert first.rc == 0, first.stdout
    (manifest,) = packages(tmp_path)
    assert (manifest.native_drivers, manifest.kernel_sources) == (("e1000",), digest(str(tree)))
    again = build(netmap_kernel_sources=str(tree))
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
    with (tree / "drivers/net/ethernet/intel/e1000/e1000_main.c").open("a") as file:
        file.write("/* changed */\n")
    predicted = build("--check", netmap_kernel_sources=str(tree))
    assert (predicted.rc, predicted.changed_tasks) == (0, 1), predicted.stdout
    other = build(netmap_kernel_sources=str(tree))
    assert other.rc == 0, other.stdout
    assert {one.kernel_sources for one in packages(tmp_path)} == {manifest.kernel_sources, digest(str(tree))}


def test_sources_among_the_artifacts_are_copied_to_the_build_host(build, tree, tmp_path):
    archive = tmp_path / "artifacts/linux.tar.xz"
    subprocess.run(["tar", "-cJf", archive, "-C", tmp_path, "linux"], check=True)
    (tmp_path / "host").mkdir()
    done = build(netmap_kernel_sources=str(tmp_path / "host/linux.tar.xz"))
    assert done.rc == 0, done.stdout
    assert digest(str(tmp_path / "host/linux.tar.xz")) == digest(str(archive)) == packages(tmp_path)[0].kernel_sources


def test_sources_of_another_kernel_and_missing_ones_are_refused_before_anything_is_changed(
    build, tree, kernel, tmp_path
):
    kernel_tree(tree, version="6.99.1")
    refused = build(netmap_kernel_sources=str(tree))
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    (message,) = refused.failures
    assert f"netmap_kernel_sources '{tree}': has the sources of kernel 6.99.1, but the build is for {kernel}" in message
    assert f"Put the sources of exactly {kernel} there" in message
    absent = build(netmap_kernel_sources="/nowhere/linux")
    assert absent.rc == 2, absent.stdout
    (message,) = absent.failures
    assert "netmap_kernel_sources '/nowhere/linux': does not exist on the build host" in message
    assert packages(tmp_path) == []


@pytest.mark.parametrize(
    ("family", "build_host", "packages"),
    [
        ("Debian", "localhost", "linux-source-6.1"),
        ("Debian", "builder", "build-essential unzip linux-headers-6.1.0-56-amd64 linux-source-6.1"),
        ("RedHat", "localhost", ""),
        ("RedHat", "builder", "gcc make patch elfutils-libelf-devel unzip kernel-devel-6.1.0-56-amd64"),
    ],
)
def test_the_packages_of_a_build_follow_from_the_distribution_of_the_build_host(
    play, tmp_path, family, build_host, packages
):
    (tmp_path / "packages.yml").write_text(PACKAGES)
    (tmp_path / "hosts.yml").write_text("all:\n  hosts:\n    localhost:\n    builder:\n")
    route = {"drivers": ["e1000"], "package": "linux-source-6.1" if family == "Debian" else ""}
    done = play(
        str(tmp_path / "packages.yml"),
        f"--inventory {tmp_path / 'hosts.yml'}",
        netmap_build_host=build_host,
        ansible_facts={"kernel": "6.1.0-56-amd64", "os_family": family},
        __netmap_route=route,
    )
    assert done.failures == (f"Packages: {packages}",), done.stdout


def test_the_adapter_is_not_emulated_without_consent(play, tmp_path):
    (tmp_path / "packages.yml").write_text(PACKAGES)
    refused = play(str(tmp_path / "packages.yml"), netmap_native_route="external", netmap_drivers=["ixgbe"])
    (message,) = refused.failures
    assert message.startswith("netmap_rebind_ok False: the patched ixgbe may not replace the stock driver of ")
    assert "set netmap_emulated_ok: true" in message
