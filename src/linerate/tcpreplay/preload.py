"""The memory that tcpreplay takes to hold a pcap (option --preload-pcap)."""

from __future__ import annotations

from ..errors import HostError
from ..system.memory import megabytes, room

PROGRAM_BYTES = 16_000_000
"""tcpreplay 4.4 itself: a peak of 14.4 MB (resident) with any small pcap."""
PACKET_BYTES = 586
"""What each packet takes in addition to its bytes: its entry in the cache (48), PACKET_HEADROOM (512) and what malloc
adds (16 to 24). Measured: 640 per packet of 60 bytes, 664 of 78, 2,092 of 1,514."""


def preload_bytes(packets: int, size: int, processes: int = 1) -> int:
    """The memory in bytes that ``processes`` of tcpreplay take for ``packets`` of together ``size`` bytes."""
    return processes * PROGRAM_BYTES + packets * PACKET_BYTES + size


def refuse_preload(pcap: str, packets: int, size: int, root: str = "/", processes: int = 1) -> None:
    """HostError if the memory of this host, or of its control group, has no room for a preloaded ``pcap``."""
    need, found = preload_bytes(packets, size, processes), room(root)
    if found is not None and need > found.available:
        rule = f"needs {megabytes(need)} of memory to be preloaded, and {found.where} has {megabytes(found.available)}"
        hint = "Set preload_pcap to false (benchmark_replay_settings), use fewer packets, or provide more memory."
        raise HostError("pcap", pcap, f"{rule} left", hint)
