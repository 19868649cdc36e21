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
        ({"benchmark_rates": [{"mode": "pps", "value": -5}]}, "benchmark_rates[0].value -5.0: must be a number"),
        ({"benchmark_cases": ["nope"]}, "benchmark_cases 'nope': is not one of pcaps_set. Known are tcp_port_"),
        ({"benchmark_sample_interval": 0}, "benchmark_sample_interval 0.0: must be a number above 0"),
        ({"benchmark_engines": ["kernle"]}, "benchmark_engines 'kernle': must be one of kernel, netmap"),
        (
            {
                "benchmark_witnesses": [SLOW_AGENT],
                "benchmark_snmp_short_trials": "refuse",
                "benchmark_snmp_credentials": {SLOW_AGENT["address"]: {"community": "public"}},
            },
            "benchmark_duration_paced 2.0: is shorter than 2 refreshes (30 s) of 192.0.2.9's counters",
        ),
        ({"pcaps_set": SHORT_FRAMES}, "pcaps_set[0].ip_length 20: must be 40 to 65535 bytes for tcp"),
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


def test_check_mode_shows_the_plan_although_no_host_is_reachable(play, tmp_path):
    # Nothing listens on this port.
    host = "ansible_host=127.0.0.1 ansible_port=1"
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(
        f"[senders]\ns1 {host} linerate_interface=lrs0 linerate_receiver=r1\n"
        f"[receivers]\nr1 {host} linerate_interface=lrr0\n[machines:children]\nsenders\nreceivers\n[lab]\n"
    )
    checked = play(
        "site.yml",
        "--check",
        "-i",
        str(inventory),
        benchmark_results_dir=str(tmp_path / "results"),
        benchmark_engines=["kernel"],
        benchmark_rates=[{"mode": "pps", "value": 2000}],
        benchmark_repeats=1,
        pcaps_set=[{"name": "u64", "protocol": "udp", "ip_length": 64}],
    )
    assert checked.rc != 0
    assert "001-u64-kernel-2000pps-r1: 10,000 packets" in checked.stdout
    assert "1 trials: 10,000 packets" in checked.stdout
