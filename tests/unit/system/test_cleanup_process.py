"""The cleanup process, with real processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linerate.system.cleanup_process import CleanupProcess, kill_processes_of

PATIENCE_SECONDS = 60
WORK = """
    import subprocess, sys, time
    from pathlib import Path
    from linerate.system.cleanup_process import CleanupProcess
    cleaned, ready, end = sys.argv[1:]
    cleanup = CleanupProcess(lambda: Path(cleaned).write_text("yes")).start()
    Path(ready).write_text(str(cleanup._pid))
    if end == "waits":
        time.sleep(600)
    if end == "releases":
        cleanup.release()
    if end == "fails":
        raise RuntimeError
"""


def eventually(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"condition not met within {PATIENCE_SECONDS} s")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def work(tmp_path: Path, end: str) -> tuple[subprocess.Popen[bytes], int]:
    """A process with a cleanup process, and the id of the latter."""
    ready = tmp_path / "ready"
    argv = [sys.executable, "-c", textwrap.dedent(WORK), str(tmp_path / "cleaned"), str(ready), end]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return process, int(eventually(lambda: ready.exists() and ready.read_text()))


def test_cleanup_after_sigkill(tmp_path: Path):
    process, cleanup = work(tmp_path, "waits")
    assert not (tmp_path / "cleaned").exists()
    # Signals that end the working process do not end the cleanup process.
    os.kill(cleanup, signal.SIGTERM)
    os.kill(cleanup, signal.SIGHUP)
    process.kill()
    # The output ends with the working process: the cleanup process does not hold it open.
    process.communicate(timeout=PATIENCE_SECONDS)
    eventually((tmp_path / "cleaned").exists)
    eventually(lambda: not alive(cleanup))


def test_cleanup_after_an_error(tmp_path: Path):
    process, cleanup = work(tmp_path, "fails")
    process.communicate(timeout=PATIENCE_SECONDS)
    eventually((tmp_path / "cleaned").exists)
    eventually(lambda: not alive(cleanup))


def test_no_cleanup_after_a_release(tmp_path: Path):
    process, cleanup = work(tmp_path, "releases")
    process.communicate(timeout=PATIENCE_SECONDS)
    assert not alive(cleanup)
    assert not (tmp_path / "cleaned").exists()


@pytest.mark.parametrize("end", [CleanupProcess.release, CleanupProcess.finish])
def test_killed_cleanup_process_is_no_error(tmp_path: Path, end: Callable[[CleanupProcess], None]):
    cleanup = CleanupProcess((tmp_path / "cleaned").touch).start()
    os.kill(cleanup._pid, signal.SIGKILL)
    eventually(lambda: not alive(cleanup._pid))
    end(cleanup)
    assert not (tmp_path / "cleaned").exists()


def test_cleanup_is_complete_after_waiting(tmp_path: Path):
    cleanup = CleanupProcess(lambda: (tmp_path / "cleaned").write_text("yes")).start()
    cleanup.finish()
    assert (tmp_path / "cleaned").read_text() == "yes"


def test_only_processes_of_the_command_are_killed(tmp_path: Path):
    """The argument list must match exactly, with or without a preceding setpriv(1)."""
    argv = ["sleep", "613.25"]
    matching = [subprocess.Popen(argv), subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv])]
    other = subprocess.Popen(["sleep", "613.5"])
    try:
        assert kill_processes_of([argv]) == 2
        assert [process.wait() for process in matching] == [-signal.SIGKILL] * 2
        assert alive(other.pid)
    finally:
        other.kill()
        other.wait()
    assert kill_processes_of([argv]) == 0


def proc(root: Path, pid: int, start: int, network: str, command: bytes = b"tcpreplay\0x.pcap\0") -> None:
    folder = root / f"proc/{pid}"
    (folder / "ns").mkdir(parents=True)
    (folder / "ns/net").symlink_to(f"net:[{network}]")
    (folder / "stat").write_text(f"{pid} (a) b) S {' '.join(['0'] * 18)} {start} 0\n")
    (folder / "cmdline").write_bytes(command)


@pytest.mark.parametrize(
    ("start", "network", "killed"),
    [(500, "1", True), (499, "1", False), (501, "2", False)],
    ids=["later, same network", "before", "another network"],
)
def test_earlier_process_and_other_namespace_are_spared(tmp_path, start, network, killed):
    proc(tmp_path, os.getpid(), 500, "1", b"python3\0")
    proc(tmp_path, 999_999, start, network)
    gone: list[int] = []

    def kill(pid: int, number: int) -> None:
        gone.append(pid)
        (tmp_path / f"proc/{pid}/cmdline").write_bytes(b"")

    assert kill_processes_of([["tcpreplay", "x.pcap"]], str(tmp_path), kill) == int(killed)
    assert gone == [999_999] * killed
