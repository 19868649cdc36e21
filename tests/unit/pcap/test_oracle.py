"""Complete files of the reference set, byte for byte against Scapy's wrpcap.

Scapy needs at least half a minute of CPU time per file, so two files cover both protocols and both lengths here;
`make bench` compares all four.
"""

from __future__ import annotations

import filecmp
import hashlib

import pytest

from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap

REFERENCE_PACKETS = 64_511


@pytest.mark.parametrize(("protocol", "ip_length"), [("tcp", 64), ("udp", 1500)])
def test_reference_file_is_what_scapy_writes(protocol, ip_length, make_spec, oracle, tmp_path):
    spec = make_spec(protocol, ip_length=ip_length)
    ours = tmp_path / "ours.pcap"

    written = write_pcap(str(ours), spec, build_templates(spec))

    expected = oracle(spec)
    assert written.packets == REFERENCE_PACKETS
    assert len(expected) == written.file_bytes == 24 + REFERENCE_PACKETS * (16 + 14 + ip_length)
    assert filecmp.cmp(ours, tmp_path / "by_scapy.pcap", shallow=False)
    assert written.sha256 == hashlib.sha256(expected).hexdigest()
