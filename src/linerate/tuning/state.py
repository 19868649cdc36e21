"""The stored settings of a tuned host, before and after its tuning."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import HostError
from ..system.files import write_whole

PLACE = "run/linerate/tuning.json"
"""Relative to the root folder. A reboot undoes the tuning and removes this file."""

Settings = dict[str, dict[str, str]]
"""Text by aspect and key."""


@dataclass
class Stored:
    """The settings of each tuned aspect: ``before`` its first change, and ``after`` its last one.

    ``interface`` is the NIC's; empty where nothing is stored.
    """

    interface: str = ""
    before: Settings = field(default_factory=dict)
    after: Settings = field(default_factory=dict)


def load(root: str = "/") -> Stored:
    """The stored settings; empty where nothing is stored. Raises HostError where they cannot be read."""
    path = Path(root, PLACE)
    if not path.exists():
        return Stored()
    try:
        return Stored(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        hint = "Remove the file; the original settings are then unknown until a reboot restores them."
        raise HostError("stored state", str(path), f"cannot be read ({error})", hint) from error


def save(stored: Stored, root: str = "/") -> None:
    """Store the settings atomically, readable by root only, since restore applies them. Raises HostError on failure."""
    path = Path(root, PLACE)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise HostError("folder", str(path.parent), f"cannot be created: {error.strerror}", "Run as root.") from error
    write_whole(path, (json.dumps(asdict(stored), indent=2) + "\n").encode(), mode=0o600)
