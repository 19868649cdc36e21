"""The parts of a pcap: together they are the pcap, each flow is in one of them, and their sizes are close."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linerate.errors import InputError, PcapError
from linerate.pcap.split import MOST_KEPT, Split, check_union, split

HEADER = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
MACS = bytes.fromhex("020000000002020000000001")

flows = st.tuples(st.integers(0, 5), st.integers(0, 2))
"""Ports and last byte of the address: few, so that flows repeat."""


def frame(flow: tuple[int, int], number: int, fragment: bytes = b"\0\0") -> bytes:
    port, host = flow
    ip = bytes([0x45, 0, 0, 40]) + struct.pack(">H", number % 65536) + fragment + bytes([64, 17, 0, 0])
    addresses = bytes([198, 18, 0, 1, 198, 19, 0, host])
    return MACS + b"\x08\x00" + ip + addresses + struct.pack(">HHI", 1000, port, number) + bytes(8)


def write(path: Path, frames: list[bytes]) -> str:
    records = [struct.pack("<IIII", number, 0, len(one), len(one)) + one for number, one in enumerate(frames)]
    path.write_bytes(HEADER + b"".join(records))
    return str(path)


def frames_of(path: str) -> list[bytes]:
    content, at, found = Path(path).read_bytes(), 24, []
    while at < len(content):
        length = struct.unpack_from("<I", content, at + 8)[0]
        found.append(content[at + 16 : at + 16 + length])
        at += 16 + length
    return found


@given(st.lists(flows, min_size=1, max_size=80), st.integers(1, 5), st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_the_union_equals_the_pcap_and_no_flow_is_in_two_parts(tmp_path_factory, of_packets, count, first):
    folder = tmp_path_factory.mktemp("split")
    frames = [frame(flow, number) for number, flow in enumerate(of_packets)]
    path = write(folder / "a.pcap", frames)
    if len(set(of_packets)) < count:
        with pytest.raises(InputError, match=f"processes {count}: is more than the flows of "):
            split(path, count, str(folder / "parts"))
        return
    found = split(path, count, str(folder / "parts"))
    parts = [frames_of(part.path) for part in found.parts]
    assert sorted(one for part in parts for one in part) == sorted(frames)
    for number, flow in enumerate(of_packets):
        of_flow = [one for one in frames if one[34:38] == frames[number][34:38] and one[33] == flow[1]]
        holding = [part for part in parts if any(one in part for one in of_flow)]
        assert len(holding) == 1
        assert [one for one in holding[0] if one in of_flow] == of_flow
    repeated = frames * (first // len(frames) + 1)
    counted = Counter(number for one in repeated[:first] for number, part in enumerate(parts) if one in part)
    assert [found.packets_of(number, first) for number in range(count)] == [counted[n] for n in range(count)]


def many(path: Path, packets: int = 60) -> str:
    return write(path, [frame((number, 0), number) for number in range(packets)])


def test_equal_flows_make_equal_parts(tmp_path):
    found = split(many(tmp_path / "a.pcap"), 3, str(tmp_path / "parts"))
    assert [part.packets for part in found.parts] == [20, 20, 20]


def test_a_datagram_whose_first_fragment_alone_has_ports_is_in_one_part(tmp_path):
    first, later = frame((5, 0), 1, b"\x20\x00"), frame((6, 0), 1, b"\x00\x05")
    path = write(tmp_path / "a.pcap", [frame((0, 0), 0), first, later, frame((1, 1), 2)])
    order = split(path, 2, str(tmp_path / "parts")).order
    assert order[1] == order[2]


def test_parts_are_kept_until_the_pcap_or_they_change(tmp_path):
    path, folder = many(tmp_path / "a.pcap"), str(tmp_path / "parts")
    found = split(path, 2, folder)
    inode = Path(found.parts[0].path).stat().st_ino
    assert split(path, 2, folder) == found
    assert Path(found.parts[0].path).stat().st_ino == inode
    with open(found.parts[0].path, "r+b") as file:
        file.seek(60)
        file.write(b"\xff")
    assert split(path, 2, folder) == found
    many(tmp_path / "a.pcap", 61)
    assert split(path, 2, folder).sha256 != found.sha256


def test_a_bounded_number_of_parts_is_kept_and_none_of_an_interrupted_split(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / ".0123-2.x").mkdir()
    for packets in range(2, MOST_KEPT + 5):
        split(many(tmp_path / "a.pcap", packets), 2, str(folder))
    assert len(list(folder.iterdir())) == MOST_KEPT


@pytest.mark.parametrize("fault", ["lost", "twice", "swapped", "changed"])
def test_a_wrong_union_is_found(tmp_path, fault):
    path = many(tmp_path / "a.pcap")
    found = split(path, 2, str(tmp_path / "parts"))
    frames = frames_of(found.parts[1].path)
    wrong = {
        "lost": frames[:-1],
        "twice": [*frames, frames[-1]],
        "swapped": [frames[1], frames[0], *frames[2:]],
        "changed": [*frames[:-1], frames[-1][:-1] + b"\xff"],
    }[fault]
    write(Path(found.parts[1].path), wrong)
    with pytest.raises(PcapError, match="was not split correctly"):
        check_union(path, [part.path for part in found.parts], found.order)


def test_a_damaged_pcap_and_a_wrong_number_are_refused(tmp_path):
    path = many(tmp_path / "a.pcap")
    for count in (0, 65):
        with pytest.raises(InputError, match=f"processes {count}: must be 1 to 64"):
            split(path, count, str(tmp_path / "parts"))
    Path(path).write_bytes(Path(path).read_bytes()[:-1])
    with pytest.raises(PcapError, match="is truncated"):
        split(path, 2, str(tmp_path / "parts"))


def test_no_packet_is_in_a_part_that_has_none_of_the_first(tmp_path):
    assert Split("", split(many(tmp_path / "a.pcap"), 2, str(tmp_path / "p")).parts, b"\0\1" * 30).packets_of(1, 1) == 0
