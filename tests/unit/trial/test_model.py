"""The trial: names of send methods, what a paced load is, and what the stored plan states."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trial_parts import TOP
from trial_records import EMULATED, KERNEL, NATIVE, bench, planned, trial

from linerate.pcap.convert import Capture, ensure_converted
from linerate.pcap.manifest import ensure
from linerate.pcap.rewrite import Rewrite
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_templates
from linerate.trial.model import Case, LineRate, Offered, SendMethod

MANIFEST = {
    "path": "/p/a.pcap",
    "sha256": "ab" * 32,
    "packets": 10,
    "mean_frame_length": 100.5,
    "min_frame_length": 60,
    "max_frame_length": 1514,
    "destinations": ["198.19.0.1", "2001:2::1"],
    "vlan_id": 12,
    "vlan_tags": 2,
    "duration_seconds": 1.5,
    "further": "keys",
}


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (KERNEL, "kernel"),
        (NATIVE, "netmap-native"),
        (EMULATED, "netmap-emulated"),
        (SendMethod("kernel", processes=4), "kernel-x4"),
        (SendMethod("netmap", "native", 2), "netmap-native-x2"),
    ],
)
def test_the_name_of_a_send_method(method, name):
    assert method.name == name


def test_a_case_is_read_from_the_manifest_of_its_pcap():
    assert Case.of_manifest("a", MANIFEST) == Case(
        "a", "/p/a.pcap", "ab" * 32, 10, 100.5, 60, 1514, ("198.19.0.1", "2001:2::1"), 12, 2, 1.5
    )


def test_the_manifest_of_every_pcap_makes_a_case(tmp_path):
    """Of a port scan and of a capture with a tag, in two directions."""
    spec = PcapSpec("udp", "02:00:00:00:00:01", "02:00:00:00:00:02", vlan=12, packets=5)
    path = str(tmp_path / "a.pcap")
    scan = ensure(path, spec, build_templates(spec)).manifest
    made = Case.of_manifest("a", {**scan.to_json(), "path": path})
    assert (made.destinations, made.vlan_id, made.vlan_tags, made.pcap_seconds) == (("198.19.0.1",), 12, 1, 4e-6)
    capture = Capture(path, Rewrite.of({"ip": {"198.19.0.1": "198.19.0.9"}, "vlan": 7}))
    converted = ensure_converted(str(tmp_path / "b.pcap"), capture).manifest
    again = Case.of_manifest("b", {**converted.to_json(), "path": path})
    assert (again.destinations, again.vlan_id, again.vlan_tags, again.pcap_seconds) == (("198.19.0.9",), 7, 1, 4e-6)


def test_only_a_load_of_a_fixed_number_of_packets_is_paced():
    paced = Offered("mbps", 5.0, 8012.8, 40_064, 5.0, 21.25)
    assert paced.paced_pps == 8012.8
    assert replace(paced, packets=None).paced_pps is None
    assert TOP.paced_pps is None


def test_the_plan_in_run_json_leaves_out_what_the_run_states_once():
    stated = planned(NATIVE).planned()
    assert list(stated) == [
        "sequence", "trial_id", "repeat", "case", "method", "offered", "predicted_pps", "estimated_seconds",
    ]  # fmt: skip
    assert stated["method"] == {"engine": "netmap", "adapter": "native", "processes": 1}
    assert stated["case"]["pcap_packets"] == 64_511


def test_the_line_rate_of_a_trial_is_that_of_its_bench():
    assert trial(bench=bench(line_rate=LineRate(1e9, "given"))).line_rate_bps == 1e9
