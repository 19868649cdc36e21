"""The Linux capabilities that this process lacks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

NUMBERS = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_IPC_LOCK": 14, "CAP_SYS_ADMIN": 21}
"""Bit numbers of the capabilities that linerate needs (linux/capability.h)."""


def missing_capabilities(root: Path, names: Iterable[str]) -> tuple[str, ...]:
    """The capabilities in ``names`` that this process does not have (proc_pid_status(5), CapEff).

    ``root`` is the root of the file system that holds proc. None are missing if proc cannot be read.
    """
    try:
        lines = (root / "proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")]
    return tuple(name for name in names if masks and not masks[0] >> NUMBERS[name] & 1)
