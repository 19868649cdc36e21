"""The build, with real processes on a source archive of a few lines: what is kept, begun anew, and refused."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.packages.tcpreplay.conftest import COMMIT, CONFIGURE, MAKEFILE, SAID, Bench

from linerate.errors import HostError, InputError
from linerate.packages.tcpreplay.build import Sources, build, expect_netmap
from linerate.packages.tcpreplay.package import unpack
from linerate.system.run import Completed


def test_it_is_built_once(bench):
    path, built = bench.build()
    assert (Path(path).name, built) == (bench.recipe.package_name, True)
    assert bench.left_over == set()
    before = os.stat(path).st_mtime_ns
    assert bench.build() == (path, False)
    assert os.stat(path).st_mtime_ns == before
    manifest, contents = unpack(path)
    assert manifest.recipe == bench.recipe
    assert manifest.built_with["compiler"]
    assert manifest.built_with["libc"].startswith("glibc ")
    assert set(contents) == {"bin/tcpreplay", "share/made.log", "share/configured"}
    assert contents["share/configured"].decode().splitlines() == [
        f"--prefix={bench.recipe.place}",
        "CC=cc",
        "--without-netmap",
    ]


def test_check_mode_builds_nothing_and_looks_at_nothing_but_the_packages(bench):
    bench.sources = Sources("/nowhere")
    path, missing = bench.build(check=True)
    assert missing
    assert not Path(path).parent.exists()


def test_netmap_is_what_the_package_of_netmap_holds(tmp_path, netmap):
    bench = Bench(tmp_path, Makefile=MAKEFILE.replace("configured ", "configured headers "))
    bench.sources = replace(bench.sources, netmap_package=netmap)
    bench.wants(netmap=COMMIT, options=("--enable-debug",))
    manifest, contents = unpack(bench.package())
    assert contents["share/headers"] == b"/* netmap.h */\n/* netmap_user.h */\n"
    assert contents["share/configured"].decode().splitlines()[-1] == "--enable-debug"
    assert len(manifest.built_with["netmap_headers"]) == 64


@pytest.mark.parametrize(
    ("file", "text", "step"),
    [
        ("configure", "#!/bin/sh\necho 'no pcap.h' >&2\nexit 3\n", "configure"),
        ("Makefile", "all:\n\t@echo no pcap.h; exit 3\n", "make"),
        ("Makefile", "all:\ninstall:\n\t@echo no pcap.h; exit 3\n", "install"),
    ],
)
def test_a_step_that_fails_shows_the_end_of_its_log_which_stays_until_the_next_build(tmp_path, file, text, step):
    bench = Bench(tmp_path, **{file: text})
    for _ in range(2):
        with pytest.raises(HostError) as error:
            bench.build()
        said = str(error.value)
        (log,) = bench.work.glob(f"*/{step}.log")
        assert said.startswith(f"{step} of tcpreplay 4.4.2: ended with status ")
        assert f"the last lines of {log} on the build host are\n" in said
        assert "no pcap.h\n" in said
        assert not list(bench.packages.iterdir())


def running(pid: int) -> bool:
    """Whether it runs: one that has ended but that nobody has asked for its status does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Bench, int]:
    """A build whose process was killed while make ran, and the process of its make."""
    go = tmp_path / "go"
    slow = MAKEFILE.replace("all:\n", f"all:\n\techo $$PPID > half\n\ttest -f {go} || sleep 600\n")
    bench = Bench(tmp_path, Makefile=slow)
    script = (
        "import sys; from linerate.system.run import run, run_logged; from linerate.packages.tcpreplay.build import *;"
        "from linerate.packages.tcpreplay.package import *; recipe = Recipe('4.4.2', *sys.argv[1:4]);"
        "build(recipe, Sources(sys.argv[4]), sys.argv[5], Tools(run, run_logged, sys.argv[6]))"
    )
    recipe = [bench.recipe.sha256, bench.recipe.prefix, bench.recipe.system]
    given = [*recipe, bench.sources.archive, str(bench.packages), str(bench.work)]
    process = subprocess.Popen([sys.executable, "-c", script, *given])
    while not (halves := list(bench.work.glob("*/*/half"))) or not halves[0].read_text():
        assert process.poll() is None
        time.sleep(0.02)
    make = int(halves[0].read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    go.touch()
    return bench, make


def test_a_build_that_is_killed_ends_its_programs_and_is_begun_anew(killed):
    bench, make = killed
    deadline = time.monotonic() + 30
    while running(make) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(make)
    assert not list(bench.packages.iterdir())
    assert len(bench.left_over) == 1
    assert unpack(bench.package())[1]["share/made.log"] == b"made\n"
    assert bench.left_over == set()


def test_who_comes_second_waits_and_takes_what_the_first_has_made(bench):
    bench.packages.mkdir()
    first = os.open(bench.packages, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    outcome: list[tuple[str, bool]] = []
    second = threading.Thread(target=lambda: outcome.append(bench.build()))
    second.start()
    time.sleep(0.2)
    assert not list(bench.work.iterdir())
    other = bench.packages.parent / "elsewhere"
    made, _ = build(bench.recipe, bench.sources, str(other), bench.tools)
    os.rename(made, bench.packages / bench.recipe.package_name)
    os.close(first)
    second.join()
    assert outcome == [(str(bench.packages / bench.recipe.package_name), False)]


def test_a_folder_that_another_build_works_in_is_left_alone(bench):
    folder = bench.work / "linerate-tcpreplay-other"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    bench.build()
    assert bench.left_over == {"linerate-tcpreplay-other"}
    os.close(descriptor)


def test_a_package_that_is_not_whole_is_built_anew(bench):
    path, _ = bench.build()
    Path(path).write_bytes(Path(path).read_bytes()[:-40])
    assert bench.build() == (path, True)
    assert bench.build() == (path, False)


def test_an_archive_with_another_checksum_is_not_unpacked(bench):
    bench.wants(sha256="0" * 64)
    with pytest.raises(InputError, match=r"tar.gz': has sha256 [0-9a-f]{64}, expected 0{64}. Remove it"):
        bench.build()
    assert bench.left_over == set()


def test_an_archive_that_is_not_there(bench):
    bench.sources = Sources("/nowhere/tcpreplay.tar.gz")
    with pytest.raises(HostError, match=r"tcpreplay.tar.gz': cannot be used: No such file"):
        bench.build()


@pytest.mark.parametrize("program", ["no-such-cc", "make"])
def test_a_tool_that_is_not_there(bench, program):
    bench.wants(compiler="no-such-cc")
    if program == "make":

        def run(argv):
            if argv[0] == "make":
                raise HostError("program", "make", "is not on this host", "Install the package that holds it.")
            return Completed(tuple(argv), 0, "", "")

        bench.tools = replace(bench.tools, run=run)
    with pytest.raises(HostError, match=rf"{program}'.*is not on this host. Install"):
        bench.build()


def test_a_build_host_of_another_system(bench):
    here = bench.recipe.system
    bench.wants(system="RedHat 9 x86_64")
    with pytest.raises(HostError, match=rf"is {here}, and what it builds is to run on RedHat 9 x86_64"):
        bench.build()
    assert bench.left_over == set()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (SAID.replace("4.4.2", "4.4.3"), "says that it is version 4.4.3, not 4.4.2"),
        (SAID.replace("Optional injection method: netmap", ""), "does not say 'Optional injection method: netmap'"),
        ("#!/bin/sh\nexit 127\n", "does not run"),
    ],
)
def test_what_is_not_what_was_asked_for_is_not_packed(tmp_path, netmap, said, message):
    bench = Bench(tmp_path, said=said)
    bench.sources = replace(bench.sources, netmap_package=netmap)
    bench.wants(netmap=COMMIT)
    with pytest.raises(HostError, match=message):
        bench.build()
    assert not list(bench.packages.iterdir())


def test_a_configure_that_finds_no_netmap_where_it_is_to_take_it(tmp_path, netmap):
    bench = Bench(tmp_path, configure=CONFIGURE.replace("${netmap:+yes $netmap}", "no"))
    bench.sources = replace(bench.sources, netmap_package=netmap)
    bench.wants(netmap=COMMIT)
    with pytest.raises(HostError, match=r"its summary says 'no' of netmap, not 'yes /.*/netmap'"):
        bench.build()


@pytest.mark.parametrize("summary", ["Linux/BSD netmap:           no", "Linux/BSD netmap:  yes /usr/src/netmap", ""])
def test_a_configure_that_did_not_take_the_netmap_it_was_given(tmp_path, summary):
    log = tmp_path / "configure.log"
    log.write_text(f"checking for netmap socket sending support... yes\n{summary}\nTuntap device support:      yes\n")
    with pytest.raises(HostError, match=r"not 'yes /opt/netmap'.*configure.log"):
        expect_netmap(log, "/opt/netmap")


def test_a_package_of_another_netmap(bench, netmap):
    bench.sources = replace(bench.sources, netmap_package=netmap)
    bench.wants(netmap="0" * 40)
    with pytest.raises(InputError, match=rf"is of commit {COMMIT}, not of 0{{40}}. Let the role netmap"):
        bench.build()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_full_disk_is_called_by_its_name_and_the_next_build_goes_through(tmp_path):
    fills = MAKEFILE.replace("all:\n", "all:\n\thead -c 1000000 /dev/zero > large\n")
    bench = Bench(tmp_path, Makefile=fills)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "linerate-tests", str(bench.work)]
    if subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    try:
        with pytest.raises(HostError, match=rf"make of tcpreplay[\s\S]*{bench.work} is full: make room in it"):
            bench.build()
    finally:
        subprocess.run(["umount", str(bench.work)], check=True)
    assert bench.build()[1]
