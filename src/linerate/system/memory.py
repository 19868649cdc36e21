"""The memory that a program may take on this host, and whether the kernel ended one for lack of it.

Memory is limited by the host (proc(5), MemAvailable) and by every control group above the process: version 2
(Documentation/admin-guide/cgroup-v2.rst) or version 1 (cgroup-v1/memory.rst). Sizes in bytes.
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from .capabilities import missing_capabilities

ALL_USERS = ["0", "0", str(2**32 - 1)]
"""The map of the first user namespace (user_namespaces(7))."""
UNLIMITED = 1 << 60
"""Limits above are none: version 1 writes the largest multiple of a page."""

_Process = Union[int, str]


@dataclass(frozen=True)
class Room:
    """The ``available`` memory, and ``where`` that limit is from."""

    available: int
    where: str


@dataclass(frozen=True)
class _Version:
    """The names of the files and counters of one version of control groups."""

    limit: str
    usage: str
    cached: tuple[str, ...]
    events: str


_V2 = _Version("memory.max", "memory.current", ("inactive_file", "active_file"), "memory.events")
_V1 = _Version(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
    "memory.oom_control",
)


def room(root: str = "/") -> Room | None:
    """The least memory that the host and the control groups of this process leave; None where neither says so."""
    rooms = []
    available = _number(Path(root, "proc/meminfo"), "MemAvailable:")
    if available is not None:
        rooms.append(Room(1024 * available, "the host (MemAvailable)"))
    for folder, version in _groups("self", root):
        limit, usage = _number(folder / version.limit), _number(folder / version.usage)
        if limit is not None and usage is not None and limit < UNLIMITED:
            # The kernel drops cached files before it ends a process.
            cached = sum(_number(folder / "memory.stat", name) or 0 for name in version.cached)
            left = max(0, limit - usage + min(cached, usage))
            rooms.append(Room(left, f"the control group {_shown(folder)} (limit {megabytes(limit)})"))
    return min(rooms, key=lambda one: one.available, default=None)


def lockable_bytes(root: str = "/") -> int | None:
    """How much memory this process may lock (getrlimit(2), RLIMIT_MEMLOCK); None without a limit.

    CAP_IPC_LOCK lifts the limit where it is not one of a user namespace, which may map fewer users than there are.
    """
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    try:
        users = Path(root, "proc/self/uid_map").read_text(encoding="ascii").split()
    except OSError:
        users = list(ALL_USERS)
    privileged = users == ALL_USERS and not missing_capabilities(Path(root), ["CAP_IPC_LOCK"])
    return None if privileged or most == resource.RLIM_INFINITY else most


class OomWatch:
    """Whether the kernel ended a process for lack of memory while it was watched."""

    def __init__(self, root: str = "/") -> None:
        self._root = root
        self._host = self._host_kills()
        self._before: dict[tuple[Path, _Version], int] = {}

    def note(self, pid: int) -> None:
        """Note the control group of the process, which may have changed; called while it runs."""
        # One that has ended is shown in the root group, so none that was noted is forgotten.
        group = next(_groups(pid, self._root), None)
        if group is not None and group not in self._before:
            self._before[group] = _kills(group)

    def reason(self) -> str | None:
        """Why a process that was ended by SIGKILL was out of memory; None where there is no sign of it."""
        for group, before in self._before.items():
            if _kills(group) == before:
                continue
            folder, version = group
            limit = _number(folder / version.limit)
            bound = f", whose limit is {megabytes(limit)}" if limit is not None and limit < UNLIMITED else ""
            return f"the kernel killed it because memory ran out in its control group {_shown(folder)}{bound}"
        if self._host_kills() > self._host:
            return "the kernel killed it because memory ran out"
        return None

    def _host_kills(self) -> int:
        return _number(Path(self._root, "proc/vmstat"), "oom_kill") or 0


def megabytes(size: int) -> str:
    """A size in MB (10^6 bytes)."""
    return f"{size / 1e6:,.0f} MB"


def _shown(folder: Path) -> str:
    return re.sub(r"/proc/[0-9]+/root/", "/", str(folder), count=1)


def _kills(group: tuple[Path, _Version]) -> int:
    folder, version = group
    return _number(folder / version.events, "oom_kill") or 0


def _groups(process: _Process, root: str) -> Iterator[tuple[Path, _Version]]:
    """The control groups of a process that limit its memory, innermost first."""
    text = _text(Path(root, "proc", str(process), "cgroup"))
    for controllers, group in re.findall(r"^[0-9]+:([^:\n]*):(.*)$", text, re.MULTILINE):
        if controllers and "memory" not in controllers.split(","):
            continue
        version = _V1 if controllers else _V2
        for mount, mounted in _mounts(version, root):
            # In a container, the group may lie outside what is mounted: then the mounted one is its own.
            inside = str(group).startswith(mounted) and ".." not in str(group)
            inner = mount / str(group)[len(mounted) :].lstrip("/") if inside else mount
            inner = inner if os.path.isdir(inner) else mount
            for folder in (inner, *inner.parents):
                if os.path.exists(folder / version.usage):
                    yield folder, version
                if folder == mount:
                    break


def _mounts(version: _Version, root: str) -> list[tuple[Path, str]]:
    """Where control groups that limit memory are mounted, and the group that is mounted there."""
    # `ip netns exec` mounts another /sys, without control groups: then by way of the process that called it.
    process, through = "self", ""
    while process not in ("", "0"):
        found = [(mount, group) for mount, group in _mounted(version, root, process, through) if os.path.isdir(mount)]
        if found:
            return found
        process = str(_number(Path(root, "proc", process, "status"), "PPid:") or "")
        through = f"proc/{process}/root"
    return []


def _mounted(version: _Version, root: str, process: str, through: str) -> Iterator[tuple[Path, str]]:
    kind, option = ("cgroup2", None) if version is _V2 else ("cgroup", "memory")
    for line in _text(Path(root, "proc", process, "mountinfo")).splitlines():
        before, _, after = line.partition(" - ")
        found, _, options = after.partition(" ")
        if found == kind and (option is None or option in options.split(" ")[-1].split(",")):
            mounted, place = before.split(" ")[3:5]
            yield Path(root, through, place.lstrip("/")), "" if mounted == "/" else mounted


def _number(path: Path, name: str | None = None) -> int | None:
    """The number in a file, or the one after ``name`` at the start of a line; None where there is none."""
    pattern = rf"^{re.escape(name)}\s+([0-9]+)\b" if name else r"\A([0-9]+)\s*\Z"
    match = re.search(pattern, _text(path), re.MULTILINE if name else 0)
    return int(match[1]) if match else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
