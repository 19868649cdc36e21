"""One command turns a fresh guest into a verified sender, also after a reboot. The order of the tests matters.

Where the sources of the real netmap and tcpreplay are available, both are built and both engines send. With the
stand-in for netmap, tcpreplay is the distribution's, without netmap, and the kernel sends.
"""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.ci

# A busy emulated guest cannot pace precisely; this tests the send method, not the rate.
SHORT = {"benchmark_cases": ["tcp_port_scan_64"], "benchmark_rate_tolerance_percent": 20}


def test_site_provisions_a_fresh_guest_and_sends(guests, site, tmp_path):
    done = guests("site.yml", **site, benchmark_results_dir=str(tmp_path), **SHORT)
    assert done.rc == 0, done.stdout
    trials = [json.loads(line) for line in (tmp_path / "latest/trials.jsonl").read_text().splitlines()]
    assert {trial["engine"] for trial in trials} == set(site.get("benchmark_engines", ["kernel", "netmap", "xdp"]))
    for trial in trials:
        assert trial["verdict"]["valid"], trial["verdict"]
    # At top speed an emulated receiver loses frames.
    paced = [trial for trial in trials if trial["offered"]["mode"] == "pps"]
    assert paced
    for trial in paced:
        assert trial["witness"]["packets"] == trial["claim"]["successful"] == trial["offered"]["packets"]
    environment = json.loads((tmp_path / "latest/run.json").read_text())["environment"]
    assert {environment[end]["nic"]["driver"] for end in ("sender", "receiver")} == {"e1000"}
    assert {environment[end]["attachment"]["kind"] for end in ("sender", "receiver")} == {"emulated"}
    assert (tmp_path / "latest/report.html").exists()


def test_netmap_is_loaded_with_a_native_adapter(guests, netmap_source):
    assert_netmap(guests, netmap_source.commit)


def test_provisioning_is_idempotent(guests, site):
    again = guests("playbooks/provision.yml", **site)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_sender_passes_verification_after_a_reboot(guests, site, netmap_source):
    rebooted = guests("tests/vm/reboot.yml")
    assert rebooted.rc == 0, rebooted.stdout
    assert_netmap(guests, netmap_source.commit)
    verified = guests("playbooks/verify.yml", **site)
    assert verified.rc == 0, verified.stdout


def assert_netmap(guests, commit: str) -> None:
    """Assert that the build of ``commit`` is loaded and that the sending interface has the patched driver."""
    found = guests("tests/vm/netmap.yml", wanted_commit=commit)
    assert found.rc == 0, found.stdout
    assert re.search(r"ens4 is native: driver: e1000", found.stdout)
