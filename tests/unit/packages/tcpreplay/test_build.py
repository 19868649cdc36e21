"""What is special to the build of tcpreplay: its checksum, its system, and netmap's headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.packages.bench import COMMIT, MAKEFILE, TCPREPLAY_CONFIGURE, VERSION, netmap_package

from linerate.errors import HostError, InputError
from linerate.packages.archive import unpack
from linerate.packages.tcpreplay.build import check_netmap
from linerate.packages.tcpreplay.recipe import Manifest


@pytest.fixture
def with_netmap(tcpreplay):
    """A build with the headers of a package of netmap."""
    tcpreplay.netmap_package = netmap_package(tcpreplay.folder / "netmap.tar.gz", "6.1", netmap=b"module")
    tcpreplay.change(netmap=COMMIT)
    return tcpreplay


def test_the_package_contains_the_installed_files_and_how_they_were_built(tcpreplay):
    manifest, contents = unpack(tcpreplay.package(), Manifest)
    assert manifest.recipe == tcpreplay.recipe
    assert manifest.built_with["compiler"]
    assert manifest.built_with["libc"].startswith("glibc ")
    assert set(contents) == {"bin/tcpreplay", "share/made.log", "share/configured"}
    assert contents["share/made.log"] == b"made\n"
    assert contents["share/configured"].decode().splitlines() == [
        f"--prefix={tcpreplay.recipe.place}",
        "CC=cc",
        "--without-netmap",
        "--without-libdnet",
    ]


def test_netmaps_headers_come_from_its_package(with_netmap):
    with_netmap.release(Makefile=MAKEFILE.replace("configured ", "configured headers "))
    with_netmap.change(options=("--enable-debug",))
    manifest, contents = unpack(with_netmap.package(), Manifest)
    assert contents["share/headers"].startswith(b"#define\tNETMAP_API\t14")
    assert contents["share/headers"].endswith(b"/* netmap_user.h */\n")
    assert contents["share/configured"].decode().splitlines()[-1] == "--enable-debug"
    assert len(manifest.built_with["netmap_headers"]) == 64


def test_a_failed_configure_shows_the_end_of_its_output(tcpreplay):
    tcpreplay.release(configure="#!/bin/sh\necho 'no pcap.h' >&2\nexit 3\n")
    with pytest.raises(HostError, match=r"configure of tcpreplay 4\.4\.2: ended with status 3;[\s\S]*no pcap\.h\n"):
        tcpreplay.build()
    assert len(list(tcpreplay.work.glob("*/configure.log"))) == 1


def test_an_archive_with_another_checksum_is_not_unpacked(tcpreplay):
    tcpreplay.change(sha256="0" * 64)
    with pytest.raises(InputError, match=r"tar.gz': has sha256 [0-9a-f]{64}, expected 0{64}. Remove the file"):
        tcpreplay.build()
    assert tcpreplay.remainders == set()


def test_another_compiler_is_required_by_its_name(tcpreplay):
    tcpreplay.change(compiler="no-such-cc")
    with pytest.raises(HostError, match=r"program 'no-such-cc': is not on the build host"):
        tcpreplay.build()


def test_a_build_host_of_another_system_is_refused(tcpreplay):
    here = tcpreplay.recipe.system
    tcpreplay.change(system="RedHat 9 x86_64")
    with pytest.raises(HostError, match=rf"is {here}, but the build is for RedHat 9 x86_64"):
        tcpreplay.build()
    assert tcpreplay.remainders == set()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (VERSION.replace("4.4.2", "4.4.3"), "has version 4.4.3, not 4.4.2"),
        (
            VERSION.replace("Optional injection method: netmap", ""),
            "does not print 'Optional injection method: netmap'",
        ),
        ("#!/bin/sh\nexit 127\n", "does not run"),
    ],
)
def test_a_program_that_does_not_match_the_recipe_is_not_packed(with_netmap, output, message):
    with_netmap.release(version=output)
    with pytest.raises(HostError, match=message):
        with_netmap.build()
    assert not list(with_netmap.packages.iterdir())


def test_a_configure_that_does_not_find_netmap_is_an_error(with_netmap):
    with_netmap.release(configure=TCPREPLAY_CONFIGURE.replace("${netmap:+yes $netmap}", "no"))
    with pytest.raises(HostError, match=r"reports 'no' for netmap, not 'yes /.*/netmap'"):
        with_netmap.build()


@pytest.mark.parametrize("summary", ["Linux/BSD netmap:           no", "Linux/BSD netmap:  yes /usr/src/netmap", ""])
def test_a_configure_that_uses_another_netmap_is_an_error(summary):
    output = f"checking for netmap socket sending support... yes\n{summary}\nTuntap device support:      yes\n"
    with pytest.raises(HostError, match=r"not 'yes /opt/netmap'.*configure.log"):
        check_netmap(output, "/opt/netmap")


def test_a_package_of_another_netmap_is_refused(with_netmap):
    with_netmap.change(netmap="0" * 40)
    with pytest.raises(
        InputError, match=rf"is of commit {COMMIT}, not of 0{{40}}\. Build that commit by the role netmap"
    ):
        with_netmap.build()


def test_a_missing_package_of_netmap_is_named(with_netmap):
    Path(with_netmap.netmap_package).unlink()
    with pytest.raises(HostError, match=r"netmap package .*netmap\.tar\.gz': does not exist"):
        with_netmap.build()
