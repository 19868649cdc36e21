"""A known loss, injected by netem in the sender's kernel, is counted to the packet and attributed to the sender."""

from __future__ import annotations

import json

import pytest

PPS, SECONDS = 1000, 20
CASE = {"name": "udp_port_scan_64", "protocol": "udp", "ip_length": 64, "packets": 2000}
RUN = {
    "pcaps_set": [CASE],
    "benchmark_engines": ["kernel"],
    "benchmark_rates": [{"mode": "pps", "value": PPS}],
    "benchmark_duration_paced": SECONDS,
    "benchmark_repeats": 1,
    "benchmark_rate_tolerance_percent": 20,
    # Its packets would be lost and counted by netem, too.
    "benchmark_proof": False,
}


@pytest.mark.parametrize("percent", [0.1, 1, 10])
def test_reported_loss_is_the_count_of_netem(guests, ready, tmp_path, percent):
    lossy = guests("tests/vm/netem.yml", netem_percent=percent)
    assert lossy.rc == 0, lossy.stdout
    try:
        done = guests("playbooks/benchmark.yml", **{**ready, **RUN}, benchmark_results_dir=str(tmp_path / "results"))
    finally:
        drops = tmp_path / "drops"
        ended = guests("tests/vm/netem.yml", netem_drops_file=str(drops))
    assert ended.rc == 0, ended.stdout
    (line,) = (tmp_path / "results/latest/trials.jsonl").read_text().splitlines()
    trial = json.loads(line)
    # A run without a valid trial fails, when it is stored.
    assert (done.rc == 0) == trial["verdict"]["valid"], done.stdout
    injected, loss = int(drops.read_text()), trial["loss"]
    assert injected > 0
    assert trial["claim"]["successful"] == PPS * SECONDS
    assert loss["packets"] == pytest.approx(injected, rel=0.05)
    assert loss["where"] == "sender egress"
    assert loss["by_place"]["sender egress"] == injected
