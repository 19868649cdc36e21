"""Whether netmap can be used on this host, and if not, the first thing that is in the way."""

from __future__ import annotations

from pathlib import Path


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
