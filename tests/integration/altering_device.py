"""Forward the frames from the port ``in`` to the port ``out`` as real devices change them, until standard input ends.

    python altering_device.py CHANGE

The kernel has removed the outermost VLAN tag of a frame when it is read here.
"""

from __future__ import annotations

import selectors
import socket
import sys
from typing import Callable

ETH_P_ALL = 0x0003
SO_RCVBUFFORCE = 33
MIN_FRAME, LONGEST = 60, 65536
BUFFER_BYTES = 1 << 23
"""Room for thousands of frames, while a busy machine does not run this program."""
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda frame: frame,
    "padding": lambda frame: frame.ljust(MIN_FRAME, b"\0"),
    "padding and FCS": lambda frame: frame.ljust(MIN_FRAME, b"\0") + b"FCS4",
    "padding to 64": lambda frame: frame.ljust(MIN_FRAME + 4, b"\0"),
    "seven bytes more": lambda frame: frame + bytes(7),
}


def main() -> None:
    change = CHANGES[sys.argv[1]]
    ports = {name: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for name in ("in", "out")}
    for name, port in ports.items():
        port.bind((name, ETH_P_ALL if name == "in" else 0))
    ports["in"].setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    with selectors.DefaultSelector() as selector:
        selector.register(ports["in"], selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("forwarding", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return
                ports["out"].send(change(ports["in"].recv(LONGEST)))


if __name__ == "__main__":
    main()
