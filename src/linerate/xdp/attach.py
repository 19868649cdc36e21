"""An XDP program that passes every frame, attached while drivers need one to send from an XDP socket without a copy.

It is attached through a BPF link, which the kernel removes with its last file descriptor: also after SIGKILL.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import HostError
from ..nic.read import wait_for_carrier

SYSCALLS = {"x86_64": 321, "aarch64": 280, "ppc64le": 361, "s390x": 351}
"""The number of bpf(2) by architecture: those of EL9."""
# include/uapi/linux/bpf.h, include/uapi/linux/if_link.h
PROG_LOAD, LINK_CREATE = 5, 28
PROG_TYPE_XDP, ATTACH_TYPE_XDP, NATIVE = 6, 37, 4
XDP_PASS = 2
INSTRUCTION = struct.Struct("=BBhi")
PASS = INSTRUCTION.pack(0xB7, 0, 0, XDP_PASS) + INSTRUCTION.pack(0x95, 0, 0, 0)
"""r0 = XDP_PASS; exit"""
ATTRIBUTE_BYTES = 128
LICENSE = b"MIT\0"
CARRIER_SECONDS, SETTLED_SECONDS = 10.0, 1.0
"""Drivers reset their rings when a program is attached, and some lose the carrier for seconds."""


@contextmanager
def attached(interface: str) -> Iterator[None]:
    """Attach the program to ``interface``, in its driver, and wait for the carrier. HostError where that fails."""
    program = link = -1
    try:
        program = _load()
        link = _link(program, interface)
        if not wait_for_carrier(interface, CARRIER_SECONDS, SETTLED_SECONDS):
            rule = f"had no carrier for {CARRIER_SECONDS:g} s after an XDP program was attached"
            raise HostError("interface", interface, rule, "Use the adapter copy.")
        yield
    finally:
        for descriptor in (link, program):
            if descriptor >= 0:
                os.close(descriptor)


def _load() -> int:
    code, license_text = ctypes.create_string_buffer(PASS, len(PASS)), ctypes.create_string_buffer(LICENSE)
    attributes = struct.pack(
        "=IIQQ", PROG_TYPE_XDP, len(PASS) // INSTRUCTION.size, ctypes.addressof(code), ctypes.addressof(license_text)
    )
    return _bpf(PROG_LOAD, attributes, "load")


def _link(program: int, interface: str) -> int:
    attributes = struct.pack("=IIII", program, socket.if_nametoindex(interface), ATTACH_TYPE_XDP, NATIVE)
    return _bpf(LINK_CREATE, attributes, f"attach to {interface}")


def _bpf(command: int, attributes: bytes, what: str) -> int:
    number = SYSCALLS.get(platform.machine())
    if number is None:
        raise HostError(
            "XDP program", platform.machine(), "is an architecture without zero-copy", "Use the adapter copy."
        )
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, ATTRIBUTE_BYTES)
    made = libc.syscall(number, command, buffer, ATTRIBUTE_BYTES)
    if made < 0:
        rule = f"the kernel does not {what} it: {os.strerror(ctypes.get_errno())}"
        raise HostError("XDP program", None, rule, "Run as root, or use the adapter copy.")
    return int(made)
