"""The owner of a run: the `ansible-playbook` that started it. No other stores its trials while that lives."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
from pathlib import Path
from typing import Any

from ..errors import HostError
from ..system.cleanup_process import start_time
from ..system.lease import boot_id

GONE = -1
_PR_SET_PDEATHSIG = 1


def end_with_playbook() -> int:
    """Let the kernel end this worker of Ansible with its `ansible-playbook`; the process id of that.

    A worker outlives an `ansible-playbook` that is killed, and would continue. The kernel signals it instead
    (prctl(2)), and it ends with what it started, the SSH client included. HostError if it is too late.
    """
    began = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != began:
        raise HostError("ansible-playbook", began, "has ended", "Start it again.")
    return began


def owner(pid: int) -> dict[str, Any]:
    """The process ``pid`` of this controller, identified by its start time as well, since numbers are used again."""
    return {"controller": controller(), "machine": _machine(), "pid": pid, "began": start_time(pid)}


def lives(found: Any) -> bool:
    """Whether the process that :func:`owner` returned still runs here; False also for any other value."""
    try:
        return found["machine"] == _machine() and bool(GONE != start_time(int(found["pid"])) == found["began"])
    except (KeyError, TypeError, ValueError):
        return False


def ended(found: Any) -> bool:
    """Whether the process that :func:`owner` returned ran here and does not any more; False if that is not known."""
    try:
        pid, here = int(found["pid"]), found["machine"] == _machine()
        if pid <= 0 or not here or lives(found):
            return False
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    except (KeyError, TypeError, ValueError):
        return False
    # The processes of other users may be hidden (proc(5), hidepid), also while they run.
    return Path(f"/proc/{pid}").exists()


def ran_here(found: Any) -> bool:
    """Whether :func:`owner` was called on this host, maybe before it was booted; True also for any other value."""
    try:
        return str(found["controller"]).rpartition("@")[2] == socket.gethostname()
    except (KeyError, TypeError):
        return True


def controller() -> str:
    """The user and the host that this runs on, as ``user@host``."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _machine() -> str:
    """What identifies the numbers of processes: this boot and this PID namespace."""
    return f"{boot_id()} {os.readlink('/proc/self/ns/pid')}"
