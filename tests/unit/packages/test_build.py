"""The pipeline, for every product with real processes: one build, its interruption, its failure, and its lock."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.packages.bench import Bench

from linerate.errors import HostError, LinerateError
from linerate.packages.archive import unpack
from linerate.packages.build_folders import name_prefix
from linerate.system.run import run_logged

BUILD = """
import pickle, sys
from linerate.packages.build import build
from linerate.packages.netmap import build as netmap_build
netmap_build.headers_of = lambda kernel: f"/lib/modules/{kernel}/build"
build(*pickle.load(sys.stdin.buffer))
"""


def test_a_product_is_built_once_and_packed(bench):
    path, built = bench.build()
    assert (Path(path).name, built) == (bench.product.recipe.package_name, True)
    assert unpack(path, bench.product.kind)[0].key == bench.product.recipe.key
    assert bench.remainders == set()
    before = os.stat(path).st_mtime_ns
    assert bench.build() == (path, False)
    assert os.stat(path).st_mtime_ns == before


def test_check_mode_builds_nothing_and_reads_only_the_packages(bench):
    bench.lose_source()
    path, missing = bench.build(check=True)
    assert missing
    assert not Path(path).parent.exists()
    assert bench.remainders == set()


@pytest.mark.parametrize("step", ["make", "install"])
def test_a_failed_step_shows_the_end_of_its_output_and_the_next_build_succeeds(bench, step):
    bench.commands(**{step: "@echo no pcap.h >&2; exit 3"})
    for _ in range(2):
        with pytest.raises(HostError) as error:
            bench.build()
        message = str(error.value)
        assert message.startswith(f"{step} of {bench.product.title}: ended with status 2; the last lines of its output")
        assert "no pcap.h\n" in message
        assert not list(bench.packages.iterdir())
        (log,) = bench.work.glob(f"*/{step}.log")
        assert f"({log} on the build host)" in message
    bench.commands()
    assert bench.build()[1]
    assert bench.remainders == set()


def test_a_failed_step_shows_the_compilers_first_error_and_keeps_its_log(bench):
    bench.commands(make="@printf 'a.c:1:2: error: no such x\\nb.c:3:4: error: y\\n' >&2; seq 100; exit 3")
    with pytest.raises(HostError) as error:
        bench.build()
    (log,) = bench.work.glob("*/make.log")
    assert str(error.value) == (
        f"make of {bench.product.title}: ended with status 2; the compiler's first error is "
        f"'a.c:1:2: error: no such x' (log: {log} on the build host). Fix the cause and run again."
    )
    assert "b.c:3:4: error: y" in log.read_text()


def test_a_step_that_does_not_end_in_time_keeps_its_log(bench):
    def impatient(argv, folder, log):
        return run_logged(argv, folder, log, timeout=1 if log.name == "make.log" else 600)

    bench.commands(make="sleep 600")
    bench.tools = replace(bench.tools, logged=impatient)
    with pytest.raises(HostError, match="did not end within 1 s") as error:
        bench.build()
    (log,) = bench.work.glob("*/make.log")
    assert str(log) in error.value.hint


def running(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def killed_build(bench: Bench) -> int:
    """Kill the process of a build while make runs; the process of its make."""
    started, go = bench.folder / "started", bench.folder / "go"
    bench.commands(make=f"echo $$PPID > {started}; test -f {go} || sleep 600")
    process = subprocess.Popen([sys.executable, "-c", BUILD], stdin=subprocess.PIPE)
    pickle.dump((bench.product, str(bench.packages), bench.tools), process.stdin)
    process.stdin.close()
    while not started.exists() or not started.read_text():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    go.touch()
    return int(started.read_text())


def test_a_killed_build_ends_its_programs_and_the_next_build_starts_over(bench):
    make = killed_build(bench)
    deadline = time.monotonic() + 30
    while running(make) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(make)
    assert not list(bench.packages.iterdir())
    assert len(bench.remainders) == 1
    path, built = bench.build()
    assert built
    assert unpack(path, bench.product.kind)
    assert bench.remainders == set()


def test_a_second_build_waits_and_uses_the_package_of_the_first(bench):
    bench.packages.mkdir()
    first = os.open(bench.packages, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    outcome: list[tuple[str, bool]] = []
    second = threading.Thread(target=lambda: outcome.append(bench.build()))
    second.start()
    time.sleep(0.2)
    assert not list(bench.work.iterdir())
    package, _ = bench.build(packages=bench.folder / "elsewhere")
    expected = bench.packages / bench.product.recipe.package_name
    os.rename(package, expected)
    os.close(first)
    second.join()
    assert outcome == [(str(expected), False)]


def test_the_folder_of_another_running_build_is_kept_and_a_remainder_is_removed(bench):
    prefix = name_prefix(bench.product.recipe.product)
    for name in ("running", "interrupted"):
        (bench.work / f"{prefix}{name}").mkdir()
    descriptor = os.open(bench.work / f"{prefix}running", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    bench.build()
    assert bench.remainders == {f"{prefix}running"}
    os.close(descriptor)


def test_an_incomplete_package_is_built_again(bench):
    path, _ = bench.build()
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])
    assert bench.build() == (path, True)
    assert bench.build() == (path, False)


def test_a_missing_source_is_named(bench):
    bench.lose_source()
    with pytest.raises(LinerateError, match=r"'/nowhere/\w+\.tar\.gz': (does not exist|cannot be used: No such file)"):
        bench.build()
    assert bench.remainders == set()


@pytest.mark.parametrize("program", ["cc", "make", "tar"])
def test_a_missing_program_is_named_before_anything_is_written(bench, monkeypatch, program):
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else real(name))
    with pytest.raises(HostError, match=rf"'{program}': is not on the build host\. Install build-essential"):
        bench.build()
    assert bench.remainders == set()
    assert not bench.packages.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_full_disk_is_named_and_the_next_build_succeeds(bench):
    bench.commands(make="head -c 4000000 /dev/zero > large")
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "linerate-tests", str(bench.work)]
    if subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    try:
        message = rf"make of {bench.product.title}: failed because {bench.work} is full\. Free space in {bench.work}"
        with pytest.raises(HostError, match=message):
            bench.build()
    finally:
        subprocess.run(["umount", str(bench.work)], check=True)
    assert bench.build()[1]
