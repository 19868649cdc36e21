"""Detecting that the caller is gone, and the time limit that the kernel enforces."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from linerate.system.caller_gone import CallerWatch

PATIENCE_SECONDS = 60


def test_pipe_without_a_reader_is_a_reason_to_end():
    reading, writing = os.pipe()
    caller = CallerWatch(writing)
    assert caller.end_reason() is None
    os.write(writing, b"unread")
    assert caller.end_reason() is None
    os.close(reading)
    assert caller.end_reason() == "the controller went away"
    os.close(writing)


def test_socket_with_a_closed_peer_is_a_reason_to_end():
    ours, theirs = socket.socketpair()
    caller = CallerWatch(ours.fileno())
    # sshd shuts its side down for writing when all input was sent; that is not a reason.
    theirs.shutdown(socket.SHUT_WR)
    assert caller.end_reason() is None
    theirs.close()
    assert caller.end_reason() == "the controller went away"
    ours.close()


@pytest.mark.parametrize("target", [os.devnull, "file"])
def test_file_and_null_device_never_hang_up(tmp_path, target):
    path = target if target == os.devnull else tmp_path / "file"
    with open(path, "w") as file:
        assert CallerWatch(file.fileno()).end_reason() is None


def test_signal_is_a_reason_to_end_and_does_not_kill():
    code = """
        import os, signal
        from linerate.system.caller_gone import CallerWatch
        caller = CallerWatch().listen()
        os.kill(os.getpid(), signal.SIGTERM)
        print(caller.end_reason())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout == "it received SIGTERM\n"


def test_stopped_process_is_killed_by_the_kernel():
    code = """
        import os, signal
        from linerate.system.caller_gone import end_within
        end_within(0.5)
        os.kill(os.getpid(), signal.SIGSTOP)
    """
    stopped = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    assert stopped.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_child_does_not_inherit_the_time_limit():
    code = """
        import os, time
        from linerate.system.caller_gone import end_within
        end_within(0.3)
        if os.fork() == 0:
            time.sleep(1)
            print("alive", flush=True)
            os._exit(0)
        time.sleep(600)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "alive\n")
