"""What the AF_XDP sender prints: one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

PROGRAM = "linerate-xdp"
SENDING = f"{PROGRAM}: sending"
"""What it writes to stderr when the interface is ready."""


def line(event: str, **fields: Any) -> str:
    """An event as the program prints it."""
    return json.dumps({"event": event, **fields})


def find(text: str, event: str) -> Mapping[str, Any] | None:
    """The last event of that name in the program's output; None where it printed none."""
    for printed in reversed(text.splitlines()):
        try:
            found = json.loads(printed)
        except ValueError:
            # The middle of a long output is left out.
            continue
        if isinstance(found, dict) and found.get("event") == event:
            return found
    return None


def failure(messages: str) -> str:
    """Why the program failed, by what it wrote to stderr."""
    found = [one for one in messages.splitlines() if one.strip() and one != SENDING]
    return found[-1].partition(f"{PROGRAM}: ")[2] or found[-1] if found else f"{PROGRAM} printed no count"
