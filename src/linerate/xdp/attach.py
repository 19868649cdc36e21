"""An XDP program that passes every frame, attached while drivers need one to send from an XDP socket without a copy.

It is attached through a BPF link, which the kernel removes with its last file descriptor: also after SIGKILL. Of
several processes that send on one interface the first attaches it, and the others hold the same link, so that it stays
until all of them have ended.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import HostError
from ..nic.read import wait_for_carrier
from .bpf import bpf, link_of
from .netlink import attached_program

# include/uapi/linux/bpf.h, include/uapi/linux/if_link.h
PROG_LOAD, LINK_CREATE = 5, 28
PROG_TYPE_XDP, ATTACH_TYPE_XDP, NATIVE = 6, 37, 4
XDP_PASS = 2
INSTRUCTION = struct.Struct("=BBhi")
PASS = INSTRUCTION.pack(0xB7, 0, 0, XDP_PASS) + INSTRUCTION.pack(0x95, 0, 0, 0)
"""r0 = XDP_PASS; exit"""
LICENSE = b"MIT\0"
CARRIER_SECONDS, SETTLED_SECONDS = 10.0, 1.0
"""Drivers reset their rings when a program is attached, and some lose the carrier for seconds."""
ATTACHED_SECONDS, POLL_SECONDS = 10.0, 0.02
"""How long a process waits for the one that attaches the program."""


@contextmanager
def attached(interface: str) -> Iterator[None]:
    """Attach the program to ``interface``, in its driver, and wait for the carrier. HostError where that fails."""
    program = _load()
    try:
        link = _link(program, interface)
    finally:
        os.close(program)
    with _held(link, interface):
        yield


@contextmanager
def joined(interface: str) -> Iterator[None]:
    """Hold the link that another process makes with :func:`attached`. HostError if it does not appear in time."""
    end = time.monotonic() + ATTACHED_SECONDS
    while (link := link_of(attached_program(interface))) is None:
        if time.monotonic() > end:
            rule = f"has no XDP program {ATTACHED_SECONDS:g} s after the first of several processes was to attach it"
            raise HostError("interface", interface, rule, "Use the adapter copy, or one process.")
        time.sleep(POLL_SECONDS)
    with _held(link, interface):
        yield


@contextmanager
def _held(link: int, interface: str) -> Iterator[None]:
    try:
        if not wait_for_carrier(interface, CARRIER_SECONDS, SETTLED_SECONDS):
            rule = f"had no carrier for {CARRIER_SECONDS:g} s after an XDP program was attached"
            raise HostError("interface", interface, rule, "Use the adapter copy.")
        yield
    finally:
        os.close(link)


def _load() -> int:
    code, license_text = ctypes.create_string_buffer(PASS, len(PASS)), ctypes.create_string_buffer(LICENSE)
    attributes = struct.pack(
        "=IIQQ", PROG_TYPE_XDP, len(PASS) // INSTRUCTION.size, ctypes.addressof(code), ctypes.addressof(license_text)
    )
    return _made(PROG_LOAD, attributes, "load")


def _link(program: int, interface: str) -> int:
    attributes = struct.pack("=IIII", program, socket.if_nametoindex(interface), ATTACH_TYPE_XDP, NATIVE)
    return _made(LINK_CREATE, attributes, f"attach to {interface}")


def _made(command: int, attributes: bytes, what: str) -> int:
    try:
        return bpf(command, attributes)[0]
    except OSError as error:
        rule = f"the kernel does not {what} it: {error.strerror}"
        raise HostError("XDP program", None, rule, "Run as root, or use the adapter copy.") from error
