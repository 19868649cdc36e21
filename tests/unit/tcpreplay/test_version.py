"""tcpreplay's version output, from real builds and the installed one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.system.run import Completed, run
from linerate.tcpreplay.version import Version, find, parse_version

FIXTURES = Path(__file__).parents[2] / "fixtures" / "tcpreplay-version"


def text(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("442-netmap.txt", Version("4.4.2", "git:v4.4.2", "PF_PACKET send()", ("netmap",), "1.10.3")),
        ("455-netmap.txt", Version("4.5.5", "git:v4.5.5", "PF_PACKET send()", ("netmap",), "1.10.3")),
        ("443-debian.txt", Version("4.4.3", "git:v4.4.3", "PF_PACKET send()", (), "1.10.3")),
    ],
)
def test_real_builds(name, expected):
    assert parse_version(text(name)) == expected


def test_netmap_compiled_in_or_not():
    assert parse_version(text("442-netmap.txt")).netmap
    assert parse_version(text("442-netmap.txt")).why_no_netmap is None
    debian = parse_version(text("443-debian.txt"))
    assert not debian.netmap
    assert debian.why_no_netmap == "tcpreplay 4.4.3 is not compiled with netmap"


@pytest.mark.parametrize(
    ("version", "works"),
    [("4.4.3", True), ("4.4.4", False), ("4.5.0-beta1", False), ("4.5.2", False), ("4.5.3", True), ("4.10.0", True)],
)
def test_releases_whose_netmap_is_broken(version, works):
    stated = parse_version(text("442-netmap.txt").replace("4.4.2", version))
    assert stated.version == version
    assert (stated.why_no_netmap is None) is works


def test_af_xdp_is_an_optional_method():
    built = text("455-netmap.txt").replace("Not compiled with AF_XDP", "Optional injection method: AF_XDP")
    assert parse_version(built).af_xdp
    assert parse_version(built).optional_methods == ("netmap", "AF_XDP")
    assert not parse_version(text("455-netmap.txt")).af_xdp


@pytest.mark.parametrize("nonsense", ["", "tcprewrite version: 4.4.3 (build git:v4.4.3)\nInjection method: x", "hello"])
def test_nonsense_is_refused(nonsense):
    with pytest.raises(HostError, match="is not the version output of tcpreplay"):
        parse_version(nonsense)


def test_a_cut_output_is_refused():
    with pytest.raises(HostError, match="is not the version output of tcpreplay"):
        parse_version(text("443-debian.txt").split("Injection")[0])


@pytest.mark.parametrize("streams", [("stdout", "stderr"), ("stderr", "stdout")])
def test_both_streams_are_read(streams):
    words = dict(zip(streams, (text("455-netmap.txt"), "")))
    found = find(lambda argv: Completed(tuple(argv), 0, **words), which=lambda name: f"/opt/{name}")
    assert found is not None
    assert (found.path, found.version.version) == ("/opt/tcpreplay", "4.5.5")


def test_what_is_not_there_is_none():
    assert find(run, "no-such-tcpreplay") is None


def test_what_does_not_run_is_an_error(tmp_path):
    broken = tmp_path / "tcpreplay"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libpcap.so.1' >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(HostError, match=r"does not run: `-V` ended with 127 \(error while loading"):
        find(run, str(broken))


@pytest.mark.skipif(shutil.which("tcpreplay") is None, reason="tcpreplay is not installed on this machine")
def test_the_installed_one():
    found = find(run)
    assert found is not None
    assert found.version.release >= (4,)
    assert found.version.default_method
