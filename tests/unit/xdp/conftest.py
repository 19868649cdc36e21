from __future__ import annotations

import errno
import struct
from pathlib import Path
from typing import Callable

import pytest

from linerate.xdp.xsk import DESCRIPTOR_BYTES


class Kernel:
    """The kernel's side of the rings: takes up to ``budget`` descriptors at each wake-up, and completes them at once.

    ``sent`` are their addresses in order. ``answers`` are errors that the next wake-ups return, sending nothing.
    """

    def __init__(self, count: int = 8, budget: int = 4, first: int = 0) -> None:
        self.count, self.budget = count, budget
        self.entries = memoryview(bytearray(count * DESCRIPTOR_BYTES))
        self.sent: list[int] = []
        self.batches: list[int] = []
        self.answers: list[int] = []
        self.takes = True
        self._done = first
        self._posted = 0

    def publish(self, produced: int) -> None:
        self.batches.append(produced - self._posted)
        self._posted = produced

    def completed(self) -> int:
        return self._done & 0xFFFFFFFF

    def wake(self) -> int:
        if self.answers:
            return self.answers.pop(0)
        ready = self._posted - len(self.sent) if self.takes else 0
        for _ in range(min(ready, self.budget)):
            at = len(self.sent) % self.count * DESCRIPTOR_BYTES
            self.sent.append(struct.unpack_from("Q", self.entries, at)[0])
            self._done += 1
        return errno.EAGAIN if ready > self.budget or not self.takes else 0


class Time:
    """A clock that goes on by 5 µs with each look at it, and a sleep that takes as long as it is told."""

    def __init__(self) -> None:
        self.now = 1_000_000_000

    def clock(self) -> int:
        self.now += 5000
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(1e9 * seconds)


def table(packets: int) -> memoryview:
    """Descriptors whose addresses are 0, 1, 2, ..."""
    return memoryview(b"".join(struct.pack("QII", number, 78, 0) for number in range(packets)))


def write_pcap(path: Path, frames: list[bytes], times_us: list[int] | None = None, order: str = "<") -> str:
    """A pcap of ``frames``, captured at ``times_us``, by default 10 microseconds apart."""
    times = times_us or [10 * number for number in range(len(frames))]
    content = struct.pack(f"{order}IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    for frame, time in zip(frames, times):
        content += struct.pack(f"{order}IIII", time // 1_000_000, time % 1_000_000, len(frame), len(frame)) + frame
    path.write_bytes(content)
    return str(path)


@pytest.fixture
def pcap(tmp_path: Path) -> Callable[..., str]:
    """A function that writes a pcap of frames of these lengths, each filled with its number."""

    def write(*lengths: int, times_us: list[int] | None = None, order: str = "<") -> str:
        frames = [bytes([number % 256]) * length for number, length in enumerate(lengths, start=1)]
        return write_pcap(tmp_path / "a.pcap", frames, times_us, order)

    return write
