"""The one CPU that tcpreplay may run on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..errors import HostError, InputError
from .cpus import format_cpus, online_cpus, parse_cpus

PARTITION = "sys/fs/cgroup/linerate.slice"
"""The cgroup that holds the isolated core, below the root folder."""


def refuse_cpu(cpu: int, subject: str = "cpu", root: str = "/") -> None:
    """InputError where ``cpu`` does not run on this host."""
    online = online_cpus(root)
    if cpu not in online:
        raise InputError(subject, cpu, f"is not a CPU of this host that runs ({format_cpus(online)})", "Name one.")


def partition_cpus(root: str = "/") -> frozenset[int]:
    """The CPUs that the isolated partition holds now; none where there is none, or it is invalid."""
    try:
        if Path(root, PARTITION, "cpuset.cpus.partition").read_text(encoding="ascii").strip() == "isolated":
            return parse_cpus(Path(root, PARTITION, "cpuset.cpus").read_text(encoding="ascii"))
    except OSError:
        pass
    return frozenset()


def pin(pid: int, cpu: int, root: str = "/") -> None:
    """Have the process ``pid`` run on ``cpu`` alone; in the isolated partition where that holds the CPU.

    Nothing where the process has ended. HostError where the kernel refuses.
    """
    try:
        with contextlib.suppress(ProcessLookupError):
            if cpu in partition_cpus(root):
                # Outside of it no process may run on a CPU that it holds.
                Path(root, PARTITION, "cgroup.procs").write_text(str(pid), encoding="ascii")
            os.sched_setaffinity(pid, {cpu})
    except OSError as error:
        hint = "Name a CPU that this user's processes may run on: `taskset --cpu-list --pid $$` shows them."
        raise HostError("cpu", cpu, f"tcpreplay may not be run on it: {error.strerror}", hint) from error


def allowed_cpus(pid: int, root: str = "/") -> str | None:
    """The CPUs that the process may run on (proc_pid_status(5), Cpus_allowed_list); None once it is gone."""
    try:
        lines = Path(root, f"proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split()[1] for line in lines if line.startswith("Cpus_allowed_list:")), None)
