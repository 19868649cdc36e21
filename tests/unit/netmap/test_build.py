"""Building, with a netmap of a few lines: its configure and Makefile run for real, the kernel is not needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.host.run import run
from linerate.netmap import build as building
from linerate.netmap.build import build
from linerate.netmap.package import unpack
from linerate.netmap.spec import BuildSpec, DriverArchive

KERNEL = "6.1.0-56-amd64"
CONFIGURE = r"""#!/bin/sh
for option; do case $option in
    --install-mod-path=*) stage=${{option#*=}};; --kernel-sources=*) sources=${{option#*=}};;
esac; done
cat > Makefile <<END
all:
	{make}
install:
	mkdir -p $stage/lib/modules/{kernel}/extra $stage/usr/local/include/net
	printf 'vermagic={vermagic} SMP' > $stage/lib/modules/{kernel}/extra/netmap.ko
	echo api > $stage/usr/local/include/net/netmap.h
END
echo "native drivers              {drivers}"
exit {status}
"""


class Netmap:
    """A git repository that stands for netmap's, and the archive of its one commit."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.archive = str(folder / "netmap.tar.gz")
        self.packages = str(folder / "packages")
        self.work = folder / "work"
        for path in (self.tree, self.work):
            path.mkdir()
        self.release()

    def git(self, *words: str) -> str:
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(["git", *settings, *words], cwd=self.tree, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def release(self, make: str = "true", vermagic: str = KERNEL, drivers: str = "", status: int = 0) -> None:
        configure = self.tree / "configure"
        configure.write_text(
            CONFIGURE.format(make=make, vermagic=vermagic, drivers=drivers, status=status, kernel=KERNEL)
        )
        configure.chmod(0o755)
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", "release")
        self.commit = self.git("rev-parse", "HEAD")
        self.git("archive", "--prefix=netmap/", "-o", self.archive, "HEAD")

    def build(self, **options):
        check = options.pop("check", False)
        spec = BuildSpec(self.commit, KERNEL, **options)
        return build(spec, self.archive, self.packages, str(self.work), run, check)

    def left(self) -> list[str]:
        return [path.name for path in self.work.iterdir() if path.suffix != ".lock"]


@pytest.fixture
def netmap(tmp_path, monkeypatch) -> Netmap:
    # This machine need not have the headers of that kernel, and the stand-in does not use them.
    monkeypatch.setattr(building, "_expect_tools", lambda spec, folder: None)
    return Netmap(tmp_path)


def test_built_once_and_packed(netmap):
    package, built = netmap.build()
    assert built
    manifest, contents = unpack(package)
    assert manifest.kernel == KERNEL
    assert manifest.configure[-1] == "--no-drivers"
    assert set(contents) == {f"lib/modules/{KERNEL}/updates/netmap/netmap.ko", "usr/local/include/net/netmap.h"}
    assert netmap.build() == (package, False)
    assert netmap.left() == []


def test_check_mode_makes_nothing(netmap):
    package, built = netmap.build(check=True)
    assert built
    assert not os.path.exists(package)


def test_what_a_killed_build_left_is_no_package_and_goes_away(netmap):
    package, _ = netmap.build()
    content = Path(package).read_bytes()
    Path(package).write_bytes(content[: len(content) // 2])
    (netmap.work / f"linerate-netmap-{KERNEL}-{BuildSpec(netmap.commit, KERNEL).key}.build-x").mkdir()
    assert netmap.build() == (package, True)
    assert Path(package).read_bytes() == content
    assert netmap.left() == []


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ({"status": 1}, "configure of netmap: failed"),
        ({"make": "echo no space >&2; false"}, "make of netmap: ended with 2: no space"),
        ({"vermagic": "5.14.0"}, "for another kernel than 6.1.0-56-amd64"),
    ],
)
def test_a_build_that_fails_leaves_nothing_and_the_next_one_mends_it(netmap, release, told):
    netmap.release(**release)
    with pytest.raises(HostError, match=told):
        netmap.build()
    assert netmap.left() == []
    assert not list(Path(netmap.packages).iterdir())
    netmap.release()
    assert netmap.build()[1]


def test_a_driver_that_was_left_out_is_an_error(netmap):
    with pytest.raises(HostError, match="left out e1000"):
        netmap.build(drivers=("e1000",))


def test_a_driver_without_its_module_is_an_error(netmap):
    netmap.release(drivers="e1000")
    with pytest.raises(HostError, match=r"gave no e1000\.ko"):
        netmap.build(drivers=("e1000",))


def test_sources_of_the_kernels_own_drivers_are_taken_out_of_their_archive(netmap, tmp_path):
    (tmp_path / "linux-source-6.1/drivers/net/e1000").mkdir(parents=True)
    archive = tmp_path / "linux-source-6.1.tar.xz"
    subprocess.run(["tar", "-cJf", archive, "-C", tmp_path, "linux-source-6.1"], check=True)
    netmap.release(drivers="$(ls $sources/drivers/net)")
    with pytest.raises(HostError, match=r"gave no e1000\.ko"):
        netmap.build(drivers=("e1000",), kernel_sources=str(archive))
    netmap.release()
    with pytest.raises(HostError, match="left out e1000"):
        netmap.build(drivers=("e1000",), kernel_sources=str(archive))
    assert netmap.left() == []


def test_the_archive_of_another_commit_is_refused(netmap):
    netmap.commit = "0" * 40
    with pytest.raises(InputError, match=r"is of commit [0-9a-f]{40}, not of 0{40}"):
        netmap.build()
    Path(netmap.archive).write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="no archive that can be read"):
        netmap.build()


def test_a_driver_archive_with_another_checksum_is_refused(netmap, tmp_path):
    archive = tmp_path / "v6.1.6.zip"
    archive.write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"v6\.1\.6\.zip.*has sha256"):
        netmap.build(drivers=("ixgbe",), archives=(DriverArchive("ixgbe", str(archive), "a" * 64),))


def test_missing_headers_are_named(tmp_path):
    with pytest.raises(HostError, match=r"Install linux-headers-0\.0-none"):
        build(BuildSpec("0" * 40, "0.0-none"), "x", str(tmp_path), str(tmp_path), run)
