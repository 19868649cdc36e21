"""Building, with a netmap of a few lines: its configure and Makefile run for real, the kernel is not needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.packages.netmap import build as building
from linerate.packages.netmap.build import build, headers_of
from linerate.packages.netmap.package import unpack
from linerate.packages.netmap.recipe import BuildSpec, DriverArchive
from linerate.system.run import run

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
{fetch}
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

    def release(self, **changed: object) -> None:
        said = {"make": "true", "vermagic": KERNEL, "drivers": "", "status": 0, "fetch": "", **changed}
        configure = self.tree / "configure"
        configure.write_text(CONFIGURE.format(kernel=KERNEL, **said))
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
        return [path.name for path in self.work.iterdir()]


@pytest.fixture
def netmap(tmp_path, monkeypatch) -> Netmap:
    # This machine need not have the headers of that kernel, and the stand-in does not use them.
    monkeypatch.setattr(building, "headers_of", lambda kernel: f"/lib/modules/{kernel}/build")
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
    # Of another kernel, or of other options.
    (netmap.work / "linerate-netmap-build-x").mkdir()
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


def given(driver: str, path: Path, content: bytes = b"source of the driver") -> DriverArchive:
    path.write_bytes(content)
    return DriverArchive(driver, str(path), hashlib.sha256(content).hexdigest())


FETCH = "(test -e $(dirname $0)/LINUX/ext-drivers/{0} || wget https://example.org/{0} -P $(dirname $0)) 2>&1 || exit 1"
"""What netmap's configure does for a driver, and its make once more (LINUX/default-config.mak.in_)."""


@pytest.fixture
def downloaded(tmp_path, monkeypatch) -> Path:
    """A file that is there once a program of the host's own has downloaded something."""
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
def test_a_driver_archive_is_found_where_netmap_looks_for_it(netmap, downloaded, tmp_path, driver, name):
    netmap.release(fetch=FETCH.format(name) + f"\ngrep -q . $(dirname $0)/LINUX/ext-drivers/{name} || exit 1")
    with pytest.raises(HostError, match=f"left out {driver}"):
        netmap.build(drivers=(driver,), archives=(given(driver, tmp_path / Path(name).name),))
    assert not downloaded.exists()


def test_an_archive_that_netmap_does_not_look_for_is_told_with_the_one_that_it_does(netmap, downloaded, tmp_path):
    netmap.release(fetch=FETCH.format("ixgbe/v5.15.2.zip"))
    with pytest.raises(InputError) as error:
        netmap.build(drivers=("ixgbe",), archives=(given("ixgbe", tmp_path / "v6.1.6.zip"),))
    assert str(error.value) == (
        "driver archive 'v5.15.2.zip': is what netmap looks for; given is v6.1.6.zip, and nothing is downloaded "
        "without a sha256. Give that file under this name in netmap_driver_archives, or the version that you have in "
        "netmap_select_versions."
    )
    assert not downloaded.exists()
    assert netmap.left() == []


@pytest.mark.parametrize(
    "command", ["wget https://example.org/v6.1.6.zip", "curl https://example.org", "git --version"]
)
def test_make_does_not_download_either(netmap, downloaded, command):
    netmap.release(make=command)
    with pytest.raises(HostError, match="make of netmap: ended with 2"):
        netmap.build()
    assert not downloaded.exists()


def test_a_path_that_leads_nowhere_is_told_as_such(netmap, tmp_path):
    archive = given("ixgbe", tmp_path / "v6.1.6.zip")
    os.unlink(archive.path)
    with pytest.raises(InputError, match=r"v6\.1\.6\.zip': is not a file on the build host\. Put the source of ixgbe"):
        netmap.build(drivers=("ixgbe",), archives=(archive,))
    os.unlink(netmap.archive)
    with pytest.raises(InputError, match=r"netmap source '.*': is not there\. Put it there"):
        netmap.build()


def test_a_zip_file_asks_for_unzip_before_anything_is_built(netmap, tmp_path, monkeypatch):
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "unzip" else real(program))
    with pytest.raises(HostError, match=r"'unzip': is not on the build host\. Install the package unzip"):
        netmap.build(drivers=("ixgbe",), archives=(given("ixgbe", tmp_path / "v6.1.6.zip"),))
    assert netmap.build()[1]


def test_headers_are_where_the_kernel_or_where_kernel_devel_alone_puts_them(tmp_path):
    of_kernel, of_package = tmp_path / f"lib/modules/{KERNEL}/build", tmp_path / f"usr/src/kernels/{KERNEL}"
    of_kernel.mkdir(parents=True)
    of_package.mkdir(parents=True)
    (of_package / "Makefile").touch()
    assert headers_of(KERNEL, str(tmp_path)) == str(of_package)
    (of_kernel / "Makefile").touch()
    assert headers_of(KERNEL, str(tmp_path)) == str(of_kernel)


def test_missing_headers_are_named(tmp_path):
    with pytest.raises(HostError, match=r"Install linux-headers-0\.0-none"):
        build(BuildSpec("0" * 40, "0.0-none"), "x", str(tmp_path), str(tmp_path), run)
