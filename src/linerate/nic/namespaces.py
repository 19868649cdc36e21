"""The network namespaces of a host, and by which numbers they refer to each other (ip-netns(8), rtnetlink(7))."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_RTM_NEWNSID, _RTM_GETNSID, _NLM_F_REQUEST = 88, 90, 1
_NETNSA_FD = 3
"""include/uapi/linux/net_namespace.h; a reply starts with NETNSA_NSID, after a header of 16 and a family of 4 bytes."""
_NSID_OFFSET = 24
_MOUNTED = re.compile(r" net:\[(?P<inode>[0-9]+)\] (?P<place>\S+) ")


@dataclass(frozen=True)
class Namespace:
    """A network namespace: the ``inode`` that identifies it, a ``path`` to enter it by, and its ``name`` for people.

    The own namespace of this process has an empty name.
    """

    inode: int
    path: str
    name: str = ""

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` in this namespace."""
        return ["nsenter", f"--net={self.path}", *argv] if self.name else list(argv)


def visible(root: str = "/") -> list[Namespace]:
    """The own network namespace, then all others that a process is in or that are mounted where this one may look."""
    own = str(Path(root, "proc/self/ns/net"))
    found = {_inode(own): Namespace(_inode(own), own)}
    for namespace in _others(root):
        found.setdefault(namespace.inode, namespace)
    return list(found.values())


def _others(root: str) -> Iterator[Namespace]:
    processes = [process for process in Path(root, "proc").glob("[0-9]*") if _inode(str(process / "ns/net"))]
    yield from _mounted(Path(root, "proc/self"))
    for process in processes:
        path = str(process / "ns/net")
        yield Namespace(_inode(path), path, f"of process {process.name}")
    seen: set[int] = {_inode(str(Path(root, "proc/self/ns/mnt")))}
    for process in processes:
        mounts = _inode(str(process / "ns/mnt"))
        if mounts not in seen:
            seen.add(mounts)
            yield from _mounted(process)


def _mounted(process: Path) -> Iterator[Namespace]:
    """The namespaces that `ip netns` or a container runtime mounted in the mount namespace of ``process``."""
    try:
        text = (process / "mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return
    for match in _MOUNTED.finditer(text):
        place = match["place"].encode("latin-1", "surrogateescape").decode("unicode_escape")
        yield Namespace(int(match["inode"]), f"{process}/root{place}", Path(place).name)


def _inode(path: str) -> int:
    """The inode of a namespace; 0 where it cannot be read."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def number_of(namespace: Namespace, inside: Namespace) -> int | None:
    """The number by which links in ``inside`` refer to ``namespace`` (IFLA_LINK_NETNSID).

    None where they do not, or where this process may not enter ``inside``.
    """
    try:
        # setns(2) moves the calling thread alone, and that one ends here; its socket stays in the namespace.
        with ThreadPoolExecutor(1) as thread:
            netlink = thread.submit(_netlink_socket, inside).result()
        with netlink, open(namespace.path, "rb") as file:
            body = struct.pack("=B3xHHI", socket.AF_UNSPEC, 8, _NETNSA_FD, file.fileno())
            netlink.send(struct.pack("=IHHII", 16 + len(body), _RTM_GETNSID, _NLM_F_REQUEST, 1, 0) + body)
            reply = netlink.recv(4096)
    except OSError:
        return None
    if struct.unpack_from("=H", reply, 4)[0] != _RTM_NEWNSID:
        return None
    number = int(struct.unpack_from("=i", reply, _NSID_OFFSET)[0])
    return number if number >= 0 else None


def _netlink_socket(inside: Namespace) -> socket.socket:
    if inside.name:
        with open(inside.path, "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
