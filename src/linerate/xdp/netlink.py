"""What the kernel says of XDP on an interface: an attached program, and zero-copy for XDP sockets (netlink(7))."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

from ..errors import HostError

# include/uapi/linux/netlink.h, rtnetlink.h, if_link.h
NLM_F_REQUEST, NLMSG_ERROR = 1, 2
NESTED_BITS = 0xC000
RTM_GETLINK, IFLA_XDP, IFLA_XDP_PROG_ID = 18, 43, 4
# include/uapi/linux/genetlink.h, netdev.h
NETLINK_GENERIC, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 16, 3, 1, 2
NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES = 1, 1, 3
XSK_ZEROCOPY = 8
MESSAGE, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
GENERIC_BYTES, LINK_BYTES = 4, 16


def attached_program(interface: str) -> int | None:
    """The id of the XDP program on ``interface``, native or generic; None without one. OSError if it is gone."""
    request = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(interface), 0, 0)
    answer = _ask(socket.NETLINK_ROUTE, RTM_GETLINK, request)
    xdp = dict(_attributes(answer[LINK_BYTES:])).get(IFLA_XDP, b"")
    found = dict(_attributes(xdp)).get(IFLA_XDP_PROG_ID)
    return (struct.unpack("=I", found)[0] or None) if found else None


def refuse_foreign_program(interface: str) -> None:
    """HostError where an XDP program is attached: it is another program's, and is never replaced."""
    number = attached_program(interface)
    if number is not None:
        rule = f"has an XDP program (id {number}) that another program attached, and it is not replaced"
        raise HostError("interface", interface, rule, "End the program that attached it, or use another engine.")


def has_zerocopy(interface: str) -> bool | None:
    """Whether the driver of ``interface`` has zero-copy for XDP sockets; None where a kernel before 6.3 cannot say."""
    try:
        name = _attribute(CTRL_ATTR_FAMILY_NAME, b"netdev\0")
        control = struct.pack("=BBH", CTRL_CMD_GETFAMILY, 1, 0) + name
        family = dict(_attributes(_ask(NETLINK_GENERIC, GENL_ID_CTRL, control)[GENERIC_BYTES:]))[CTRL_ATTR_FAMILY_ID]
        index = _attribute(NETDEV_A_DEV_IFINDEX, struct.pack("=I", socket.if_nametoindex(interface)))
        request = struct.pack("=BBH", NETDEV_CMD_DEV_GET, 1, 0) + index
        answer = _ask(NETLINK_GENERIC, struct.unpack("=H", family)[0], request)
    except OSError:
        return None
    features = dict(_attributes(answer[GENERIC_BYTES:])).get(NETDEV_A_DEV_XDP_FEATURES, bytes(8))
    return bool(struct.unpack("=Q", features)[0] & XSK_ZEROCOPY)


def _ask(protocol: int, kind: int, request: bytes) -> bytes:
    """The answer to one request, without its header. OSError with the kernel's number."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as asking:
        asking.bind((0, 0))
        asking.send(MESSAGE.pack(MESSAGE.size + len(request), kind, NLM_F_REQUEST, 1, 0) + request)
        answer = asking.recv(1 << 16)
    _, answered, _, _, _ = MESSAGE.unpack_from(answer)
    if answered == NLMSG_ERROR:
        (number,) = struct.unpack_from("=i", answer, MESSAGE.size)
        raise OSError(-number, os.strerror(-number))
    return answer[MESSAGE.size :]


def _attribute(kind: int, value: bytes) -> bytes:
    size = ATTRIBUTE.size + len(value)
    return ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind and value of each attribute in ``data``."""
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        size, kind = ATTRIBUTE.unpack_from(data, at)
        if size < ATTRIBUTE.size:
            return
        yield kind & ~NESTED_BITS, data[at + ATTRIBUTE.size : at + size]
        at += size + -size % 4
