"""The build, with real processes on a source archive of a few lines: what is kept, begun anew, and refused."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.host.run import run, run_logged
from linerate.tcpreplay.build import STAMP, Recipe, Tools, build, check, differences, expect_netmap

CONFIGURE = """#!/bin/sh
for word; do case $word in --prefix=*) prefix=${word#*=};; --with-netmap=*) netmap=${word#*=};; esac; done
printf '%s\\n' "$@" > configured
printf 'prefix = %s\\n' "$prefix" > config.mk
echo "Linux/BSD netmap:           ${netmap:+yes $netmap}"
"""
MAKEFILE = """include config.mk
all:
\techo made >> made.log
\tcp said tcpreplay
install:
\ttest -f made.log
\tmkdir -p $(DESTDIR)$(prefix)/bin
\tcp tcpreplay $(DESTDIR)$(prefix)/bin/tcpreplay
\tcp made.log configured $(DESTDIR)$(prefix)/
\tchmod 755 $(DESTDIR)$(prefix)/bin/tcpreplay
"""
SAID = """#!/bin/sh
echo 'tcpreplay version: 4.4.2 (build git:v4.4.2)'
echo 'Default injection method: PF_PACKET send()'
echo 'Optional injection method: netmap'
"""


def tarball(path: Path, **replaced: str) -> tuple[str, str]:
    """An archive like a release's, and its sha256."""
    files = {"configure": CONFIGURE, "Makefile": MAKEFILE, "said": SAID, **replaced}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"tcpreplay-4.4.2/{name}")
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, BytesIO(text.encode()))
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


class Bench:
    """A recipe, where it is built, and how."""

    def __init__(self, folder: Path, **replaced: str) -> None:
        self.archive, sha256 = tarball(folder / "tcpreplay-4.4.2.tar.gz", **replaced)
        self.recipe = Recipe("4.4.2", sha256, str(folder / "prefix"))
        self.build_dir = folder / "build"
        self.tools = Tools(run, run_logged, 1)
        self.make = 0

    def build(self) -> Path:
        return build(self.recipe, self.archive, str(self.build_dir), self.tools)

    @property
    def reasons(self) -> tuple[str, ...]:
        return differences(self.recipe, run)

    @property
    def left_over(self) -> set[str]:
        """What stays in the prefix beside the versions, and in the build folders beside the logs."""
        found = [*Path(self.recipe.prefix).glob(".*"), *self.build_dir.glob("*/*")]
        return {path.name for path in found if path.suffix != ".log"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def netmap(tmp_path: Path) -> Path:
    headers = tmp_path / "netmap/sys/net"
    headers.mkdir(parents=True)
    (headers / "netmap.h").write_text("#define NETMAP_API 14\n")
    (headers / "netmap_user.h").write_text("#define nm_open\n")
    return tmp_path / "netmap"


def test_it_is_built_once(bench):
    assert bench.reasons == (f"{bench.recipe.place} holds no finished build",)
    logs = bench.build()
    assert bench.reasons == ()
    assert bench.left_over == set()
    assert {path.name for path in logs.iterdir()} == {"unpack.log", "configure.log", "make.log", "install.log"}
    configured = (bench.recipe.place / "configured").read_text().splitlines()
    assert configured == [f"--prefix={bench.recipe.place}", "CC=cc"]


def test_what_decides_the_outcome_is_what_is_compared(bench, netmap):
    bench.build()
    other = replace(bench.recipe, options=("--enable-debug",), netmap=str(netmap))
    assert [reason.partition(" ")[0] for reason in differences(other, run)] == ["options", "netmap", "netmap_headers"]
    bench.recipe = other
    bench.build()
    assert bench.reasons == ()
    configured = (other.place / "configured").read_text().splitlines()
    assert configured == [f"--prefix={other.place}", "CC=cc", f"--with-netmap={netmap}", "--enable-debug"]
    assert bench.left_over == set()

    (netmap / "sys/net/netmap.h").write_text("#define NETMAP_API 15\n")
    assert [reason.partition(" ")[0] for reason in bench.reasons] == ["netmap_headers"]

    stamp = other.place / STAMP
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "compiler": "cc: cc 9"}))
    assert any(reason.startswith("compiler was 'cc: cc 9', is to be 'cc: ") for reason in bench.reasons)


def test_a_second_version_stands_beside_the_first(bench, tmp_path):
    bench.build()
    (tmp_path / "second").mkdir()
    second = Bench(tmp_path / "second", said=SAID.replace("4.4.2", "4.4.3"))
    second.recipe = replace(second.recipe, version="4.4.3", prefix=bench.recipe.prefix)
    second.build()
    assert (bench.reasons, second.reasons) == ((), ())


def test_an_executable_that_was_removed_is_built_again(bench):
    bench.build()
    bench.recipe.executable.unlink()
    assert bench.reasons == (f"{bench.recipe.executable} is not there",)
    bench.build()
    assert bench.reasons == ()


def test_a_stamp_that_is_no_stamp_is_not_believed(bench):
    bench.build()
    (bench.recipe.place / STAMP).write_text("{")
    assert bench.reasons == (f"{bench.recipe.place} holds no finished build",)


@pytest.mark.parametrize(
    ("file", "text", "step"),
    [
        ("configure", "#!/bin/sh\necho 'no pcap.h' >&2\nexit 3\n", "configure"),
        ("Makefile", "all:\n\t@echo no pcap.h; exit 3\n", "make"),
        ("Makefile", "all:\ninstall:\n\t@echo no pcap.h; exit 3\n", "install"),
    ],
)
def test_a_step_that_fails_shows_the_end_of_its_log(tmp_path, file, text, step):
    bench = Bench(tmp_path, **{file: text})
    with pytest.raises(HostError) as error:
        bench.build()
    said = str(error.value)
    log = next(bench.build_dir.glob(f"*/{step}.log"))
    assert said.startswith(f"{step} of tcpreplay 4.4.2: ended with status ")
    assert f"the last lines of {log} on this host are\n" in said
    assert "no pcap.h\n" in said
    assert not bench.recipe.place.exists()
    assert not list(Path(bench.recipe.prefix).glob("*"))


def test_what_make_finished_is_not_made_again(bench):
    blocked = Path(bench.recipe.prefix)
    blocked.write_text("a file where the folder of versions is to be")
    with pytest.raises(HostError, match=r"cannot be used: Not a directory. Make it a writable place"):
        bench.build()
    blocked.unlink()
    bench.build()
    assert (bench.recipe.place / "made.log").read_text() == "made\n"
    assert bench.reasons == ()


def running(pid: int) -> bool:
    """Whether it runs: one that has ended but that nobody has asked for its status does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def killed(tmp_path: Path) -> Bench:
    """A build whose process was killed while make ran."""
    slow = MAKEFILE.replace("all:\n", "all:\n\techo $$PPID > half\n\ttest -f $(CURDIR)/../../go || sleep 600\n")
    bench = Bench(tmp_path, Makefile=slow)
    script = (
        "import sys; from linerate.host.run import run, run_logged; from linerate.tcpreplay.build import *;"
        "recipe = Recipe('4.4.2', sys.argv[1], sys.argv[2]);"
        "build(recipe, sys.argv[3], sys.argv[4], Tools(run, run_logged, 1))"
    )
    given = [bench.recipe.sha256, bench.recipe.prefix, bench.archive, str(bench.build_dir)]
    process = subprocess.Popen([sys.executable, "-c", script, *given])
    while not (halves := list(bench.build_dir.glob("*/*/half"))) or not halves[0].read_text():
        assert process.poll() is None
        time.sleep(0.02)
    bench.make = int(halves[0].read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    return bench


def test_a_build_that_is_killed_ends_its_programs_and_is_begun_anew(killed):
    deadline = time.monotonic() + 30
    while running(killed.make) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(killed.make)
    assert killed.reasons == (f"{killed.recipe.place} holds no finished build",)
    (killed.build_dir / "go").touch()
    killed.build()
    assert killed.reasons == ()
    assert (killed.recipe.place / "made.log").read_text() == "made\n"
    assert killed.left_over == set()


def test_two_builds_at_a_time_are_refused(bench):
    folder = bench.build()
    bench.recipe.executable.unlink()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(HostError, match="another build is going on in it"):
        bench.build()
    os.close(descriptor)
    bench.build()


def test_an_archive_with_another_checksum_is_not_unpacked(bench):
    bench.recipe = replace(bench.recipe, sha256="0" * 64)
    with pytest.raises(HostError, match=r"tar.gz': has sha256 [0-9a-f]{64}, expected 0{64}. Remove it"):
        bench.build()
    assert not list(bench.build_dir.glob("*/source-*"))


def test_an_archive_that_is_not_there(bench):
    bench.archive += ".not"
    with pytest.raises(HostError, match=r"tar.gz.not': cannot be used: No such file"):
        bench.build()


def test_a_compiler_that_is_not_there(bench):
    bench.recipe = replace(bench.recipe, compiler="no-such-cc")
    assert bench.reasons == (f"{bench.recipe.place} holds no finished build",)
    with pytest.raises(HostError, match=r"no-such-cc'.*is not on this host. Install"):
        bench.build()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (SAID.replace("4.4.2", "4.4.3"), "says version 4.4.3, not 4.4.2"),
        (SAID.replace("Optional injection method: netmap", ""), "does not say 'Optional injection method: netmap'"),
        ("#!/bin/sh\nexit 127\n", "does not run"),
    ],
)
def test_what_is_not_what_was_asked_for_is_not_put_in_place(tmp_path, netmap, said, message):
    bench = Bench(tmp_path, said=said)
    bench.recipe = replace(bench.recipe, netmap=str(netmap))
    with pytest.raises(HostError, match=message):
        bench.build()
    assert not bench.recipe.place.exists()


@pytest.mark.parametrize("summary", ["Linux/BSD netmap:           no", "Linux/BSD netmap:  yes /usr/src/netmap", ""])
def test_a_configure_that_did_not_take_the_netmap_it_was_given(tmp_path, summary):
    log = tmp_path / "configure.log"
    log.write_text(f"checking for netmap socket sending support... yes\n{summary}\nTuntap device support:      yes\n")
    with pytest.raises(HostError, match=r"not 'yes /opt/netmap'.*configure.log"):
        expect_netmap(log, "/opt/netmap")


def test_a_netmap_folder_without_netmap(bench, tmp_path):
    bench.recipe = replace(bench.recipe, netmap=str(tmp_path))
    with pytest.raises(InputError, match=r"holds no sys/net/netmap.h"):
        bench.build()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"version": "latest"}, "is not a version of tcpreplay"),
        ({"sha256": "5B27"}, "is not a sha256"),
        ({"prefix": "opt"}, "is not an absolute path"),
        ({"options": ("--prefix=/usr",)}, "is set by a parameter of its own"),
        ({"version": "4.4.4", "netmap": "/n"}, r"netmap does not work in tcpreplay 4.4.4 .*Take 4.4.2"),
        ({"version": "4.5.2", "netmap": "/n"}, "netmap does not work"),
    ],
)
def test_a_recipe_that_cannot_end_well_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        check(replace(Recipe("4.4.2", "0" * 64, "/opt/x"), **given))


@pytest.mark.parametrize("version", ["4.4.2", "4.4.3", "4.5.3", "4.6.0"])
def test_versions_whose_netmap_works(version):
    check(Recipe(version, "0" * 64, "/opt/x", netmap="/n"))


def test_a_broken_netmap_is_no_matter_where_none_is_wanted():
    check(Recipe("4.5.1", "0" * 64, "/opt/x"))
