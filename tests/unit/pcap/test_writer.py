"""The writer against Scapy on small files with edge cases, and with a full disk."""

from __future__ import annotations

import hashlib
import os
import resource
import struct
import subprocess
import sys

import pytest

from linerate.errors import HostError, InputError
from linerate.pcap import writer
from linerate.pcap.template import build_templates
from linerate.pcap.writer import predict_pcap, write_pcap

FIRST_CHECKSUM_IN_FILE = {"tcp": 24 + 16 + 14 + 20 + 16, "udp": 24 + 16 + 14 + 20 + 6}


IPV6 = {"src_ip": "2001:2::1", "dst_ip": "2001:2:0:1::1"}


@pytest.fixture(params=[writer.BLOCK_BYTES, 700], ids=["one block", "many blocks"])
def block_of_records(request, monkeypatch):
    """Small files fit in one block; with small blocks they cover the block boundaries."""
    monkeypatch.setattr(writer, "BLOCK_BYTES", request.param)


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"vlan": 0}, id="priority tag"),
        pytest.param({"vlan": 4094, "ip_length": 1500}, id="highest VLAN"),
        pytest.param({"ip_length": 41}, id="odd length"),
        pytest.param({"ip_length": 1471, "payload": "a5b6c7"}, id="odd pattern, cut"),
        pytest.param({"payload": "FFff"}, id="all ones"),
        pytest.param(
            {"src_ip": "10.0.0.1", "dst_ip": "10.255.255.254", "ttl": 255, "source_port": 65535}, id="other hosts"
        ),
        pytest.param({"first_port": 1, "last_port": 30}, id="lowest ports"),
        pytest.param({"first_port": 65506, "last_port": 65535}, id="highest ports"),
        pytest.param({"first_port": 250, "last_port": 260}, id="carry into the high byte"),
        pytest.param({"first_port": 7, "last_port": 7, "packets": 30}, id="one port repeated"),
        pytest.param({"first_port": 1000, "last_port": 1006, "packets": 30}, id="ports repeated"),
        pytest.param({"ip_length": 65535, "packets": 3}, id="longest packet"),
        pytest.param({"frame_length": 64}, id="shortest frame"),
        pytest.param({"frame_length": 1518, "vlan": 7}, id="frame length with a tag"),
        pytest.param({"frame_length": 9018, "packets": 5}, id="jumbo frame"),
        pytest.param({"vlan": 5, "outer_vlan": 4094, "frame_length": 128}, id="QinQ"),
        pytest.param({**IPV6, "vlan": 9, "ttl": 3}, id="IPv6"),
        pytest.param({**IPV6, "frame_length": 129, "vlan": 1, "outer_vlan": 0, "ttl": 1}, id="IPv6 in QinQ"),
        pytest.param({"dst_ip": "198.19.0.0/29"}, id="destinations"),
        pytest.param({"src_ip": "10.0.255.0/24", "dst_ip": "198.19.0.0/31", "flows": 27}, id="both addresses"),
        pytest.param({"src_ip": "10.255.255.248/29", "dst_ip": "10.0.0.0/8"}, id="carry into other words"),
        pytest.param({"source_port": 65533, "last_source_port": 65535, "last_port": 1030}, id="both ports"),
        pytest.param({"last_source_port": 65535, "last_port": 1024, "flows": 4, "packets": 31}, id="flows repeated"),
        pytest.param({"flows": 1}, id="one flow"),
        pytest.param({**IPV6, "dst_ip": "2001:2::ffff:fff0/125", "flows": 9}, id="IPv6 destinations"),
        pytest.param({**IPV6, "src_ip": "2001:2::/64", "dst_ip": "2001:2:1::/127"}, id="IPv6 networks"),
        pytest.param({"payload": "random"}, id="random payload"),
        pytest.param({"payload": "random", "seed": 99, "frame_length": 255}, id="odd random payload"),
        pytest.param({"payload": "random", "ip_length": 40}, id="shortest random payload"),
        pytest.param({"payload": "random", "flows": 1, **IPV6, "frame_length": 100}, id="only payloads differ"),
        pytest.param({"imix": {64: 7, 594: 4, 1518: 1}}, id="IMIX"),
        pytest.param({"imix": {64: 7, 594: 4, 1518: 1}, "flows": 6, "payload": "random"}, id="IMIX, random payload"),
        pytest.param({"imix": {70: 2, 100: 4}, "packets": 2}, id="less than one IMIX cycle"),
        pytest.param({"streams": [{"dst_ip": "198.19.1.1"}, {"frame_length": 200, "vlan": 3}]}, id="two streams"),
        pytest.param(
            {
                "imix": {78: 2, 594: 1},
                "payload": "random",
                "streams": [
                    {"protocol": "udp", "flows": 5},
                    {"imix": {128: 1, 256: 1}, "dst_ip": "198.19.0.0/28", "dst_mac": "02:00:00:00:00:03"},
                    {**IPV6, "ip_length": 61, "payload": "ab", "vlan": 1, "outer_vlan": 2},
                ],
            },
            id="three different streams",
        ),
    ],
)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.usefixtures("block_of_records")
def test_small_file_is_what_scapy_writes(protocol, parameters, make_spec, oracle, ours):
    spec = make_spec(protocol, **{"packets": 30, **parameters})

    data, written = ours(spec)

    assert data == oracle(spec)
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    assert written.file_bytes == len(data)
    assert predict_pcap(spec, build_templates(spec)) == written


@pytest.mark.parametrize("distance", [0, 1, 5])
@pytest.mark.parametrize(("protocol", "on_the_wire"), [("udp", 0xFFFF), ("tcp", 0)])
def test_checksum_of_zero(protocol, on_the_wire, distance, make_spec, oracle, ours):
    """The file starts ``distance`` ports before the one whose checksum is 0, and ends after it."""
    # A port that is higher by n lowers the checksum by n: the source port brings it close enough to 0.
    one_packet = oracle(make_spec(protocol, source_port=1, packets=1))
    (checksum,) = struct.unpack_from(">H", one_packet, FIRST_CHECKSUM_IN_FILE[protocol])
    zero_port = 1024 + 2000
    source_port = (checksum + 1 - 2000) % 0xFFFF
    spec = make_spec(protocol, source_port=source_port, first_port=zero_port - distance, packets=distance + 4)

    data, _ = ours(spec)

    record = 16 + spec.cycle[0]
    (written,) = struct.unpack_from(">H", data, FIRST_CHECKSUM_IN_FILE[protocol] + distance * record)
    assert written == on_the_wire
    assert data == oracle(spec)


def test_reference_udp_set_has_the_checksum_of_zero(make_spec, ours):
    """The comparison of complete files therefore covers this case."""
    spec = make_spec("udp")
    data, _ = ours(spec)
    offsets = range(FIRST_CHECKSUM_IN_FILE["udp"], len(data), 16 + spec.cycle[0])
    found = [struct.unpack_from(">H", data, offset)[0] for offset in offsets]
    assert found.count(0xFFFF) == 1
    assert 0 not in found


def test_times_continue_after_a_second(make_spec, ours):
    spec = make_spec("udp", ip_length=28, packets=1_000_003)
    data, _ = ours(spec)
    record = 16 + spec.cycle[0]
    times = [struct.unpack_from("<II", data, 24 + number * record) for number in range(999_998, 1_000_003)]
    assert times == [(0, 999_998), (0, 999_999), (1, 0), (1, 1), (1, 2)]


def test_memory_does_not_grow_with_the_file(tmp_path):
    """A process that writes 280 MB grows by less than 40 MB after its imports."""
    program = """
import resource, sys
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap
spec = PcapSpec("tcp", "02:00:00:00:00:01", "02:00:00:00:00:02", packets=3_000_000)
templates = build_templates(spec)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert write_pcap(sys.argv[1], spec, templates).file_bytes > 280_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    argv = [sys.executable, "-c", program, str(tmp_path / "big.pcap")]
    grown_kib = int(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    assert grown_kib < 40 * 1024


@pytest.fixture
def full_disk():
    """Files are limited to 100,000 bytes, so that a write fails midway as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
def test_full_disk_leaves_only_the_old_file(make_spec, tmp_path):
    spec = make_spec()
    target = tmp_path / "a.pcap"
    target.write_bytes(b"the old file")

    with pytest.raises(HostError, match=r"a\.pcap': cannot be written: File too large"):
        write_pcap(str(target), spec, build_templates(spec))

    assert target.read_bytes() == b"the old file"
    assert os.listdir(tmp_path) == ["a.pcap"]


def test_interruption_leaves_only_the_old_file(make_spec, tmp_path, monkeypatch):
    spec = make_spec()
    target = tmp_path / "a.pcap"
    target.write_bytes(b"the old file")

    def interrupted(_spec, _templates):
        yield b"the beginning"
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "parts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_pcap(str(target), spec, build_templates(spec))

    assert target.read_bytes() == b"the old file"
    assert os.listdir(tmp_path) == ["a.pcap"]


def test_missing_folder(make_spec, tmp_path):
    spec = make_spec()
    with pytest.raises(HostError, match="No such file or directory"):
        write_pcap(str(tmp_path / "none" / "a.pcap"), spec, build_templates(spec))


@pytest.mark.parametrize("name", ["folder", "pipe"])
def test_only_a_regular_file_is_replaced(name, make_spec, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    spec = make_spec()
    with pytest.raises(InputError, match="is not a regular file"):
        write_pcap(str(tmp_path / name), spec, build_templates(spec))
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_symbolic_link_is_kept(make_spec, tmp_path):
    spec = make_spec(packets=2)
    link = tmp_path / "link.pcap"
    link.symlink_to("real.pcap")
    written = write_pcap(str(link), spec, build_templates(spec))
    assert link.is_symlink()
    assert (tmp_path / "real.pcap").stat().st_size == written.file_bytes


def test_others_may_read_the_file(make_spec, tmp_path):
    spec = make_spec(packets=2)
    write_pcap(str(tmp_path / "a.pcap"), spec, build_templates(spec))
    assert (tmp_path / "a.pcap").stat().st_mode & 0o777 == 0o644
