"""bpf(2): its calls, and the link by which an XDP program is attached to an interface."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterator

from ..errors import HostError

SYSCALLS = {"x86_64": 321, "aarch64": 280, "ppc64le": 361, "s390x": 351}
"""The number of bpf(2) by architecture: those of EL9."""
# include/uapi/linux/bpf.h
OBJ_GET_INFO_BY_FD, LINK_GET_FD_BY_ID, LINK_GET_NEXT_ID = 15, 30, 31
LINK_TYPE_XDP = 6
LINK_INFO, LINK_INFO_BYTES = struct.Struct("=I4xI"), 64
"""Of struct bpf_link_info: the type of the link, and the id of its program."""
ATTRIBUTE_BYTES = 128


def bpf(command: int, attributes: bytes) -> tuple[int, bytes]:
    """What bpf(2) returns, and the attributes after it. OSError where it fails."""
    number = SYSCALLS.get(platform.machine())
    if number is None:
        raise HostError(
            "XDP program", platform.machine(), "is an architecture without zero-copy", "Use the adapter copy."
        )
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, ATTRIBUTE_BYTES)
    result = libc.syscall(number, command, buffer, ATTRIBUTE_BYTES)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result), buffer.raw


def link_of(program: int | None) -> int | None:
    """A descriptor of the link by which the XDP program with this id is attached; None without one."""
    for number in _link_ids():
        try:
            link, _ = bpf(LINK_GET_FD_BY_ID, struct.pack("=I", number))
        except OSError:
            # It ended meanwhile.
            continue
        info = ctypes.create_string_buffer(LINK_INFO_BYTES)
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", link, LINK_INFO_BYTES, ctypes.addressof(info)))
        if LINK_INFO.unpack_from(info.raw) == (LINK_TYPE_XDP, program):
            return link
        os.close(link)
    return None


def _link_ids() -> Iterator[int]:
    number = 0
    while True:
        try:
            _, answer = bpf(LINK_GET_NEXT_ID, struct.pack("=I", number))
        except FileNotFoundError:
            return
        number = struct.unpack_from("=I", answer, 4)[0]
        yield number
