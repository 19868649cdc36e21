"""The pcap in memory: every descriptor's bytes are the frame of the file, within the promised memory."""

from __future__ import annotations

import os
import random

import pytest

from linerate.errors import PcapError
from linerate.pcap.reader import RECORD_HEADER_BYTES
from linerate.system.memory import Room
from linerate.xdp.frames import LONGEST_FRAME, Frames, load
from linerate.xdp.xsk import CHUNK_BYTES

LENGTHS = [random.Random(1).choice((60, 61, 78, 590, 1514, 2048, 4095)) for _ in range(300)]


def frames_in(frames: Frames) -> list[bytes]:
    starts, ends = frames.descriptors[::2], frames.descriptors[1::2]
    return [bytes(frames.region.memory[start : start + length]) for start, length in zip(starts, ends)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("unaligned", [True, False])
def test_the_descriptors_are_the_frames_of_the_file(pcap, order, unaligned):
    frames = load(pcap(*LENGTHS, order=order), unaligned)
    assert frames_in(frames) == [bytes([n % 256]) * length for n, length in enumerate(LENGTHS, start=1)]
    assert list(frames.lengths(0, 300)) == LENGTHS
    assert (frames.count, frames.region.unaligned) == (300, unaligned)
    assert len(frames.region.memory) % CHUNK_BYTES == 0


def test_in_pages_no_frame_crosses_or_fills_up_to_the_end_of_one(pcap):
    frames = load(pcap(*LENGTHS), unaligned=False)
    for start, length in zip(frames.descriptors[::2], frames.descriptors[1::2]):
        assert start % CHUNK_BYTES + length < CHUNK_BYTES


@pytest.mark.parametrize("unaligned", [True, False])
def test_the_memory_is_the_files_size_and_16_bytes_per_packet(pcap, unaligned):
    path = pcap(*[78] * 1000)
    assert load(path, unaligned).memory_bytes <= os.path.getsize(path) + 16 * 1000 + CHUNK_BYTES


def test_the_bytes_of_a_number_of_packets_of_the_repeated_pcap(pcap):
    frames = load(pcap(60, 100, 1000), unaligned=True)
    assert [frames.bytes_of(number) for number in (0, 1, 2, 3, 4, 7)] == [0, 60, 160, 1160, 1220, 2380]


def test_a_pcap_above_the_limit_is_refused_by_name(pcap):
    path = pcap(*[78] * 100)
    with pytest.raises(PcapError, match=r"pcap '.*a\.pcap': takes 11,024 B of memory, and the limit is 9,000 B\. Send"):
        load(path, True, 9000)
    assert load(path, True, 11_024).count == 100


def test_the_limit_is_half_of_the_free_memory(pcap, monkeypatch):
    monkeypatch.setattr("linerate.xdp.frames.room", lambda: Room(1000, "the host"))
    with pytest.raises(PcapError, match="the limit is 500 B"):
        load(pcap(*[78] * 100), True)


def test_a_frame_longer_than_a_chunk_is_refused(pcap):
    with pytest.raises(PcapError, match=rf"frame of {LONGEST_FRAME + 1:,} bytes; an XDP socket sends at most"):
        load(pcap(60, LONGEST_FRAME + 1), True)


@pytest.mark.parametrize("change", [-20, 20, 8192])
def test_a_file_that_changes_while_it_is_read_is_refused(pcap, monkeypatch, change):
    path = pcap(*[78] * 10)
    read = load.__globals__["read_summary"]

    def summary(name: str):
        found = read(name)
        with open(name, "r+b") as file:
            file.truncate(os.path.getsize(name) + change)
        return found

    monkeypatch.setattr("linerate.xdp.frames.read_summary", summary)
    with pytest.raises(PcapError, match="changed while it was read"):
        load(path, True)


def test_damage_is_refused_as_for_tcpreplay(pcap):
    path = pcap(*[78] * 10)
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - RECORD_HEADER_BYTES)
    with pytest.raises(PcapError, match="is truncated in record 10"):
        load(path, True)
