"""The netmap module that is loaded: its parameters, and whether it is the installed build."""

from __future__ import annotations

import os
from pathlib import Path

from ..system.run import Runner


def running_kernel(root: str = "/") -> str:
    """The release of the running kernel, as `uname -r` prints it."""
    return Path(root, "proc/sys/kernel/osrelease").read_text(encoding="ascii").strip()


def read_parameters(root: str = "/") -> dict[str, str]:
    """The parameters of the loaded netmap by name; empty when it is not loaded."""
    folder = Path(root, "sys/module/netmap/parameters")
    files = sorted(folder.iterdir()) if folder.exists() else []
    return {path.name: path.read_text(encoding="ascii").strip() for path in files if os.access(path, os.R_OK)}


def is_current(run: Runner, root: str = "/", module: str = "netmap") -> bool:
    """Whether the loaded ``module`` is the file that modprobe would load."""
    path = Path(root, run(["modinfo", "-n", module]).stdout.strip().lstrip("/"))
    return path.is_file() and is_loaded_from(path.read_bytes(), root, module)


def is_loaded_from(content: bytes, root: str = "/", module: str = "netmap") -> bool:
    """Whether ``module`` was loaded from a file with this ``content``, by its build id.

    The kernel shows the note that the linker added (ld(1), --build-id); not every kernel has a srcversion.
    """
    try:
        return Path(root, "sys/module", module, "notes/.note.gnu.build-id").read_bytes() in content
    except FileNotFoundError:
        return False
