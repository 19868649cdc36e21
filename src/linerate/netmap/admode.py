"""netmap's parameter admode: which kind of adapter it gives to an interface, silently (netmap(4))."""

from __future__ import annotations

from pathlib import Path

from ..errors import HostError

ADMODE = "sys/module/netmap/parameters/admode"


def read_admode(root: str = "/") -> str:
    """netmap's parameter admode. HostError where netmap is not loaded."""
    try:
        return Path(root, ADMODE).read_text(encoding="ascii").strip()
    except OSError as error:
        raise HostError("netmap", None, "is not loaded on this host", "Load it: modprobe netmap.") from error


def write_admode(value: str, root: str = "/") -> None:
    """Set netmap's parameter admode. HostError where the kernel does not take it."""
    try:
        Path(root, ADMODE).write_text(value, encoding="ascii")
    except OSError as error:
        rule = f"cannot be set to {value}: {error.strerror}"
        raise HostError("netmap parameter", "admode", rule, "Run as root, with netmap loaded.") from error
