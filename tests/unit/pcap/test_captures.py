"""Captures as people bring them: what the reader says of each, and what the conversion makes of it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linerate.errors import PcapError
from linerate.pcap.convert import Capture, ensure_converted
from linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from linerate.pcap.reader import read_summary
from linerate.pcap.rewrite import Rewrite

RECEIVER, SENDER = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")
ALLOWED = AllowedDestinations([*BENCHMARK_NETWORKS, "02:00:00:00:00:02"])
HERE, ELSEWHERE = bytes([198, 19, 0, 1]), bytes([8, 8, 8, 8])
IPV4 = b"\x08\x00"


def packet(length=22, to=HERE):
    """An IPv4 packet with a UDP datagram of ``length`` bytes."""
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + length, 1, 0, 64, 17, 0, bytes([198, 18, 0, 1]), to)
    total = sum(struct.unpack(">10H", header))
    checksum = ~((total >> 16) + (total & 0xFFFF)) & 0xFFFF
    header = header[:10] + struct.pack(">H", checksum) + header[12:]
    return header + struct.pack(">HHHH", 5000, 5001, 8 + length, 0) + bytes(length)


def frame(between=IPV4, **given):
    return RECEIVER + SENDER + between + packet(**given)


FINE = frame()
FIVE = [(0, number, FINE) for number in range(5)]


def pcap(records, order="<", magic=0xA1B2C3D4, **other):
    """``records`` are seconds, fraction, data, and the original length where it is another."""
    linktype, version = other.get("linktype", 1), other.get("version", (2, 4))
    further, tail = other.get("further", b""), other.get("tail", b"")
    data = struct.pack(f"{order}IHHIIII", magic, *version, 0, 0, 65_535, linktype)
    for seconds, fraction, captured, *original in records:
        lengths = len(captured), original[0] if original else len(captured)
        data += struct.pack(f"{order}IIII", seconds, fraction, *lengths) + further + captured
    return data + tail


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order="<", linktype=1, options=b"", snap_length=65_535):
    return block(1, struct.pack(f"{order}HHI", linktype, 0, snap_length) + options, order)


def enhanced(time, data, order="<", which=0, original=None):
    lengths = len(data), len(data) if original is None else original
    return block(6, struct.pack(f"{order}IIIII", which, time >> 32, time & 0xFFFFFFFF, *lengths) + data, order)


def option(code, value, order="<"):
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


VLAN = pcap([(0, 0, frame(b"\x81\x00\x00\x05" + IPV4))])
PCAPNG = section() + interface() + enhanced(1_000_000, FINE) + enhanced(1_500_000, FINE)


class Sent(NamedTuple):
    """The packets that are sent, their bytes and their duration in seconds."""

    packets: int
    bytes: int
    seconds: float = 0.0


GO = "go as they are"
CASES = {
    # name: (the file, what the reader says, what the conversion says or makes of it)
    "gaps": (pcap([(0, 0, FINE), (0, 500_000, FINE), (5, 500_000, FINE), (6, 0, FINE)]), GO, Sent(4, 256, 6.0)),
    "a gap of years": (pcap([(0, 0, FINE), (1_700_000_000, 0, FINE)]), GO, Sent(2, 128, 1.7e9)),
    "a step back": (pcap([(100, 0, FINE), (50, 0, FINE), (100, 1, FINE)]), GO, Sent(3, 192, 1e-6)),
    "big-endian": (pcap(FIVE, ">"), GO, Sent(5, 320, 4e-6)),
    "nanoseconds": (pcap([(0, n * 1000, FINE) for n in range(5)], magic=0xA1B23C4D), GO, Sent(5, 320, 4e-6)),
    "nanoseconds, big-endian": (
        pcap([(0, n * 1000, FINE) for n in range(5)], ">", 0xA1B23C4D),
        GO,
        Sent(5, 320, 4e-6),
    ),
    "modified": (pcap(FIVE, magic=0xA1B2CD34, further=bytes(8)), "is not a pcap file", Sent(5, 320, 4e-6)),
    "Ixia's": (pcap(FIVE, magic=0x1C0001AC), "is not a pcap file", "is not a pcap or pcapng file"),
    "version 2.3": (pcap(FIVE, version=(2, 3)), "format version 2.3", "Convert it: tcprewrite"),
    "Linux cooked": (
        pcap([(0, 0, bytes(14) + IPV4 + packet())], linktype=113),
        "link type 113",
        "link type 113 (Linux cooked), packets without Ethernet addresses. Set both MACs",
    ),
    "Linux cooked 2": (pcap([(0, 0, IPV4 + bytes(18) + packet())], linktype=276), "link type 276", "version 2)"),
    "raw IP": (pcap([(0, 0, packet())], linktype=101), "link type 101", "link type 101 (raw IP)"),
    "loopback": (pcap([(0, 0, b"\x02\0\0\0" + packet())], linktype=0), "link type 0", "(loopback of BSD)"),
    "radio": (pcap([(0, 0, bytes(40))], linktype=127), "link type 127", "which is not Ethernet"),
    "USB": (pcap([(0, 0, bytes(64))], linktype=220), "link type 220", "which is not Ethernet"),
    "with FCS": (
        pcap([(0, 0, FINE + b"\1\2\3\4")], linktype=1 | 0x04000000 | 2 << 28),
        "link type",
        Sent(1, 64),
    ),
    "captured more than original": (
        pcap([(0, 0, FINE), (0, 1, FINE + bytes(16), len(FINE))]),
        "holds 80 of 64 bytes of the frame in record 2 at byte 104. What captured it has added bytes",
        Sent(2, 128, 1e-6),
    ),
    "truncated": (
        pcap([(0, 0, FINE[:48], 1514)]),
        "holds 48 of 1514 bytes of the frame in record 1 at byte 24. Capture complete frames",
        "holds 48 of 1,514 bytes of packet 1. Pad the packets: tcprewrite --fixlen=pad",
    ),
    "a frame of no bytes": (pcap([(0, 0, FINE), (0, 1, b"")]), "a frame of 0 bytes", "has 0 bytes in packet 2"),
    "a runt": (pcap([(0, 0, RECEIVER + SENDER + b"\x88\xb5" + bytes(6))]), GO, Sent(1, 20)),
    "a jumbo frame": (pcap([(0, 0, frame(length=8972))]), GO, Sent(1, 9014)),
    "a TSO segment": (pcap([(0, 0, frame(length=65_000))]), GO, Sent(1, 65_042)),
    "VLAN": (VLAN, GO, Sent(1, 68)),
    "QinQ": (pcap([(0, 0, frame(b"\x88\xa8\x00\x05\x81\x00\x00\x06" + IPV4))]), GO, Sent(1, 72)),
    "0x9200 elsewhere": (
        pcap([(0, 0, frame(b"\x92\x00\x00\x05" + IPV4, to=ELSEWHERE))]),
        "packet 1 goes to 8.8.8.8",
        Sent(1, 68),
    ),
    "MPLS elsewhere": (
        pcap([(0, 0, frame(b"\x88\x47\x00\x01\x01\x40", to=ELSEWHERE))]),
        "packet 1 goes to 8.8.8.8",
        Sent(1, 68),
    ),
    "PPPoE elsewhere": (
        pcap([(0, 0, frame(b"\x88\x64\x11\x00\x00\x01\x00\x34\x00\x21", to=ELSEWHERE))]),
        "packet 1 goes to 8.8.8.8",
        Sent(1, 72),
    ),
    "SNAP elsewhere": (
        pcap([(0, 0, frame(struct.pack(">H", 58) + b"\xaa\xaa\x03\0\0\0" + IPV4, to=ELSEWHERE))]),
        "packet 1 goes to 8.8.8.8",
        Sent(1, 72),
    ),
    "broadcast ARP": (
        pcap([(0, 0, b"\xff" * 6 + SENDER + b"\x08\x06" + bytes(46))]),
        "goes to the MAC ff:ff:ff:ff:ff:ff",
        Sent(1, 60),
    ),
    "multicast": (
        pcap([(0, 0, b"\x33\x33\0\0\0\x16" + SENDER + b"\x86\xdd" + bytes(60))]),
        "goes to the MAC 33:33:00:00:00:16",
        Sent(1, 74),
    ),
    "garbage at the end": (pcap(FIVE, tail=bytes(7)), "truncated in record 6", "ends within packet 6. Keep the pack"),
    "two files in one": (pcap(FIVE, tail=pcap(FIVE)), "record 6", "packet 6"),
    "zeros at the end": (pcap(FIVE, tail=bytes(4096)), "a frame of 0 bytes in record 6", "0 bytes in packet 6"),
    "microseconds beyond a second": (
        pcap([(0, 1_500_000, FINE), (0, 1_500_001, FINE)]),
        GO,
        Sent(2, 128, 1e-6),
    ),
    "gzip": (gzip.compress(VLAN), "it is compressed (gzip). Convert it: linerate pcap --from", Sent(1, 68)),
    "bzip2": (bz2.compress(VLAN), "it is compressed (bzip2)", Sent(1, 68)),
    "xz": (lzma.compress(VLAN), "it is compressed (xz)", Sent(1, 68)),
    "Zstandard": (b"\x28\xb5\x2f\xfd" + bytes(9), "it is compressed (Zstandard)", "Decompress it: zstd -d"),
    "half a gzip": (gzip.compress(pcap(FIVE))[:-12], "it is compressed (gzip)", "is compressed and damaged"),
    "gzip in name only": (b"\x1f\x8b" + bytes(40), "it is compressed (gzip)", "is compressed and damaged"),
    "pcapng": (PCAPNG, "is a pcapng file. Convert it", Sent(2, 128, 0.5)),
    "pcapng without packets": (section() + interface(), "is a pcapng file", "holds no packet"),
    "pcapng, big-endian": (
        section(">") + interface(">") + enhanced(7, FINE, ">") + enhanced(9, FINE, ">"),
        "is a pcapng file",
        Sent(2, 128, 2e-6),
    ),
    "pcapng, nanoseconds": (
        section() + interface(options=option(9, b"\x09")) + enhanced(10**18, FINE) + enhanced(10**18 + 3000, FINE),
        "is a pcapng file",
        Sent(2, 128, 3e-6),
    ),
    "pcapng, 1024ths": (
        section() + interface(options=option(9, b"\x8a")) + enhanced(1024, FINE) + enhanced(1536, FINE),
        "is a pcapng file",
        Sent(2, 128, 0.5),
    ),
    "pcapng, an offset, FCS and another section": (
        section()
        + interface(options=option(14, struct.pack("<q", 10)) + option(13, b"\x04"))
        + enhanced(0, FINE + b"\1\2\3\4")
        + block(0x0BAD, bytes(9))
        + section(">")
        + interface(">")
        + enhanced(11_000_000, FINE, ">"),
        "is a pcapng file",
        Sent(2, 128, 1.0),
    ),
    "pcapng, simple packets": (
        section() + interface() + block(3, struct.pack("<I", len(FINE)) + FINE),
        "is a pcapng file",
        Sent(1, 64),
    ),
    "pcapng, truncated packet": (
        section() + interface() + enhanced(0, FINE, original=1514),
        "is a pcapng file",
        "holds 64 of 1,514 bytes of packet 1",
    ),
    "pcapng, USB": (
        section() + interface(linktype=220) + enhanced(0, FINE),
        "is a pcapng file",
        "link type 220 in packet 1",
    ),
    "pcapng, cut": (PCAPNG[:-5], "is a pcapng file", "ends within packet 2"),
    "pcapng, no interface": (section() + enhanced(0, FINE), "is a pcapng file", "is damaged after packet 0"),
    "snoop": (b"snoop\0\0\0" + struct.pack(">II", 2, 4), "is not a pcap file", "is not a pcap or pcapng file"),
    "text": (b"10:00:00.000000 IP 198.18.0.1.5000 > ", "is not a pcap file", "is not a pcap or pcapng file"),
    "empty": (b"", "starts with nothing", "starts with nothing"),
    "a header alone": (pcap([]), "holds no packet", "holds no packet"),
    "half a header": (pcap([])[:20], "is truncated in its header", "ends within its header"),
    "a length of 4 GB": (pcap(FIVE, tail=b"\xff" * 16), "4294967295 bytes", "4,294,967,295 bytes"),
}


@pytest.fixture
def capture(request, tmp_path):
    path = tmp_path / "in.pcap"
    path.write_bytes(CASES[request.param][0])
    return str(path)


def answers(column, kind):
    """The names of the cases whose answer is of this kind, and the answers."""
    found = {name: case[column] for name, case in CASES.items() if isinstance(case[column], kind)}
    return pytest.mark.parametrize(("capture", "answer"), found.items(), ids=found, indirect=["capture"])


@answers(1, str)
def test_what_the_reader_says(capture, answer):
    if answer == GO:
        read_summary(capture, ALLOWED)
        return
    with pytest.raises(PcapError) as refused:
        read_summary(capture, ALLOWED)
    assert answer in str(refused.value)


@answers(2, str)
def test_a_capture_that_cannot_be_sent_is_refused_and_nothing_is_written(capture, answer, tmp_path):
    for check in (True, False):
        with pytest.raises(PcapError) as refused:
            ensure_converted(str(tmp_path / "out.pcap"), Capture(capture, Rewrite()), check)
        assert answer in str(refused.value)
        assert [path.name for path in tmp_path.iterdir()] == ["in.pcap"]


@answers(2, Sent)
def test_a_capture_is_converted_to_what_the_reader_accepts(capture, answer, tmp_path):
    out = tmp_path / "out.pcap"
    predicted = ensure_converted(str(out), Capture(capture, Rewrite()), check=True)
    assert not out.exists()
    made = ensure_converted(str(out), Capture(capture, Rewrite()))
    manifest = made.manifest
    assert (predicted, made.changed, made.reason) == (made, True, "the pcap did not exist")
    assert Sent(manifest.packets, manifest.bytes, manifest.duration_seconds) == answer
    summary = read_summary(str(out))
    for name in ("packets", "bytes", "sha256", "file_bytes", "min_frame_length", "max_frame_length"):
        assert getattr(summary, name) == getattr(manifest, name), name
    assert not ensure_converted(str(out), Capture(capture, Rewrite())).changed


@pytest.mark.parametrize("capture", ["Linux cooked", "Linux cooked 2", "raw IP", "loopback"], indirect=True)
def test_both_macs_make_a_missing_header(capture, tmp_path):
    out = tmp_path / "out.pcap"
    rewrite = Rewrite.of({"dst_mac": "02:00:00:00:00:02", "src_mac": "02:00:00:00:00:01"})
    ensure_converted(str(out), Capture(capture, rewrite))
    assert out.read_bytes()[40:] == FINE
    assert read_summary(str(out), ALLOWED).packets == 1


CHANGES = st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(CASES)), CHANGES, st.integers(0, 400))
def test_damage_is_refused_or_converted(tmp_path_factory, name, changes, cut):
    """The result is a manifest or a PcapError, not another error, also where everything is rewritten."""
    data = bytearray(CASES[name][0])
    for at, value in changes:
        if at < len(data):
            data[at] = value
    path = tmp_path_factory.mktemp("damaged", numbered=True) / "in.pcap"
    path.write_bytes(data[: len(data) - cut] if cut < 50 else data)
    macs = {"dst_mac": "02:00:00:00:00:02", "src_mac": "02:00:00:00:00:01"}
    rewrite = Rewrite.of({**macs, "ip": {"198.18.0.0/15": "10.18.0.0/15"}, "vlan": 3})
    with suppress(PcapError):
        manifest = ensure_converted(f"{path}.out", Capture(str(path), rewrite), check=True).manifest
        assert manifest.packets > 0
