"""The recipe of netmap, and configure's recorded output (tests/fixtures/netmap-configure)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from linerate.errors import InputError
from linerate.packages.netmap.configure import configure_argv, first_complaint, native_drivers, not_downloaded
from linerate.packages.netmap.recipe import DriverArchive, KernelSources, Recipe, Signing, module_names

COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
CORE = Recipe(COMMIT, "6.1.0-56-amd64")
SOURCES = KernelSources("/usr/src/linux", "c" * 64)
NATIVE = replace(CORE, drivers=("e1000", "veth.c"), kernel_sources=SOURCES)
IXGBE = DriverArchive("ixgbe", "/srv/v6.1.6.zip", "a" * 64)
OUTPUTS = Path(__file__).parents[3] / "fixtures/netmap-configure"


def output(name: str) -> str:
    return (OUTPUTS / f"{name}.txt").read_text()


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


def test_drivers_are_listed_by_name_with_the_kernels_sources():
    argv = configure_argv(NATIVE, "configure", "/k", "/stage", SOURCES.path)
    assert "--drivers=e1000,veth.c" in argv
    assert "--kernel-sources=/usr/src/linux" in argv
    assert "--no-drivers" not in argv
    assert NATIVE.modules == ("netmap", "e1000", "veth")


def test_the_version_of_an_external_driver_is_selected():
    recipe = replace(CORE, drivers=("ixgbe",), select_versions={"ixgbe": "6.1.6"}, archives=(IXGBE,))
    assert "--select-version=ixgbe:6.1.6" in configure_argv(recipe, "configure", "/k", "/stage")


def test_a_download_without_a_checksum_is_refused():
    with pytest.raises(
        InputError,
        match=r"netmap_drivers 'ixgbe': has an external source.*in netmap_driver_archives, .*set netmap_kernel_sources",
    ):
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
        {"kernel_sources": replace(SOURCES, sha256="d" * 64)},
        {"select_versions": {"e1000": "1.0"}},
        {"no_ext_drivers": ("igb",)},
        {"archives": (replace(IXGBE, sha256="b" * 64),)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_every_option_is_part_of_the_key(other):
    assert replace(NATIVE, **{"archives": (IXGBE,), **other}).key != replace(NATIVE, archives=(IXGBE,)).key


@pytest.mark.parametrize(
    "moved",
    [
        {"kernel_sources": replace(SOURCES, path="/elsewhere")},
        {"archives": (replace(IXGBE, path="/elsewhere/v6.1.6.zip"),)},
        {"signing": Signing("/elsewhere/key.pem", "/elsewhere/crt.der", "e" * 64)},
    ],
    ids=lambda moved: next(iter(moved)),
)
def test_the_content_of_a_file_is_part_of_the_key_and_its_path_is_not(moved):
    recipe = replace(NATIVE, archives=(IXGBE,), signing=Signing("/key.pem", "/crt.der", "e" * 64))
    assert replace(recipe, **moved).key == recipe.key


def test_the_order_of_drivers_is_not_part_of_the_key():
    assert replace(NATIVE, drivers=("veth.c", "e1000")).package_name == NATIVE.package_name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"commit": "89607e14"}, "netmap_commit '89607e14': is not 40 hexadecimal digits"),
        ({"kernel": "../../etc"}, "not a kernel release"),
        ({"drivers": ("e1000,igb",)}, "netmap_drivers 'e1000,igb': is not the name of a driver. Use one of e1000, "),
        ({"no_ext_drivers": ("/igb",)}, "netmap_no_ext_drivers '/igb': is not the name of a driver"),
        ({"select_versions": {"igb": "5;rm"}}, "netmap_select_versions '5;rm': is not a version"),
        (
            {"archives": (replace(IXGBE, sha256="12"),)},
            "netmap_driver_archives, sha256 of /srv/v6.1.6.zip '12': is not a sha",
        ),
    ],
)
def test_invalid_values_are_named(values, message):
    with pytest.raises(InputError, match=message):
        replace(CORE, **values)


def test_the_drivers_are_read_from_the_report_of_configure():
    assert native_drivers(output("no-drivers")) == ()
    assert native_drivers(output("e1000")) == ("e1000",)
    with pytest.raises(InputError, match="native drivers"):
        native_drivers("nothing of that kind\n")


def test_the_first_complaint_explains_the_failure():
    assert first_complaint(output("veth-does-not-patch")) == (
        "There were problems patching the driver veth.c. Disabling veth.c."
    )
    assert first_complaint(output("ixgbe-not-downloaded")).startswith("Unable to fetch the sources for driver ixgbe.")
    assert first_complaint("a\nb\n") == "a b"


def test_the_file_that_configure_tried_to_download_is_found():
    assert not_downloaded(output("ixgbe-refused")) == "v5.15.2.zip"
    assert not_downloaded(output("e1000")) is None


def test_the_kernels_names_of_drivers_follow_from_netmaps():
    assert module_names(["veth.c", "e1000"]) == ("e1000", "veth")
