"""Pinning of tcpreplay to a CPU."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..errors import HostError, InputError
from .cpus import format_cpus, online_cpus, parse_cpus

PARTITION = "sys/fs/cgroup/linerate.slice"
"""The cgroup of the isolated CPU, relative to the root folder."""


def refuse_cpu(cpu: int, subject: str = "cpu", root: str = "/") -> None:
    """Raise InputError where ``cpu`` is not online."""
    online = online_cpus(root)
    if cpu not in online:
        rule = f"is not among the online CPUs of this host ({format_cpus(online)})"
        raise InputError(subject, cpu, rule, "Use one of these.")


def partition_cpus(root: str = "/") -> frozenset[int]:
    """The CPUs in the isolated partition; none where it does not exist or is not valid."""
    try:
        if Path(root, PARTITION, "cpuset.cpus.partition").read_text(encoding="ascii").strip() == "isolated":
            return parse_cpus(Path(root, PARTITION, "cpuset.cpus").read_text(encoding="ascii"))
    except OSError:
        pass
    return frozenset()


def pin(pid: int, cpu: int, root: str = "/") -> None:
    """Pin the process ``pid`` to ``cpu``, in the isolated partition where that contains the CPU.

    Does nothing where the process has ended. Raises HostError where the kernel rejects it.
    """
    try:
        with contextlib.suppress(ProcessLookupError):
            if cpu in partition_cpus(root):
                # A process outside the partition may not run on its CPUs.
                Path(root, PARTITION, "cgroup.procs").write_text(str(pid), encoding="ascii")
            os.sched_setaffinity(pid, {cpu})
    except OSError as error:
        hint = "Use a CPU that this user's processes may run on: `taskset --cpu-list --pid $$` lists them."
        raise HostError("cpu", cpu, f"tcpreplay cannot be pinned to it: {error.strerror}", hint) from error


def allowed_cpus(pid: int, root: str = "/") -> str | None:
    """The CPUs that the process may run on (proc_pid_status(5), Cpus_allowed_list); None after it has ended."""
    try:
        lines = Path(root, f"proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split()[1] for line in lines if line.startswith("Cpus_allowed_list:")), None)
