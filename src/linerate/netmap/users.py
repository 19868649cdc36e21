"""The processes and drivers that use netmap now, and so keep its module loaded."""

from __future__ import annotations

import os
from pathlib import Path

DEVICE = "/dev/netmap"


def holding_processes(root: str = "/") -> tuple[str, ...]:
    """The processes that have /dev/netmap open, as ``name (pid)``, as far as this process may read that."""
    found = []
    for folder in Path(root, "proc").glob("[0-9]*"):
        try:
            if any(os.readlink(descriptor) == DEVICE for descriptor in (folder / "fd").iterdir()):
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(f"{name} ({folder.name})")
        except OSError:
            # The process has ended, or this one may not read its descriptors.
            continue
    return tuple(sorted(found))


def holding_drivers(root: str = "/") -> tuple[str, ...]:
    """The loaded modules that use netmap's symbols: patched drivers."""
    folder = Path(root, "sys/module/netmap/holders")
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.exists() else ()
