"""Whose a run is: the `ansible-playbook` that made it. Another one leaves its trials alone while that lives."""

from __future__ import annotations

from typing import Any

from ..system.cleanup_process import start_time

GONE = -1


def owner(pid: int) -> dict[str, int]:
    """The process ``pid``, told apart from a later one of the same number by when it began."""
    return {"pid": pid, "began": start_time(pid)}


def lives(found: Any) -> bool:
    """Whether what :func:`owner` returned still runs here; False also for what it never returned."""
    try:
        return bool(GONE != start_time(int(found["pid"])) == found["began"])
    except (KeyError, TypeError, ValueError):
        return False
