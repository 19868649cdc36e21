"""Files of netmap for kernels that are no longer on the host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

STATE_FOLDER = "var/lib/linerate/netmap"
"""Below the root folder; holds the manifest of what is installed, one file per kernel."""

PACKAGE_FOLDER = "var/lib/linerate/packages"
"""Below the root folder; holds the packages that were installed or built here."""

_PACKAGE = re.compile(r"netmap-[0-9a-f]{12}-(?P<kernel>.+)-[0-9a-f]{16}\.tar\.gz")


def stale_files(folder: str, running: str, root: str = "/") -> tuple[Path, ...]:
    """The files for removed kernels other than ``running``; ``folder`` is netmap's below /lib/modules/<release>.

    A kernel is removed when its own modules are: its package leaves the folder because it contains ours.
    """
    owned = [(path, path.stem) for path in Path(root, STATE_FOLDER).glob("*.json")]
    owned += [(path, path.relative_to(Path(root, "lib/modules")).parts[0]) for path in _modules(folder, root)]
    for path in Path(root, PACKAGE_FOLDER).glob("netmap-*"):
        match = _PACKAGE.fullmatch(path.name)
        if match:
            owned.append((path, match["kernel"]))
    kernels = {kernel for _, kernel in owned}
    present = {kernel for kernel in kernels if Path(root, "lib/modules", kernel, "kernel").exists()} | {running}
    return tuple(sorted(path for path, kernel in owned if kernel not in present))


def remove_stale(paths: Sequence[Path], root: str = "/") -> None:
    """Remove the files, and the folders of modules that become empty."""
    modules = Path(root, "lib/modules")
    for path in paths:
        path.unlink(missing_ok=True)
        folder = path.parent
        while modules in folder.parents and folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def _modules(folder: str, root: str) -> tuple[Path, ...]:
    return tuple(Path(root, "lib/modules").glob(f"*/{folder}/*.ko"))
