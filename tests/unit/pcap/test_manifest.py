"""A pcap is written once, and again only if its parameters differ or it is damaged."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from linerate.errors import HostError, InputError, PcapError
from linerate.pcap.manifest import ensure, manifest_path, read_manifest
from linerate.pcap.template import build_templates


@pytest.fixture
def pcap(tmp_path, make_spec):
    """Ensure a small pcap, with changed parameters where given."""

    class Pcap:
        path = str(tmp_path / "a.pcap")
        manifest = str(tmp_path / "a.pcap.json")

        def ensure(self, check=False, **given):
            spec = make_spec(**{"packets": 100, **given})
            return ensure(self.path, spec, build_templates(spec), check=check)

    return Pcap()


def test_second_run_changes_nothing(pcap):
    first = pcap.ensure()
    inode = os.stat(pcap.path).st_ino
    second = pcap.ensure()
    assert (first.changed, second.changed) == (True, False)
    assert (first.reason, second.reason) == ("the pcap did not exist", "")
    assert second.manifest == first.manifest
    assert os.stat(pcap.path).st_ino == inode


def test_manifest_describes_the_file(pcap):
    manifest = pcap.ensure(ip_length=1500, packets=250, first_port=1, last_port=100).manifest
    with open(pcap.path, "rb") as stream:
        data = stream.read()
    assert read_manifest(pcap.path) == manifest
    assert manifest.sha256 == hashlib.sha256(data).hexdigest()
    assert manifest.file_bytes == len(data)
    assert (manifest.packets, manifest.flows, manifest.bytes) == (250, 100, 250 * 1514)
    lengths = [manifest.min_frame_length, manifest.mean_frame_length, manifest.max_frame_length]
    assert lengths == [1514, 1514, 1514]
    assert manifest.parameters["ip_length"] == 1500


@pytest.mark.parametrize(
    ("ip_length", "speed", "pps", "pcap_mbps"),
    [(64, "10G", 12_254_902, 7_647.06), (1500, "10G", 812_744, 9_843.95), (64, "25G", 30_637_255, 19_117.65)],
)
def test_predicted_rates_are_line_rate(ip_length, speed, pps, pcap_mbps, pcap):
    predicted = pcap.ensure(ip_length=ip_length).manifest.predicted
    assert sorted(predicted) == ["10G", "1G", "25G", "40G"]
    assert predicted[speed]["pps"] == pytest.approx(pps, abs=1)
    assert predicted[speed]["pcap_bps"] / 1e6 == pytest.approx(pcap_mbps, abs=0.01)
    assert predicted[speed]["l1_bps"] == pytest.approx(int(speed[:-1]) * 1e9)


@pytest.mark.parametrize(
    "change",
    [{"ip_length": 65}, {"packets": 99}, {"dst_mac": "02:00:00:00:00:09"}, {"vlan": 1}, {"ttl": 9}, {"payload": "01"}],
)
def test_other_parameters_write_the_pcap_again(change, pcap):
    before = pcap.ensure().manifest
    result = pcap.ensure(**change)
    assert (result.changed, result.before) == (True, before)
    assert "differs" in result.reason
    assert result.manifest.sha256 != before.sha256


def test_other_template_writes_the_pcap_again(pcap, make_spec):
    """A newer Scapy may build another first frame from the same parameters."""
    pcap.ensure()
    with open(pcap.manifest, encoding="utf-8") as stream:
        manifest = json.load(stream)
    manifest["template_sha256"] = "0" * 64
    with open(pcap.manifest, "w", encoding="utf-8") as stream:
        json.dump(manifest, stream)
    assert pcap.ensure().reason == "the manifest differs in template_sha256"


def flip_a_byte(path):
    with open(path, "r+b") as stream:
        stream.seek(5000)
        byte = stream.read(1)
        stream.seek(5000)
        stream.write(bytes([byte[0] ^ 1]))


def cut(path):
    os.truncate(path, 100)


def write(text):
    def damage(path):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)

    return damage


@pytest.mark.parametrize(
    ("which", "damage", "reason"),
    [
        ("path", flip_a_byte, "the pcap is damaged"),
        ("path", cut, "the pcap is damaged"),
        ("path", os.unlink, "the pcap did not exist"),
        ("manifest", os.unlink, "cannot be read: No such file"),
        ("manifest", cut, "is not JSON"),
        ("manifest", write("[]"), "is not of schema linerate-pcap/1"),
        ("manifest", write("[" * 100_000), "is not JSON"),
        ("manifest", write('{"schema": "linerate-pcap/0"}'), "is not of schema linerate-pcap/1"),
        (
            "manifest",
            write('{"schema": "linerate-pcap/1"}'),
            "schema linerate-pcap/1 (parameters, template_sha256",
        ),
    ],
)
def test_damage_is_repaired_and_reported(which, damage, reason, pcap):
    first = pcap.ensure()
    damage(getattr(pcap, which))
    result = pcap.ensure()
    assert result.changed
    assert reason in result.reason
    assert result.manifest == first.manifest
    assert not pcap.ensure().changed


def test_check_predicts_and_writes_nothing(pcap, tmp_path):
    predicted = pcap.ensure(check=True)
    assert predicted.changed
    assert os.listdir(tmp_path) == []
    assert pcap.ensure().manifest == predicted.manifest
    assert not pcap.ensure(check=True).changed


@pytest.mark.parametrize("check", [True, False])
def test_folder_is_refused(check, pcap):
    os.mkdir(pcap.path)
    with pytest.raises(InputError, match="is not a regular file"):
        pcap.ensure(check=check)


def test_unwritable_folder_is_one_clear_error(make_spec, tmp_path):
    spec = make_spec()
    with pytest.raises(HostError, match=r"cannot be written: .*Make .* a writable folder"):
        ensure(str(tmp_path / "none" / "a.pcap"), spec, build_templates(spec))


def test_no_manifest(tmp_path):
    with pytest.raises(PcapError, match="cannot be read"):
        read_manifest(str(tmp_path / "a.pcap"))
    assert manifest_path("a.pcap") == "a.pcap.json"
