"""What a host was found with before it was tuned, and what it was given."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import HostError
from ..system.files import write_whole

PLACE = "run/linerate/tuning.json"
"""Below the root folder. A reboot undoes all that is tuned, and takes this along."""

Settings = dict[str, dict[str, str]]
"""Text by aspect and key."""


@dataclass
class Stored:
    """``before`` holds what each aspect was found with, the first time it was changed; ``after`` what it was given.

    ``interface`` is that of the NIC; empty where nothing is stored.
    """

    interface: str = ""
    before: Settings = field(default_factory=dict)
    after: Settings = field(default_factory=dict)


def load(root: str = "/") -> Stored:
    """What is stored; empty where nothing is. HostError where it cannot be read."""
    path = Path(root, PLACE)
    if not path.exists():
        return Stored()
    try:
        return Stored(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        hint = "Remove it: what the host was found with is not known then. A reboot sets it back."
        raise HostError("stored state", str(path), f"cannot be read ({error})", hint) from error


def save(stored: Stored, root: str = "/") -> None:
    """Store it whole, for root alone: what is in it is what restore sets. HostError where it cannot be written."""
    path = Path(root, PLACE)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise HostError("folder", str(path.parent), f"cannot be made: {error.strerror}", "Run as root.") from error
    write_whole(path, (json.dumps(asdict(stored), indent=2) + "\n").encode(), mode=0o600)
