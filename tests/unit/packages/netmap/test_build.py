"""What is special to the build of netmap: its commit, its kernel, and the sources of its drivers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.packages.bench import KERNEL, kernel_tree

from linerate.errors import HostError, InputError
from linerate.packages.archive import unpack
from linerate.packages.build import Tools, build
from linerate.packages.netmap.build import NetmapBuild, headers_of
from linerate.packages.netmap.kernel_sources import digest
from linerate.packages.netmap.recipe import DriverArchive, KernelSources, Manifest, Recipe
from linerate.system.run import run, run_logged


def test_the_package_contains_modules_and_headers(netmap):
    manifest, contents = unpack(netmap.package(), Manifest)
    assert manifest.kernel == KERNEL
    assert manifest.configure[-1] == "--no-drivers"
    assert set(contents) == {f"lib/modules/{KERNEL}/updates/netmap/netmap.ko", "usr/local/include/net/netmap.h"}


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ({"status": 1}, "configure of netmap: failed"),
        ({"vermagic": "5.14.0"}, "for another kernel than 6.1.0-56-amd64"),
    ],
)
def test_a_failed_build_leaves_no_package_and_the_next_one_succeeds(netmap, release, message):
    netmap.release(**release)
    with pytest.raises(HostError, match=message):
        netmap.build()
    assert not list(netmap.packages.iterdir())
    netmap.release()
    assert netmap.build()[1]
    assert netmap.remainders == set()


def test_a_driver_that_configure_left_out_is_an_error(netmap):
    with pytest.raises(HostError, match="left out e1000"):
        netmap.build_with(drivers=("e1000",))


def test_a_driver_without_its_module_is_an_error(netmap):
    netmap.release(drivers="e1000")
    with pytest.raises(HostError, match=r"produced no e1000\.ko") as error:
        netmap.build_with(drivers=("e1000",))
    (log,) = netmap.work.glob("*/make.log")
    assert f"{log} on the build host" in error.value.hint


def test_an_archive_of_the_kernels_own_drivers_is_unpacked(netmap, tmp_path):
    tree = kernel_tree(tmp_path / "linux-source-6.1", "e1000")
    archive = tmp_path / "linux-source-6.1.tar.xz"
    subprocess.run(["tar", "-cJf", archive, "-C", tmp_path, tree.name], check=True)
    sources = KernelSources(str(archive), digest(str(archive)))
    netmap.release(drivers="$(ls $sources/drivers/net)")
    with pytest.raises(HostError, match=r"produced no e1000\.ko"):
        netmap.build_with(drivers=("e1000",), kernel_sources=sources)
    netmap.release()
    with pytest.raises(HostError, match="left out e1000"):
        netmap.build_with(drivers=("e1000",), kernel_sources=sources)


def test_another_archive_under_the_same_path_is_another_package(netmap, tmp_path):
    tree = kernel_tree(tmp_path / "linux", "e1000")
    first = netmap.build_with(kernel_sources=KernelSources(str(tree), digest(str(tree))))
    (tree / "drivers/net/e1000/e1000_main.c").write_text("another driver")
    second = netmap.build_with(kernel_sources=KernelSources(str(tree), digest(str(tree))))
    assert first[1]
    assert second[1]
    assert first[0] != second[0]
    assert unpack(second[0], Manifest)[0].kernel_sources == digest(str(tree))


def test_sources_that_changed_since_their_key_was_computed_are_refused(netmap, tmp_path):
    tree = kernel_tree(tmp_path / "linux", "e1000")
    known = KernelSources(str(tree), digest(str(tree)))
    (tree / "drivers/net/e1000/e1000_main.c").write_text("another driver")
    with pytest.raises(InputError, match=r"netmap_kernel_sources '.*/linux': has sha256 [0-9a-f]{64}, expected "):
        netmap.build_with(kernel_sources=known)


def test_sources_of_another_kernel_are_refused_before_anything_is_built(netmap, tmp_path):
    tree = kernel_tree(tmp_path / "linux", "e1000", version="6.1.193")
    with pytest.raises(InputError) as error:
        netmap.build_with(drivers=("e1000",), kernel_sources=KernelSources(str(tree), digest(str(tree))))
    assert str(error.value) == (
        f"netmap_kernel_sources '{tree}': has the sources of kernel 6.1.193, but the build is for {KERNEL}, which is "
        f"6.1.192. Put the sources of exactly {KERNEL} there, or change the path, and run again."
    )
    assert netmap.remainders == set()


LOG = """\
/srv/build/netmap-tmpdir/test-21.c:9:5: error: unknown type name 'struct_of_a_test'
/srv/build/netmap-tmpdir/ethernet-linux-ixgbe-5.15.2/src/ixgbe_devlink.c:40:9: warning: x
/srv/build/netmap-tmpdir/ethernet-linux-ixgbe-5.15.2/src/ixgbe_main.c:8:2: error: implicit \
declaration of function 'pci_enable_pcie_error_reporting'
/srv/build/netmap-tmpdir/ethernet-linux-ixgbe-5.15.2/src/ixgbe_main.c:9:2: error: second
"""
BOXED = """\
********************************** WARNING **********************************
*** There were problems building the external driver ixgbe.
***
*** Disabling ixgbe.
*****************************************************************************
"""


@pytest.mark.parametrize("status", [0, 1])
def test_a_driver_that_does_not_compile_shows_the_compilers_first_error_and_keeps_the_log(netmap, tmp_path, status):
    (netmap.tree / "compiler.log").write_text(LOG)
    (netmap.tree / "boxed").write_text(BOXED)
    netmap.release(fetch="cat $(dirname $0)/boxed; cat $(dirname $0)/compiler.log > config.log", status=status)
    with pytest.raises(HostError) as error:
        netmap.build_with(drivers=("ixgbe",), archives=(provided("ixgbe", tmp_path / "v5.15.2.zip"),))
    (log,) = netmap.work.glob("*/build/config.log")
    assert log.read_text() == LOG
    assert str(error.value) == (
        f"configure of netmap: {'failed' if status else 'left out ixgbe'}: ixgbe does not compile: ixgbe_main.c:8:2: "
        f"error: implicit declaration of function 'pci_enable_pcie_error_reporting' (log: {log} on the build host). "
        "Give other sources of the driver, choose another netmap_native_route, or none: the adapter is emulated then."
    )
    netmap.release()
    assert netmap.build()[1]
    assert netmap.remainders == set()


@pytest.mark.parametrize("status", [0, 1])
def test_a_driver_whose_makefile_stops_shows_its_reason(netmap, tmp_path, status):
    """The makefiles of Intel's drivers stop before they compile where they miss a file of the kernel's headers."""
    reason = "common.mk:131: *** Linux kernel source not configured - missing version header file"
    (netmap.tree / "make.log").write_text(
        f"{LOG.splitlines()[0]}\nmake[1]: *** [Makefile:9: test-21.o] Error 1\n{reason}.  Stop.\n"
    )
    (netmap.tree / "boxed").write_text(BOXED)
    netmap.release(fetch="cat $(dirname $0)/boxed; cat $(dirname $0)/make.log > config.log", status=status)
    with pytest.raises(HostError) as error:
        netmap.build_with(drivers=("ixgbe",), archives=(provided("ixgbe", tmp_path / "v6.1.6.zip"),))
    (log,) = netmap.work.glob("*/build/config.log")
    assert str(error.value) == (
        f"configure of netmap: {'failed' if status else 'left out ixgbe'}: There were problems building the external "
        f"driver ixgbe. Disabling ixgbe: {reason} (log: {log} on the build host). Give other sources of the driver, "
        "choose another netmap_native_route, or none: the adapter is emulated then."
    )


def test_the_archive_of_another_commit_is_refused(netmap):
    netmap.commit = "0" * 40
    with pytest.raises(InputError, match=r"is of commit [0-9a-f]{40}, not of 0{40}"):
        netmap.build()
    Path(netmap.archive).write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="is not a readable archive"):
        netmap.build()


def test_a_driver_archive_with_another_checksum_is_refused(netmap, tmp_path):
    archive = tmp_path / "v6.1.6.zip"
    archive.write_bytes(b"truncated")
    with pytest.raises(InputError, match=r"v6\.1\.6\.zip.*has sha256"):
        netmap.build_with(drivers=("ixgbe",), archives=(DriverArchive("ixgbe", str(archive), "a" * 64),))


def provided(driver: str, path: Path, content: bytes = b"source of the driver") -> DriverArchive:
    path.write_bytes(content)
    return DriverArchive(driver, str(path), hashlib.sha256(content).hexdigest())


FETCH = "(test -e $(dirname $0)/LINUX/ext-drivers/{0} || wget https://example.org/{0} -P $(dirname $0)) 2>&1 || exit 1"
"""What netmap's configure, and again its make, does for a driver (LINUX/default-config.mak.in_)."""


@pytest.fixture
def downloaded(tmp_path, monkeypatch) -> Path:
    """A file that exists once a program of the host has downloaded something."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("wget", "curl"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/downloaded\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path / "downloaded"


@pytest.mark.parametrize(
    ("driver", "name"),
    [
        ("ixgbe", "ixgbe/v6.1.6.zip"),
        ("e1000e", "e1000e-3.8.7.tar.gz"),
        ("mlx5", "MLNX_EN_SRC-debian-5.8-3.0.7.0.tgz"),
        ("virtio_net.c", "virtio_net.c"),
    ],
)
def test_a_driver_archive_is_put_where_netmap_looks_for_it(netmap, downloaded, tmp_path, driver, name):
    netmap.release(fetch=FETCH.format(name) + f"\ngrep -q . $(dirname $0)/LINUX/ext-drivers/{name} || exit 1")
    with pytest.raises(HostError, match=f"left out {driver}"):
        netmap.build_with(drivers=(driver,), archives=(provided(driver, tmp_path / Path(name).name),))
    assert not downloaded.exists()


def test_an_archive_of_another_name_is_reported_with_the_expected_name(netmap, downloaded, tmp_path):
    netmap.release(fetch=FETCH.format("ixgbe/v5.15.2.zip"))
    with pytest.raises(InputError) as error:
        netmap.build_with(drivers=("ixgbe",), archives=(provided("ixgbe", tmp_path / "v6.1.6.zip"),))
    assert str(error.value) == (
        "netmap_driver_archives 'v5.15.2.zip': is the file that netmap needs; provided: v6.1.6.zip; nothing is "
        "downloaded without a sha256. Provide that file under this name, or set the version that you have in "
        "netmap_select_versions."
    )
    assert not downloaded.exists()
    assert netmap.remainders == set()


@pytest.mark.parametrize(
    "command", ["wget https://example.org/v6.1.6.zip", "curl https://example.org", "git --version"]
)
def test_make_downloads_nothing(netmap, downloaded, command):
    netmap.release(make=command)
    with pytest.raises(HostError, match="make of netmap: ended with status 2"):
        netmap.build()
    assert not downloaded.exists()


def test_a_missing_archive_is_named(netmap, tmp_path):
    archive = provided("ixgbe", tmp_path / "v6.1.6.zip")
    os.unlink(archive.path)
    with pytest.raises(InputError, match=r"v6\.1\.6\.zip': is not a file on the build host\. Put the source of ixgbe"):
        netmap.build_with(drivers=("ixgbe",), archives=(archive,))
    os.unlink(netmap.archive)
    with pytest.raises(InputError, match=r"netmap source '.*': does not exist\. Put it there"):
        netmap.build()


def test_a_zip_file_requires_unzip_before_anything_is_built(netmap, tmp_path, monkeypatch):
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "unzip" else real(program))
    with pytest.raises(HostError, match=r"'unzip': is not on the build host\. Install the package unzip"):
        netmap.build_with(drivers=("ixgbe",), archives=(provided("ixgbe", tmp_path / "v6.1.6.zip"),))
    assert netmap.build()[1]


def test_headers_are_found_where_the_kernel_or_kernel_devel_puts_them(tmp_path):
    of_kernel, of_package = tmp_path / f"lib/modules/{KERNEL}/build", tmp_path / f"usr/src/kernels/{KERNEL}"
    of_kernel.mkdir(parents=True)
    of_package.mkdir(parents=True)
    (of_package / "Makefile").touch()
    assert headers_of(KERNEL, str(tmp_path)) == str(of_package)
    (of_kernel / "Makefile").touch()
    assert headers_of(KERNEL, str(tmp_path)) == str(of_kernel)


def test_missing_headers_are_named(tmp_path):
    with pytest.raises(HostError, match=r"Install linux-headers-0\.0-none"):
        build(NetmapBuild(Recipe("0" * 40, "0.0-none"), "x"), str(tmp_path), Tools(run, run_logged, str(tmp_path)))
