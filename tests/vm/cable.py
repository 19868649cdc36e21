"""Pull the cable of a guest (off), or plug it in again (on): QEMU's set_link, by its control socket (QMP)."""

from __future__ import annotations

import json
import socket
import sys


def main(path: str, state: str) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(60)
        control.connect(path)
        said = control.makefile("r", encoding="utf-8")
        for command, arguments in (
            ("qmp_capabilities", {}),
            ("set_link", {"name": "traffic", "up": {"on": True, "off": False}[state]}),
        ):
            control.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
            # Events come in between.
            answer = next(found for found in map(json.loads, said) if "return" in found or "error" in found)
            if "error" in answer:
                sys.exit(f"{command}: {answer['error']['desc']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
