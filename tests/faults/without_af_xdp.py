"""Run a command for which the kernel has no XDP sockets: a seccomp filter refuses their family."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import subprocess
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SOCKET = {"x86_64": 41, "aarch64": 198}
AF_XDP = 44
# include/uapi/linux/bpf_common.h, seccomp.h
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_OFFSET, FIRST_ARGUMENT_OFFSET = 0, 16
ALLOW, REFUSE = 0x7FFF0000, 0x00050000

FILTER = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (LOAD, 0, 0, NUMBER_OFFSET),
        (JUMP_IF_EQUAL, 0, 3, SOCKET[platform.machine()]),
        (LOAD, 0, 0, FIRST_ARGUMENT_OFFSET),
        (JUMP_IF_EQUAL, 0, 1, AF_XDP),
        (RETURN, 0, 0, REFUSE | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, ALLOW),
    )
)


def main() -> None:
    code = ctypes.create_string_buffer(FILTER, len(FILTER))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(FILTER) // 8, ctypes.addressof(code)))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        sys.exit("the seccomp filter was refused")
    sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)


if __name__ == "__main__":
    main()
