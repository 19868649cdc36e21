"""The recipe of tcpreplay: the key of its package, invalid values, its manifest, and the system of a host."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from linerate.errors import InputError
from linerate.packages.archive import read_manifest
from linerate.packages.tcpreplay.recipe import Manifest, Recipe, this_system

RECIPE = Recipe("4.4.2", "0" * 64, "/opt/x", "Debian 12 x86_64")


def test_the_package_name_contains_version_and_system_and_every_value_is_part_of_the_key():
    assert RECIPE.package_name == f"tcpreplay-4.4.2-debian-12-x86_64-{RECIPE.key}.tar.gz"
    others = {
        "version": "4.4.3",
        "sha256": "1" * 64,
        "prefix": "/opt/y",
        "system": "Debian 13 x86_64",
        "options": ("--enable-debug",),
        "compiler": "gcc-12",
        "netmap": "1" * 40,
    }
    assert set(others) == set(vars(RECIPE))
    keys = {replace(RECIPE, **{name: value}).key for name, value in others.items()}
    assert len({RECIPE.key, *keys}) == len(others) + 1


def test_a_stored_manifest_is_read_unchanged():
    manifest = Manifest(RECIPE.key, {"bin/x": "0" * 64}, replace(RECIPE, options=("-O2",)), {"libc": "glibc 2.36"})
    assert read_manifest(manifest.as_json(), "x", Manifest) == manifest


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"recipe": {"options": []}}', b'{"recipe": 1}'])
def test_an_unreadable_manifest_is_named(content):
    with pytest.raises(InputError, match=r"tcpreplay package 'the/path': contains no readable manifest"):
        read_manifest(content, "the/path", Manifest)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"version": "latest"}, "tcpreplay_version 'latest': is not a version of tcpreplay"),
        ({"sha256": "5B27"}, "tcpreplay_source_checksum '5B27': is not a sha256"),
        ({"prefix": "opt"}, "tcpreplay_prefix 'opt': is not an absolute path"),
        ({"options": ("--prefix=/usr",)}, "tcpreplay_configure_options '--prefix=/usr': has a parameter of its own"),
        ({"version": "4.4.4", "netmap": "1"}, r"netmap does not work in tcpreplay 4.4.4 .*Use 4.4.2"),
        ({"version": "4.5.2", "netmap": "1"}, "netmap does not work"),
    ],
)
def test_invalid_values_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        replace(RECIPE, **given)


@pytest.mark.parametrize("version", ["4.4.2", "4.4.3", "4.5.3", "4.6.0"])
def test_versions_with_a_working_netmap_are_accepted(version):
    assert replace(RECIPE, version=version, netmap="1").netmap


def test_a_version_with_a_broken_netmap_is_accepted_without_netmap():
    assert replace(RECIPE, version="4.5.1").version == "4.5.1"


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "Debian 12"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\n', "RedHat 9"),
        ("ID=arch\n", "arch unknown"),
        (None, "unknown unknown"),
    ],
)
def test_the_system_is_family_release_and_machine(tmp_path, text, system):
    (tmp_path / "etc").mkdir()
    if text:
        (tmp_path / "etc/os-release").write_text(text)
    assert this_system(str(tmp_path)) == f"{system} {os.uname().machine}"
