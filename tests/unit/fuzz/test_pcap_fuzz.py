"""A changed pcap is rejected, or has the same counts as by a second, simple reader."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linerate.errors import PcapError
from linerate.pcap import reader
from linerate.pcap.reader import PcapSummary, read_summary

MAGICS = {0xA1B2C3D4: False, 0xA1B23C4D: True}
LENGTHS = st.lists(st.integers(14, 200), min_size=1, max_size=12)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "drop", "double", "insert"]), st.integers(0, 10**4), st.integers(0, 255)),
    max_size=4,
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records cross the borders of the chunks that are read, as they do in a large file."""
    monkeypatch.setattr(reader, "READ_BYTES", 61)


def pcap(lengths: list[int], order: str, nanosecond: bool) -> bytes:
    magic = next(magic for magic, nano in MAGICS.items() if nano == nanosecond)
    records = [struct.pack(f"{order}IIII", 1, 2, length, length) + bytes(length) for length in lengths]
    return struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, 1) + b"".join(records)


def changed(content: bytes, kind: str, at: int, value: int) -> bytes:
    at %= len(content) + 1
    before, after = content[:at], content[at:]
    return {
        "flip": before + bytes([value]) + after[1:],
        "cut": before,
        "drop": before + after[1 + value % 40 :],
        "double": before + after[: 1 + value % 40] + after,
        "insert": before + bytes([value]) + after,
    }[kind]


def plain(content: bytes) -> tuple[int, int, int, int, bool] | None:
    """Packets, bytes, shortest, longest and nanosecond of an Ethernet pcap; None for other files."""
    for order in "<>":
        if len(content) < 24 or struct.unpack_from(f"{order}I", content)[0] not in MAGICS:
            continue
        magic, major, minor, _, _, _, link = struct.unpack_from(f"{order}IHHiIII", content)
        lengths, at = [], 24
        while at < len(content):
            if at + 16 > len(content):
                return None
            captured, original = struct.unpack_from(f"{order}8xII", content, at)
            at += 16 + captured
            if captured != original or at > len(content) or not 14 <= captured <= 262_144:
                return None
            lengths.append(captured)
        if (major, minor, link) != (2, 4, 1) or not lengths:
            return None
        return len(lengths), sum(lengths), min(lengths), max(lengths), MAGICS[magic]
    return None


def read(path: Path, content: bytes) -> PcapSummary | None:
    """The summary; None where the file is rejected. Any other exception is a defect."""
    path.write_bytes(content)
    with suppress(PcapError):
        return read_summary(str(path))
    return None


@settings(max_examples=400)
@given(LENGTHS, st.sampled_from("<>"), st.booleans(), CHANGES)
def test_a_changed_pcap_is_rejected_or_counted_correctly(
    tmp_path: Path, lengths: list[int], order: str, nanosecond: bool, changes: list[tuple[str, int, int]]
) -> None:
    content = pcap(lengths, order, nanosecond)
    for change in changes:
        content = changed(content, *change)
    found, expected = read(tmp_path / "test.pcap", content), plain(content)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found.packets, found.bytes) == expected[:2]
    assert (found.min_frame_length, found.max_frame_length, found.nanosecond) == expected[2:]
    assert found.file_bytes == len(content)
    assert found.mean_frame_length == found.bytes / found.packets


def test_every_cut_of_a_pcap_except_between_records_is_rejected(tmp_path: Path) -> None:
    content = pcap([14, 60, 99], "<", False)
    whole = {24 + 16 + 14: 1, 24 + 32 + 74: 2, len(content): 3}
    for size in range(len(content) + 1):
        found = read(tmp_path / "test.pcap", content[:size])
        assert (found.packets if found else None) == whole.get(size)


def test_every_bit_flip_that_matters_is_rejected(tmp_path: Path) -> None:
    content = pcap([60, 60], "<", False)
    # Time zone, accuracy and snap length of the header, times and frame bytes may have any value.
    matters = [*range(8), *range(20, 24), *range(32, 40), *range(108, 116)]
    for at in matters:
        for bit in range(8):
            flipped = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            assert read(tmp_path / "test.pcap", flipped) is None or plain(flipped) is not None


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_handled(tmp_path: Path, content: bytes) -> None:
    assert (read(tmp_path / "test.pcap", content) is None) == (plain(content) is None)
