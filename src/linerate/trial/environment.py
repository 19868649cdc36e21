"""The environment a number belongs to, and a short fingerprint to tell two apart."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..nic.attachment import Attachment, describe, read_attachment
from ..nic.read import read_nic
from ..system.machine import Machine, read_machine
from ..system.memory import lockable_bytes, room
from ..system.run import Runner
from ..tuning.describe import read_tuning
from ..tuning.pin import refuse_cpu
from ..tuning.sending_cpus import sending_resources
from ..xdp.netlink import has_zerocopy
from .engines.base import Resources


def resources_of(interface: str) -> Resources:
    """What this host has for programs that send on ``interface``."""
    found, free = sending_resources(interface), room()
    return Resources(found.automatic, found.queues, lockable_bytes(), free.available if free else None)


def read_environment(interface: str, run: Runner, root: str = "/", cpu: int | None = None) -> dict[str, Any]:
    """Kernel, OS, CPU, memory (bytes), governor, Python, what the host is, its interface, and how it is tuned.

    ``cpu`` is the one that tcpreplay is to be pinned to. InputError where it does not run.
    """
    if cpu is not None:
        refuse_cpu(cpu, root=root)
    nic, machine = read_nic(interface, run, root), read_machine(root)
    return {
        "kernel": platform.release(),
        "os": _os_name(root),
        "cpu_model": _field("proc/cpuinfo", "model name", root) or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": 1024 * int((_field("proc/meminfo", "MemTotal", root) or "1 kB").split()[0]),
        "governor": _governors(root),
        "python": platform.python_version(),
        "machine": machine.to_json(),
        "nic": nic.to_json(),
        "attachment": read_attachment(nic, machine, cpu, has_zerocopy(interface), root).to_json(),
        "tuning": read_tuning(interface, cpu, run, root),
    }


def describe_host(environment: Mapping[str, Any]) -> dict[str, str]:
    """What the host of an environment is and how its interface is attached, in words, by what they describe."""
    machine, attachment = Machine.from_json(environment["machine"]), Attachment.from_json(environment["attachment"])
    return describe(environment["nic"]["driver"], machine, attachment)


def fingerprint(*environments: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that are equal for equal environments.

    Left out is what differs from minute to minute: the link state, interrupts that irqbalance moves, steal time, and
    the limits, which follow from the rest; and what was before.
    """
    canonical = json.dumps(
        [_stable(environment) for environment in environments], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _stable(environment: Mapping[str, Any]) -> dict[str, Any]:
    tuning = environment.get("tuning", {})
    flickers = ("before", "irq_affinity") if tuning.get("irqbalance") else ("before",)
    return {
        **environment,
        "nic": {k: v for k, v in environment["nic"].items() if k not in ("operstate", "carrier")},
        "tuning": {k: v for k, v in tuning.items() if k not in flickers},
        "machine": {k: v for k, v in environment.get("machine", {}).items() if k != "steal_percent"},
        "attachment": {k: v for k, v in environment.get("attachment", {}).items() if k != "limits"},
    }


def _governors(root: str) -> str | None:
    """The governor of the CPUs, or those that they have; None without cpufreq."""
    places = Path(root, "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    return ", ".join(sorted({place.read_text(encoding="ascii").strip() for place in places})) or None


def _read(path: str, root: str) -> str | None:
    try:
        return Path(root, path).read_text(errors="replace").strip()
    except OSError:
        return None


def _field(path: str, name: str, root: str) -> str | None:
    match = re.search(rf"^{re.escape(name)}\s*:\s*(.*\S)", _read(path, root) or "", re.MULTILINE)
    return match[1] if match else None


def _os_name(root: str) -> str:
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)', _read("etc/os-release", root) or "", re.MULTILINE)
    return match[1] if match else platform.system()
