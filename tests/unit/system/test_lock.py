"""One sender on an interface: the lock dies with its owner, and names him while he lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from linerate.errors import HostError
from linerate.system import lock
from linerate.system.lock import lock_path, refuse_held, sole_sender

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
    """A process that holds the lock, and the number that it said."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, root, how], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.3)


def test_a_second_sender_is_told_who_holds_the_interface(tmp_path):
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
    # The file of the killed one is there, and is no lock.
    assert lock_path("ens17", str(tmp_path)).exists()
    refuse_held("ens17", str(tmp_path))
    with sole_sender("ens17", "mine", str(tmp_path)):
        pass


def test_what_a_dead_owner_left_running_keeps_the_lock(tmp_path):
    process, left = holder(str(tmp_path), "leave")
    process.wait()
    try:
        with pytest.raises(HostError, match=r"trial 7 of run r.*process \d+, which ended and left another running"):
            sole_sender("ens17", "mine", str(tmp_path)).__enter__()
    finally:
        os.kill(left, 9)


def test_one_that_is_about_to_end_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 60)
    process, _ = holder(str(tmp_path))
    waits = iter([process.kill, process.wait])
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: next(waits, lambda: None)())
    with sole_sender("ens17", "mine", str(tmp_path)):
        pass


def test_one_after_the_other(tmp_path):
    for _ in range(3):
        with sole_sender("ens17", "mine", str(tmp_path)):
            pass


def test_no_file_stays_and_whoever_waited_for_it_has_the_lock_that_others_see(tmp_path, monkeypatch):
    """The waiting one has opened a file that is gone by the time it has its lock."""
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 60)
    first = sole_sender("ens17", "first", str(tmp_path))
    first.__enter__()
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: first.__exit__(None, None, None))
    with sole_sender("ens17", "second", str(tmp_path)):
        monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0)
        with pytest.raises(HostError, match="is in use: second, since"):
            refuse_held("ens17", str(tmp_path))
    assert list((tmp_path / "run/linerate").iterdir()) == []


def test_looking_makes_nothing(tmp_path):
    refuse_held("ens17", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_for_its_owner_alone(tmp_path):
    with sole_sender("ens17", "mine", str(tmp_path)):
        assert lock_path("ens17", str(tmp_path)).stat().st_mode & 0o777 == 0o600


def test_rubbish_in_the_file_is_nobody_s_name(tmp_path):
    process, _ = holder(str(tmp_path))
    try:
        lock_path("ens17", str(tmp_path)).write_bytes(b'{"pid": "x"')
        with pytest.raises(HostError, match="another process holds its lock"):
            refuse_held("ens17", str(tmp_path))
    finally:
        process.kill()
        process.wait()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(HostError, match=r"lock .*cannot be made: Not a directory"):
        sole_sender("ens17", "mine", str(tmp_path)).__enter__()
