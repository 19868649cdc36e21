"""File locks: exclusive, shared, released with their holder, and the one that allows one sender per interface."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from linerate.errors import HostError
from linerate.system import lock
from linerate.system.lock import (
    LockHeldError,
    exclusive,
    is_held,
    lock_path,
    refuse_held,
    remove_orphaned_locks,
    shared,
    sole_sender,
)

HOLD = """
import os, sys, time
from linerate.system.lock import sole_sender
with sole_sender("ens17", "trial 7 of run r", sys.argv[1]) as descriptor:
    if sys.argv[2] == "leave":
        child = os.fork()
        if child == 0:
            time.sleep(600)
            os._exit(0)
        print(child, flush=True)
        os._exit(0)
    print(os.getpid(), flush=True)
    time.sleep(600)
"""


def holder(root, how="stay"):
    """A process that holds the lock, and the process id that it printed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, root, how], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.3)


def test_second_sender_gets_the_name_of_the_holder(tmp_path):
    process, pid = holder(str(tmp_path))
    try:
        for attempt in (lambda: sole_sender("ens17", "mine", str(tmp_path)).__enter__(),
                        lambda: refuse_held("ens17", str(tmp_path))):  # fmt: skip
            with pytest.raises(HostError) as caught:
                attempt()
            message = str(caught.value)
            assert "interface 'ens17': is in use: trial 7 of run r, since 20" in message
            assert f"(process {pid})" in message
        with sole_sender("ens18", "mine", str(tmp_path)):
            pass
    finally:
        process.kill()
        process.wait()
    # The lock file of the killed process remains, but it is not held.
    assert lock_path("ens17", str(tmp_path)).exists()
    refuse_held("ens17", str(tmp_path))
    with sole_sender("ens17", "mine", str(tmp_path)):
        pass


def test_child_of_a_dead_holder_keeps_the_lock(tmp_path):
    process, child = holder(str(tmp_path), "leave")
    process.wait()
    try:
        with pytest.raises(HostError, match=r"trial 7 of run r.*process \d+, which has ended; its child still runs"):
            sole_sender("ens17", "mine", str(tmp_path)).__enter__()
    finally:
        os.kill(child, 9)


def test_lock_waits_for_a_holder_that_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 60)
    process, _ = holder(str(tmp_path))
    waits = iter([process.kill, process.wait])
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: next(waits, lambda: None)())
    with sole_sender("ens17", "mine", str(tmp_path)):
        pass


def test_lock_can_be_taken_repeatedly(tmp_path):
    for _ in range(3):
        with sole_sender("ens17", "mine", str(tmp_path)):
            pass


def test_lock_file_removed_while_waiting_is_created_again(tmp_path, monkeypatch):
    """The waiting process has opened a file that is removed before it gets the lock on it."""
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 60)
    first = sole_sender("ens17", "first", str(tmp_path))
    first.__enter__()
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: first.__exit__(None, None, None))
    with sole_sender("ens17", "second", str(tmp_path)):
        monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0)
        with pytest.raises(HostError, match="is in use: second, since"):
            refuse_held("ens17", str(tmp_path))
    assert list((tmp_path / "run/linerate").iterdir()) == []


def test_probe_creates_nothing(tmp_path):
    refuse_held("ens17", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_lock_file_is_private(tmp_path):
    with sole_sender("ens17", "mine", str(tmp_path)):
        assert lock_path("ens17", str(tmp_path)).stat().st_mode & 0o777 == 0o600


def test_unreadable_holder_is_not_named(tmp_path):
    process, _ = holder(str(tmp_path))
    try:
        lock_path("ens17", str(tmp_path)).write_bytes(b'{"pid": "x"')
        with pytest.raises(HostError, match="another process holds its lock"):
            refuse_held("ens17", str(tmp_path))
    finally:
        process.kill()
        process.wait()


def test_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(HostError, match=r"lock .*cannot be opened: Not a directory"):
        sole_sender("ens17", "mine", str(tmp_path)).__enter__()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.touch()
    return path


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_exclusive_excludes_every_other_lock(tmp_path, file, kind):
    path = file if kind == "file" else tmp_path
    with exclusive(path):
        assert is_held(path)
        for other in (exclusive, shared):
            with pytest.raises(LockHeldError, match="is held by another process"):
                other(path, wait_seconds=0).__enter__()
    assert not is_held(path)


def test_shared_excludes_exclusive_only(file):
    with shared(file), shared(file, wait_seconds=0):
        assert not is_held(file)
        with pytest.raises(LockHeldError):
            exclusive(file, wait_seconds=0).__enter__()


def test_exclusive_creates_the_file_and_its_folder_on_request(tmp_path):
    path = tmp_path / "folder/lock"
    with pytest.raises(HostError, match="cannot be opened: No such file"):
        exclusive(path).__enter__()
    with exclusive(path, create=True):
        assert is_held(path)


def test_descriptor_opened_elsewhere_can_be_locked(file):
    with file.open("rb") as reading, exclusive(file):
        assert not lock.lock(reading.fileno(), wait_seconds=0)
    with file.open("rb") as reading:
        assert lock.lock(reading.fileno())
        assert is_held(file)
    assert not is_held(file)


def test_lock_files_of_killed_senders_are_removed(tmp_path):
    process, _ = holder(str(tmp_path))
    orphaned = lock_path("ens18", str(tmp_path))
    orphaned.touch()
    remove_orphaned_locks(str(tmp_path))
    assert not orphaned.exists()
    assert lock_path("ens17", str(tmp_path)).exists()
    process.kill()
    process.wait()
    remove_orphaned_locks(str(tmp_path))
    assert list((tmp_path / "run/linerate").iterdir()) == []
