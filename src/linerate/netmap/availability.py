"""Whether netmap can send on an interface of this host, otherwise the first reason why not."""

from __future__ import annotations

from pathlib import Path

from .adapter import driver_of
from .users import holding_drivers


def unavailable_reason(interface: str, tcpreplay_has_netmap: bool, root: str = "/") -> str | None:
    """Why the engine ``netmap`` cannot send on ``interface``; None when it can."""
    if not Path(root, "proc/modules").exists():
        return "not available on this host: the kernel has no loadable modules"
    if interface == "lo":
        return "not available on this host: the loopback interface has no netmap adapter"
    if not Path(root, "dev/netmap").exists():
        return "not available on this host: the netmap module is not loaded"
    if not tcpreplay_has_netmap:
        return "not available on this host: tcpreplay is built without netmap"
    return None


def native_unavailable_reason(interface: str, root: str = "/") -> str | None:
    """Why the adapter of ``interface`` cannot be native; None when it can: a patched driver is loaded."""
    driver = driver_of(interface, root)
    if driver in holding_drivers(root):
        return None
    reason = f"its driver {driver} is not patched for netmap" if driver else "it has no driver to patch"
    return f"not available on this host: {interface}: {reason}"
