"""Drop UDP frames whose destination port is a multiple of a number with XDP, until standard input ends.

    python xdp_drop.py INTERFACE NUMBER generic|native

Generic XDP drops in the kernel, after the interface has counted; native XDP drops in the driver.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import sys

SYSCALL = {"x86_64": 321, "aarch64": 280}
# include/uapi/linux/bpf.h, include/uapi/linux/if_link.h
PROG_LOAD, LINK_CREATE = 5, 28
PROG_TYPE_XDP, ATTACH_XDP = 6, 37
FLAGS = {"generic": 2, "native": 4}
XDP_DROP, XDP_PASS = 1, 2
UDP_PORT_OFFSET = 36


def bpf(command: int, attributes: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    made = libc.syscall(SYSCALL[platform.machine()], command, buffer, len(attributes))
    if made < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(made)


def instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, number: int = 0) -> bytes:
    return struct.pack("=BBhi", code, target | source << 4, offset, number)


def program(number: int) -> bytes:
    return b"".join(
        (
            instruction(0xB7, 0, number=XDP_PASS),  # r0 = pass
            instruction(0x61, 2, 1, 0),  # r2 = data
            instruction(0x61, 3, 1, 4),  # r3 = end of data
            instruction(0xBF, 4, 2),  # r4 = r2
            instruction(0x07, 4, number=UDP_PORT_OFFSET + 2),
            instruction(0x2D, 4, 3, 5),  # frame too short: go to the end
            instruction(0x69, 5, 2, UDP_PORT_OFFSET),  # r5 = port, as in the frame
            instruction(0xDC, 5, number=16),  # in host byte order
            instruction(0x97, 5, number=number),  # modulo
            instruction(0x55, 5, 0, 1),  # not 0: go to the end
            instruction(0xB7, 0, number=XDP_DROP),
            instruction(0x95),
        )
    )


def main() -> None:
    interface, number, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    code = ctypes.create_string_buffer(program(number))
    license_text = ctypes.create_string_buffer(b"GPL")
    loading = struct.pack(
        "=IIQQ", PROG_TYPE_XDP, (len(code) - 1) // 8, ctypes.addressof(code), ctypes.addressof(license_text)
    )
    loaded = bpf(PROG_LOAD, loading.ljust(128, b"\0"))
    index = socket.if_nametoindex(interface)
    # The link, and with it the program, exists until this process ends.
    bpf(LINK_CREATE, struct.pack("=IIII", loaded, index, ATTACH_XDP, FLAGS[mode]).ljust(64, b"\0"))
    print("dropping", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
