"""netmap's parameter admode: the kind of adapter that it gives an interface, silently (netmap(4))."""

from __future__ import annotations

from pathlib import Path

from ..errors import HostError

ADMODE = "sys/module/netmap/parameters/admode"


def read_admode(root: str = "/") -> str:
    """netmap's parameter admode. HostError when netmap is not loaded."""
    try:
        return Path(root, ADMODE).read_text(encoding="ascii").strip()
    except OSError as error:
        raise HostError("netmap", None, "is not loaded on this host", "Load it: modprobe netmap.") from error


def write_admode(value: str, root: str = "/") -> None:
    """Set netmap's parameter admode. HostError when the kernel rejects the value."""
    try:
        Path(root, ADMODE).write_text(value, encoding="ascii")
    except OSError as error:
        rule = f"cannot be set to {value}: {error.strerror}"
        raise HostError("netmap parameter", "admode", rule, "Run as root, with netmap loaded.") from error
