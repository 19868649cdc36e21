"""Disconnect the cable of a guest (off) or connect it (on): QEMU's set_link, through its control socket (QMP)."""

from __future__ import annotations

import json
import socket
import sys


def main(path: str, state: str) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(60)
        control.connect(path)
        replies = control.makefile("r", encoding="utf-8")
        for command, arguments in (
            ("qmp_capabilities", {}),
            ("set_link", {"name": "traffic", "up": {"on": True, "off": False}[state]}),
        ):
            control.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
            # Events may precede the reply.
            answer = next(reply for reply in map(json.loads, replies) if "return" in reply or "error" in reply)
            if "error" in answer:
                sys.exit(f"{command}: {answer['error']['desc']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
