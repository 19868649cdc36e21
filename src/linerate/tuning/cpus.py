"""Lists of CPUs in the kernel's format, such as "0-2,5" (cpuset(7), List format)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_PART = re.compile(r"([0-9]+)(?:-([0-9]+))?")


def parse_cpus(text: str) -> frozenset[int]:
    """The CPUs in ``text``, which may be empty. Raises ValueError where it is not a list of CPUs."""
    cpus: set[int] = set()
    for part in text.strip().split(",") if text.strip() else ():
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part!r} is neither a CPU nor a range of CPUs")
        cpus.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(cpus)


def format_cpus(cpus: Iterable[int]) -> str:
    """``cpus`` in the kernel's format."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def online_cpus(root: str = "/") -> frozenset[int]:
    """The CPUs that are online."""
    return parse_cpus(Path(root, "sys/devices/system/cpu/online").read_text(encoding="ascii"))
