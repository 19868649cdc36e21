"""Police what arrives at an interface with tc: forward so many frames per second, and drop the others at once.

A shaper (tc-tbf) sets a timer for each frame that waits. In a virtual machine each takes microseconds of the CPU, which
is the sender's too, so that from some 100,000 frames per second on the shaper slows the sender down and loses nothing.
This policer, the virtual scheduling algorithm of ITU-T I.371 as a program of cls_bpf, has no queue and no timer.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import tempfile
from pathlib import Path

from tests.integration.xdp_drop import PROG_LOAD, bpf, instruction

# include/uapi/linux/bpf.h, include/uapi/linux/pkt_cls.h
MAP_CREATE, OBJ_PIN = 0, 6
MAP_TYPE_ARRAY, PROG_TYPE_SCHED_CLS, PSEUDO_MAP_VALUE, KTIME_GET_NS = 2, 3, 2, 5
NEXT_FILTER, SHOT = -1, 2
FRACTION_BITS = 8
"""Times are in nanoseconds with so many bits of fraction: 1e9 / 300,000 is no whole number."""
SECOND = 10**9 << FRACTION_BITS


def police_by_tc(namespace: str, interface: str, pps: float, at_once: float) -> None:
    """Forward ``pps`` frames per second of those that arrive, and ``at_once`` frames that follow each other."""
    loaded = _load(_program(_next_time(), round(SECOND / pps), round(SECOND * (at_once - 1) / pps)))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "bpf", "bpf", folder], check=True)
        try:
            path = Path(folder, "policer")
            _pin(loaded, path)
            tc = ("tc", "-n", namespace)
            subprocess.run([*tc, "qdisc", "replace", "dev", interface, "clsact"], check=True)
            program = ("bpf", "direct-action", "object-pinned", str(path))
            of_interface = ("dev", interface, "ingress", "prio", "2", "handle", "1")
            subprocess.run([*tc, "filter", "replace", *of_interface, *program], check=True)
        finally:
            subprocess.run(["umount", folder], check=True)
            os.close(loaded)


def _next_time() -> int:
    """A map of one number: the time from which on the next frame is on time."""
    return bpf(MAP_CREATE, struct.pack("=IIII", MAP_TYPE_ARRAY, 4, 8, 1).ljust(64, b"\0"))


def _program(next_time: int, interval: int, tolerance: int) -> bytes:
    return b"".join(
        (
            instruction(0x85, number=KTIME_GET_NS),  # r0 = now
            instruction(0x67, 0, number=FRACTION_BITS),
            instruction(0x18, 1, PSEUDO_MAP_VALUE, number=next_time) + instruction(0),  # r1 = the number
            instruction(0x79, 2, 1),  # r2 = its value
            instruction(0x3D, 2, 0, 1),  # r2 >= r0: after the next instruction
            instruction(0xBF, 2, 0),  # r2 = r0
            instruction(0xBF, 3, 2),  # r3 = r2 - r0, how much too early the frame is
            instruction(0x1F, 3, 0),
            _number(4, tolerance),
            instruction(0x2D, 3, 4, 4),  # more than tolerated: drop
            instruction(0x07, 2, number=interval),
            instruction(0x7B, 1, 2),  # the number = r2
            instruction(0xB7, 0, number=NEXT_FILTER),
            instruction(0x95),
            instruction(0xB7, 0, number=SHOT),
            instruction(0x95),
        )
    )


def _number(register: int, number: int) -> bytes:
    """register = a number of 64 bits"""
    low, high = struct.unpack("=ii", struct.pack("=q", number))
    return instruction(0x18, register, number=low) + instruction(0, number=high)


def _load(program: bytes) -> int:
    code, license_text = ctypes.create_string_buffer(program, len(program)), ctypes.create_string_buffer(b"MIT")
    count = len(program) // len(instruction(0))
    attributes = (PROG_TYPE_SCHED_CLS, count, ctypes.addressof(code), ctypes.addressof(license_text))
    return bpf(PROG_LOAD, struct.pack("=IIQQ", *attributes).ljust(128, b"\0"))


def _pin(loaded: int, path: Path) -> None:
    name = ctypes.create_string_buffer(os.fsencode(path))
    bpf(OBJ_PIN, struct.pack("=QII", ctypes.addressof(name), loaded, 0).ljust(64, b"\0"))
