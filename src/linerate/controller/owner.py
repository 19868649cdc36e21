"""The owner of a run: the `ansible-playbook` that started it. No other stores its trials while that lives."""

from __future__ import annotations

from typing import Any

from ..system.cleanup_process import start_time

GONE = -1


def owner(pid: int) -> dict[str, int]:
    """The process ``pid``, identified by its start time as well, since numbers are used again."""
    return {"pid": pid, "began": start_time(pid)}


def lives(found: Any) -> bool:
    """Whether the process that :func:`owner` returned still runs here; False also for any other value."""
    try:
        return bool(GONE != start_time(int(found["pid"])) == found["began"])
    except (KeyError, TypeError, ValueError):
        return False
