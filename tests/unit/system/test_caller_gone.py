"""When work should end by itself, and when the kernel ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from linerate.system.caller_gone import Lease

PATIENCE_SECONDS = 60


def test_a_pipe_without_a_reader_is_the_end():
    reading, writing = os.pipe()
    lease = Lease(writing)
    assert lease.over() is None
    os.write(writing, b"unread")
    assert lease.over() is None
    os.close(reading)
    assert lease.over() == "the controller went away"
    os.close(writing)


def test_so_is_a_socket_whose_peer_is_closed_as_under_sshd():
    ours, theirs = socket.socketpair()
    lease = Lease(ours.fileno())
    # sshd closes the way to a command's input once that was sent whole; that is no end.
    theirs.shutdown(socket.SHUT_WR)
    assert lease.over() is None
    theirs.close()
    assert lease.over() == "the controller went away"
    ours.close()


@pytest.mark.parametrize("target", [os.devnull, "file"])
def test_what_cannot_hang_up_never_does(tmp_path, target):
    path = target if target == os.devnull else tmp_path / "file"
    with open(path, "w") as file:
        assert Lease(file.fileno()).over() is None


def test_a_signal_is_a_reason_and_no_end_on_the_spot():
    code = """
        import os, signal
        from linerate.system.caller_gone import Lease
        lease = Lease().listen()
        os.kill(os.getpid(), signal.SIGTERM)
        print(lease.over())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout == "it was told to end (SIGTERM)\n"


def test_a_process_that_is_stopped_is_ended_by_the_kernel():
    code = """
        import os, signal
        from linerate.system.caller_gone import end_within
        end_within(0.5)
        os.kill(os.getpid(), signal.SIGSTOP)
    """
    stopped = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    assert stopped.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_a_fork_does_not_inherit_the_bound():
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
