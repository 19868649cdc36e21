"""The sources of a kernel's own drivers: their content and their version, of trees and archives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.unit.packages.bench import KERNEL, kernel_headers, kernel_tree

from linerate.errors import InputError
from linerate.packages.netmap.kernel_sources import check_version, digest

EL = "5.14.0-503.22.1.el9_5.x86_64"


def archived(tree: Path, *, sort: str = "name") -> str:
    """The tree as an archive; with another ``sort`` its files have no order."""
    path = tree.parent / f"{tree.name}.tar.xz"
    subprocess.run(["tar", f"--sort={sort}", "-cJf", path, "-C", tree.parent, tree.name], check=True)
    return str(path)


def test_the_digest_of_a_tree_depends_on_its_drivers_alone(tmp_path):
    tree = kernel_tree(tmp_path / "linux", "e1000")
    first = digest(str(tree))
    (tree / "vmlinux").write_text("built")
    assert digest(str(tree)) == first
    (tree / "drivers/net/e1000/e1000_main.c").rename(tree / "drivers/net/e1000/moved.c")
    assert digest(str(tree)) != first


def test_the_digest_of_an_archive_is_that_of_sha256sum(tmp_path):
    path = archived(kernel_tree(tmp_path / "linux"))
    printed = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout
    assert digest(path) == printed.split()[0]
    assert digest(str(tmp_path / "none")) is None


@pytest.mark.parametrize("pack", [str, archived, lambda tree: archived(tree, sort="none")], ids=["tree", "tar", "any"])
def test_el_sources_must_be_of_the_same_build(tmp_path, pack):
    check_version(pack(kernel_tree(tmp_path / "same", "ixgbe", version="5.14.0", build="503.22.1")), EL)
    other = pack(kernel_tree(tmp_path / "other", "ixgbe", version="5.14.0", build="503.2"))
    with pytest.raises(InputError, match=rf"sources of kernel 5\.14\.0-503\.2, but the build is for {EL}\. Put"):
        check_version(other, EL)
    vanilla = pack(kernel_tree(tmp_path / "vanilla", "ixgbe", version="5.14.0"))
    with pytest.raises(InputError, match=rf"has the sources of kernel 5\.14\.0, but the build is for {EL}"):
        check_version(vanilla, EL)


@pytest.mark.parametrize("sublevel", [192, 300])
def test_other_sources_must_have_the_version_of_the_headers(tmp_path, sublevel):
    headers = str(kernel_headers(tmp_path / "headers", sublevel))
    check_version(str(kernel_tree(tmp_path / "same", version=f"6.1.{sublevel}")), KERNEL, headers)
    other = str(kernel_tree(tmp_path / "other", version="6.1.2"))
    with pytest.raises(InputError, match=rf"6\.1\.2, but the build is for {KERNEL}, which is 6\.1\.{sublevel}"):
        check_version(other, KERNEL, headers)


def test_without_headers_other_sources_must_have_the_version_in_the_kernels_name(tmp_path):
    check_version(str(kernel_tree(tmp_path / "same", version="6.1.2")), KERNEL)
    with pytest.raises(InputError, match=rf"has the sources of kernel 6\.12\.2, but the build is for {KERNEL}"):
        check_version(str(kernel_tree(tmp_path / "other", version="6.12.2")), KERNEL)


def test_what_is_no_source_tree_is_named(tmp_path):
    with pytest.raises(InputError, match="is not the source tree of a kernel"):
        check_version(str(tmp_path), KERNEL)
    (tmp_path / "page.tar.xz").write_text("<html>not found</html>")
    with pytest.raises(InputError, match=r"netmap_kernel_sources '.*page\.tar\.xz': is not a readable archive"):
        check_version(str(tmp_path / "page.tar.xz"), KERNEL)
