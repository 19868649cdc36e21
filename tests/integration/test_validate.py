"""site.yml validates its input within seconds, before any host is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

# No agent answers at this address: it would be queried only after the hosts are set up.
SLOW_AGENT = {"kind": "snmp", "address": "192.0.2.9", "interface": "port2", "refresh_seconds": 30}
SHORT_FRAMES = [{"name": "tiny", "protocol": "tcp", "ip_length": 20}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"benchmark_rates": [{"mode": "pps", "value": -5}]}, "pps -5.0: must be a number above 0"),
        ({"benchmark_cases": ["nope"]}, "case 'nope': is not among the pcaps tcp_port_scan_64, "),
        ({"benchmark_sample_interval": 0}, "benchmark_sample_interval 0.0: must be a number above 0"),
        ({"benchmark_engines": ["kernle"]}, "engine 'kernle': must be one of kernel, netmap"),
        (
            {"benchmark_witnesses": [SLOW_AGENT], "benchmark_snmp_short_trials": "refuse"},
            "paced duration 5.0: is shorter than 2 refreshes (30 s) of 192.0.2.9's counters",
        ),
        ({"pcaps_set": SHORT_FRAMES}, "ip_length 20: must be 40 to 65535 bytes for tcp"),
    ],
)
def test_invalid_input_is_reported_before_any_host_is_changed(namespaces, play, tmp_path, given, message):
    refused = play("site.yml", benchmark_results_dir=str(tmp_path / "results"), **given)
    assert refused.rc != 0, refused.stdout
    # For a loop over pcaps, Ansible prints the error separately from its "One or more items failed".
    assert message in " ".join([*refused.failures, refused.stdout]).replace("\n", " ")
    # Neither the lab, which comes first, nor a pcap or a result exists.
    assert not list(Path("/run/netns").glob("linerate-*"))
    assert not Path("/var/lib/linerate/pcaps").exists()
    assert not (tmp_path / "results").exists()
