"""Send the packets of a pcap through a packet socket: INTERFACE PCAP PACKETS PPS SECONDS.

PACKETS of 0 means as many as leave in SECONDS, PPS of 0 as fast as possible. Prints the count as one line of JSON.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HEADER_BYTES, RECORD_BYTES = 24, 16


def frames(content: bytes) -> Iterator[bytes]:
    """The frames of a pcap file in little-endian byte order."""
    offset = HEADER_BYTES
    while offset < len(content):
        (length,) = struct.unpack_from("<I", content, offset + 8)
        offset += RECORD_BYTES
        yield content[offset : offset + length]
        offset += length


def main(interface: str, pcap: str, packets: int, pps: float, seconds: float) -> None:
    sent = octets = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        start = time.monotonic()
        for frame in itertools.cycle(frames(Path(pcap).read_bytes())):
            if (packets and sent >= packets) or (not packets and time.monotonic() - start >= seconds):
                break
            if pps:
                time.sleep(max(0.0, start + sent / pps - time.monotonic()))
            octets += out.send(frame)
            sent += 1
        print(json.dumps({"packets": sent, "bytes": octets, "seconds": time.monotonic() - start}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
