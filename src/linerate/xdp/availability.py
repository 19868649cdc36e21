"""Whether an XDP socket can send on an interface of this host, otherwise the first reason why not."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from ..errors import HostError
from ..netmap.adapter import driver_of
from ..nic.attachment import sends_without_a_copy
from .netlink import attached_program, has_zerocopy
from .xsk import CHUNK_BYTES, Region, XdpSocket

HERE = "not available on this host"


def unavailable_reason(interface: str, queue: int = 0, root: str = "/") -> str | None:
    """Why the engine ``xdp`` cannot send on ``interface``; None when it can.

    A socket is bound to the queue in copy mode, which changes nothing of the interface, and closed.
    """
    if not Path(root, "sys/class/net", interface, "queues", f"tx-{queue}").exists():
        return f"{HERE}: {interface} has no transmit queue {queue}"
    try:
        program = attached_program(interface)
        if program is not None:
            return f"{HERE}: another program has attached an XDP program (id {program}) to {interface}"
        XdpSocket(interface, queue, Region(mmap.mmap(-1, CHUNK_BYTES), False), zerocopy=False).close()
    except HostError as error:
        named = f"{error.value}: " if error.value else ""
        return f"{HERE}: {named}{error.rule}"
    except OSError as error:
        return f"{HERE}: {interface}: {os.strerror(error.errno or 0)}"
    return None


def zerocopy_unavailable_reason(interface: str, attach_ok: bool, root: str = "/") -> str | None:
    """Why ``interface`` cannot send without a copy; None when it can, as far as its kernel or its driver tells."""
    if not sends_without_a_copy(driver_of(interface, root), has_zerocopy(interface)):
        return f"{HERE}: {interface}: its driver has no zero-copy for XDP sockets"
    if not attach_ok:
        return (
            f"{HERE}: {interface}: an XDP program must be attached, which resets its rings; permit it by "
            "linerate_xdp_attach_ok"
        )
    return None
