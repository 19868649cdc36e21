"""A failed task in lines: the cause first, without what Ansible wraps around it; then all that the task printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..report.text import clean

_WRAPPED = re.compile(
    r"^(?:Task failed: |Module failed: |Action failed: |Finalization of task args for '[^']*' failed: "
    r"|Error while resolving value for '[^']*': |Error while evaluating conditional: )+"
)
_EMPTY = ("", "non-zero return code", "One or more items failed", "MODULE FAILURE")


def problem(result: Mapping[str, Any]) -> list[str]:
    """The lines on a failed task: one with the cause, then the rest of its message and of its output, in full."""
    message = _WRAPPED.sub("", str(result.get("msg") or "").strip())
    lines = [clean(line) for line in message.splitlines()]
    if message.rstrip(".") in _EMPTY:
        lines = _command(result) or lines
    for name in ("stderr", "module_stderr", "stdout", "module_stdout"):
        text = str(result.get(name) or "").strip()
        if text and text not in message:
            lines += [f"{name.removeprefix('module_')}:", *(f"  {clean(line)}" for line in text.splitlines())]
    return lines or ["it failed without a message"]


def cause(result: Mapping[str, Any]) -> str:
    """The cause in one line."""
    return problem(result)[0]


def _command(result: Mapping[str, Any]) -> list[str]:
    command = result.get("cmd")
    if command is None:
        return []
    words = " ".join(map(str, command)) if isinstance(command, (list, tuple)) else str(command)
    return [f"exit status {result.get('rc')}: {clean(words)}"]
