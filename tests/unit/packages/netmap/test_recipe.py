"""Options, their key, and what netmap's configure really said (tests/fixtures/netmap-configure)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from linerate.errors import InputError
from linerate.packages.netmap.recipe import (
    BuildSpec,
    DriverArchive,
    complaint,
    configure_argv,
    native_drivers,
    not_downloaded,
)

COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
CORE = BuildSpec(COMMIT, "6.1.0-56-amd64")
NATIVE = replace(CORE, drivers=("e1000", "veth.c"), kernel_sources="/usr/src/linux")
IXGBE = DriverArchive("ixgbe", "/srv/v6.1.6.zip", "a" * 64)
SAID = Path(__file__).parents[3] / "fixtures/netmap-configure"


def said(name: str) -> str:
    return (SAID / f"{name}.txt").read_text()


def test_the_core_module_alone_downloads_nothing():
    assert configure_argv(CORE, "/s/configure", "/k", "/stage") == (
        "/s/configure",
        "--kernel-dir=/k",
        "--fail-on-driver-errors",
        "--no-apps",
        "--no-utils",
        "--install-mod-path=/stage",
        "--destdir=/stage",
        "--no-drivers",
    )


def test_drivers_by_name_from_the_kernels_sources():
    argv = configure_argv(NATIVE, "configure", "/k", "/stage")
    assert "--drivers=e1000,veth.c" in argv
    assert "--kernel-sources=/usr/src/linux" in argv
    assert "--no-drivers" not in argv
    assert NATIVE.modules == ("netmap", "e1000", "veth")


def test_a_chosen_version_of_an_external_driver():
    spec = replace(CORE, drivers=("ixgbe",), select_versions={"ixgbe": "6.1.6"}, archives=(IXGBE,))
    assert "--select-version=ixgbe:6.1.6" in configure_argv(spec, "configure", "/k", "/stage")


def test_a_download_without_a_checksum_is_refused():
    with pytest.raises(InputError, match=r"'ixgbe': has an external source.*without a checksum"):
        replace(CORE, drivers=("ixgbe",))
    assert "--no-ext-drivers=igb" in configure_argv(
        replace(CORE, drivers=("igb",), no_ext_drivers=("igb",)), "configure", "/k", "/stage"
    )


@pytest.mark.parametrize(
    "other",
    [
        {"commit": "0" * 40},
        {"kernel": "6.1.0-57-amd64"},
        {"drivers": ("e1000",)},
        {"kernel_sources": "/elsewhere"},
        {"select_versions": {"e1000": "1.0"}},
        {"no_ext_drivers": ("igb",)},
        {"archives": (replace(IXGBE, sha256="b" * 64),)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_every_option_is_part_of_the_key(other):
    assert replace(NATIVE, **{"archives": (IXGBE,), **other}).key != replace(NATIVE, archives=(IXGBE,)).key


def test_the_order_of_drivers_is_not():
    assert replace(NATIVE, drivers=("veth.c", "e1000")).package_name == NATIVE.package_name


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"commit": "89607e14"}, "40 hexadecimal digits"),
        ({"kernel": "../../etc"}, "not a kernel release"),
        ({"drivers": ("e1000,igb",)}, "not a driver's name"),
        ({"select_versions": {"igb": "5;rm"}}, "not a version"),
        ({"archives": (replace(IXGBE, sha256="12"),)}, "not a sha256"),
    ],
)
def test_bad_options_are_named(wrong, told):
    with pytest.raises(InputError, match=told):
        replace(CORE, **wrong)


def test_the_report_of_configure():
    assert native_drivers(said("no-drivers")) == ()
    assert native_drivers(said("e1000")) == ("e1000",)
    with pytest.raises(InputError, match="native drivers"):
        native_drivers("nothing of that kind\n")


def test_the_first_complaint_is_the_one_that_explains():
    assert complaint(said("veth-does-not-patch")) == (
        "There were problems patching the driver veth.c. Disabling veth.c."
    )
    assert complaint(said("ixgbe-not-downloaded")).startswith("Unable to fetch the sources for driver ixgbe.")
    assert complaint("a\nb\n") == "a b"


def test_the_file_that_configure_would_have_downloaded():
    assert not_downloaded(said("ixgbe-refused")) == "v5.15.2.zip"
    assert not_downloaded(said("e1000")) is None
