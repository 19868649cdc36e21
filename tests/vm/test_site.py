"""A fresh guest becomes a verified sender by one command, and stays one. The tests stand in the order of the story.

With the true netmap and tcpreplay's source at hand all is built and both engines send; with the stand-in for netmap
tcpreplay is the distribution's, which knows no netmap, and the kernel sends.
"""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.ci

# The clock of a busy emulated guest does not pace well; what is tested here is the way, not the rate.
SHORT = {"benchmark_cases": ["tcp_port_scan_64"], "benchmark_rate_tolerance_percent": 20}


def test_one_command_makes_a_sender_of_a_fresh_guest_and_sends(guests, site, tmp_path):
    done = guests("site.yml", **site, benchmark_results_dir=str(tmp_path), **SHORT)
    assert done.rc == 0, done.stdout
    trials = [json.loads(line) for line in (tmp_path / "latest/trials.jsonl").read_text().splitlines()]
    assert {trial["engine"] for trial in trials} == set(site.get("benchmark_engines", ["kernel", "netmap"]))
    for trial in trials:
        assert trial["verdict"]["valid"], trial["verdict"]
    # At top speed an emulated receiver loses frames.
    paced = [trial for trial in trials if trial["offered"]["mode"] == "pps"]
    assert paced
    for trial in paced:
        assert trial["witness"]["packets"] == trial["claim"]["successful"] == trial["offered"]["packets"]
    environment = json.loads((tmp_path / "latest/run.json").read_text())["environment"]
    assert {environment[end]["nic"]["driver"] for end in ("sender", "receiver")} == {"e1000"}
    assert (tmp_path / "latest/report.html").exists()


def test_netmap_is_loaded_and_its_adapter_known(guests, netmap_source):
    expect_netmap(guests, netmap_source.commit)


def test_a_second_run_changes_nothing(guests, site):
    again = guests("playbooks/provision.yml", **site)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_after_a_reboot_all_is_as_promised_with_nothing_done_by_hand(guests, site, netmap_source):
    rebooted = guests("tests/vm/reboot.yml")
    assert rebooted.rc == 0, rebooted.stdout
    expect_netmap(guests, netmap_source.commit)
    verified = guests("playbooks/verify.yml", **site)
    assert verified.rc == 0, verified.stdout


def expect_netmap(guests, commit: str) -> None:
    """The wanted build is loaded, and the sending interface has the patched driver."""
    found = guests("tests/vm/netmap.yml", wanted_commit=commit)
    assert found.rc == 0, found.stdout
    assert re.search(r"ens4 is native: driver: e1000", found.stdout)
