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

from .nic import read_nic
from .run import Runner


def read_environment(interface: str, run: Runner, root: str = "/") -> dict[str, Any]:
    """Kernel, OS, CPU, memory (bytes), governor, Python, and the interface's own state."""
    return {
        "kernel": platform.release(),
        "os": _os_name(root),
        "cpu_model": _field("proc/cpuinfo", "model name", root) or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": 1024 * int((_field("proc/meminfo", "MemTotal", root) or "1 kB").split()[0]),
        "governor": _read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", root),
        "python": platform.python_version(),
        "nic": read_nic(interface, run, root),
    }


def fingerprint(*environments: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that are equal for equal environments; link state is left out, since it flickers."""
    stable = [
        {**environment, "nic": {k: v for k, v in environment["nic"].items() if k not in ("operstate", "carrier")}}
        for environment in environments
    ]
    canonical = json.dumps(stable, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


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
