"""Which pcaps a run would send as they are."""

from __future__ import annotations

import hashlib

from linerate.trial.preflight import is_planned


def test_only_a_pcap_with_the_planned_checksum_is_sent_as_it_is(tmp_path):
    pcap = tmp_path / "a.pcap"
    assert not is_planned(str(pcap), None)
    assert not is_planned(str(pcap), "0" * 64)
    pcap.write_bytes(b"old")
    assert is_planned(str(pcap), None)
    assert is_planned(str(pcap), hashlib.sha256(b"old").hexdigest())
    assert not is_planned(str(pcap), hashlib.sha256(b"new").hexdigest())
