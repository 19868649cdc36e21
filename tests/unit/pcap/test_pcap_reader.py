"""The reader accepts complete Ethernet pcaps only, and names the place of an error."""

from __future__ import annotations

import hashlib
import os
import struct

import pytest

from linerate.errors import PcapError
from linerate.pcap import reader
from linerate.pcap.reader import read_summary
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap

MAGIC_MICRO, MAGIC_NANO = 0xA1B2C3D4, 0xA1B23C4D


def header(order="<", magic=MAGIC_MICRO, version=(2, 4), linktype=1):
    return struct.pack(f"{order}IHHIIII", magic, *version, 0, 0, 65_535, linktype)


def record(length, order="<", original=None):
    return struct.pack(f"{order}IIII", 1, 2, length, length if original is None else original) + bytes(length)


@pytest.fixture
def summary_of(tmp_path):
    def read(data):
        path = tmp_path / "a.pcap"
        path.write_bytes(data)
        return read_summary(str(path))

    return read


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "nanosecond"), [(MAGIC_MICRO, False), (MAGIC_NANO, True)])
def test_complete_files(order, magic, nanosecond, summary_of):
    data = header(order, magic) + record(60, order) + record(1514, order) + record(14, order)
    summary = summary_of(data)
    assert (summary.packets, summary.bytes, summary.file_bytes) == (3, 1588, len(data))
    assert (summary.min_frame_length, summary.max_frame_length) == (14, 1514)
    assert summary.mean_frame_length == pytest.approx(1588 / 3)
    assert summary.nanosecond is nanosecond
    assert summary.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("read_bytes", [1, 7, 16, 100, 4096])
def test_records_may_span_reads(read_bytes, summary_of, monkeypatch):
    monkeypatch.setattr(reader, "READ_BYTES", read_bytes)
    lengths = [14 + 37 * number % 290 for number in range(50)]
    summary = summary_of(header() + b"".join(record(length) for length in lengths))
    assert (summary.packets, summary.bytes) == (50, sum(lengths))


def test_pcap_written_by_linerate(make_spec, tmp_path):
    spec = make_spec("udp", ip_length=1500, packets=3000)
    path = str(tmp_path / "a.pcap")
    written = write_pcap(path, spec, build_templates(spec))
    summary = read_summary(path)
    assert (summary.packets, summary.bytes, summary.file_bytes, summary.sha256) == (
        written.packets,
        written.bytes,
        written.file_bytes,
        written.sha256,
    )
    assert summary.min_frame_length == summary.mean_frame_length == summary.max_frame_length == 1514


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        pytest.param(b"", "starts with nothing", id="empty"),
        pytest.param(b"\xd4\xc3", "starts with d4c3", id="two bytes"),
        pytest.param(b"#!/bin/sh\n", "is not a pcap file", id="a script"),
        pytest.param(b"\x1f\x8b\x08" + bytes(40), "is not a pcap file", id="gzip"),
        pytest.param(b"\x0a\x0d\x0d\x0a" + bytes(40), "is a pcapng file", id="pcapng"),
        pytest.param(header()[:23], "is truncated in its header", id="truncated header"),
        pytest.param(header(version=(2, 3)) + record(60), "version 2.3", id="old version"),
        pytest.param(header(linktype=101) + record(60), "link type 101", id="raw IP"),
        pytest.param(header(linktype=1 | 4 << 28 | 1 << 26) + record(64), "link type", id="frames with FCS"),
        pytest.param(header(), "holds no packet", id="no packet"),
        pytest.param(header() + record(60)[:-1], "is truncated in record 1 at byte 24", id="truncated frame"),
        pytest.param(
            header() + record(60) + record(60)[:15],
            "is truncated in record 2 at byte 100",
            id="truncated record header",
        ),
        pytest.param(header() + record(60, original=1514), "holds 60 of 1514 bytes", id="snapped"),
        pytest.param(header() + record(60, original=59), "holds 60 of 59 bytes", id="longer than the original"),
        pytest.param(header() + record(13), "a frame of 13 bytes in record 1", id="no Ethernet header"),
        pytest.param(header() + record(0), "a frame of 0 bytes", id="no bytes"),
        pytest.param(header() + record(60) + b"\xff" * 16, "a frame of 4294967295 bytes in record 2", id="all ones"),
        pytest.param(header() + record(262_145), "a frame of 262145 bytes", id="longer than any frame"),
        pytest.param(header(">") + record(60, "<"), "a frame of 1006632960 bytes", id="mixed byte order"),
    ],
)
def test_invalid_pcap_is_refused(data, rule, summary_of):
    with pytest.raises(PcapError) as caught:
        summary_of(data)
    assert rule in caught.value.rule
    assert caught.value.hint


def test_every_truncation_is_found(summary_of):
    whole = header() + record(60) + record(61)
    ends = {24 + 76}
    for size in range(len(whole)):
        if size in ends:
            assert summary_of(whole[:size]).packets == 1
        else:
            with pytest.raises(PcapError):
                summary_of(whole[:size])


def test_damage_to_any_byte_is_handled(summary_of):
    """The result is a summary or a PcapError, not another error or a hang."""
    whole = header() + b"".join(record(30) for _ in range(3))
    outcomes = set()
    for offset in range(len(whole)):
        for value in (0x00, 0x01, 0x1F, 0x7F, 0x80, 0xFF):
            data = bytearray(whole)
            data[offset] = value
            try:
                outcomes.add(summary_of(bytes(data)).packets)
            except PcapError:
                outcomes.add("refused")
    assert outcomes == {"refused", 3}


@pytest.mark.parametrize("name", ["missing", "folder", "pipe"])
def test_not_a_file(name, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PcapError, match=r"cannot be read: No such file|is not a regular file"):
        read_summary(str(tmp_path / name))
