"""Replay and its preflight under real faults, with real tcpreplay in the lab's namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import ip, make_pcap, run_python, set_link

from linerate.lab.namespaces import RECEIVER, SENDER

pytestmark = pytest.mark.quiet

REPLAY = """
import json, sys
from linerate.errors import LinerateError
from linerate.system.run import run
from linerate.pcap.destinations import AllowedDestinations
from linerate.trial.ad_hoc import ad_hoc_trial
from linerate.trial.preflight import FarEnd, preflight
from linerate.trial.replay import replay
given = json.loads(sys.argv[1])
usual = {"interface": "lrs0", "allow_destinations": [], "deadline_seconds": given["deadline"], "cpu": given["cpu"]}
trial = ad_hoc_trial({**usual, **given["options"]})
try:
    if given["preflight"]:
        far_end = FarEnd(AllowedDestinations(["198.18.0.0/15", "02:00:00:00:00:02"]))
        preflight("lrs0", [(trial.case.pcap, None)], far_end, run, given["cpu"])
    print(json.dumps(replay(trial, run).to_json()))
except LinerateError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def pcap(tmp_path: Path) -> Callable[..., str]:
    return partial(make_pcap, tmp_path / "test.pcap")


def replay(
    pcap: str, deadline: float = 30, preflight: bool = True, cpu: int | None = None, **options: Any
) -> dict[str, Any]:
    """The result of a replay in the sender's namespace; RuntimeError with the message where it is refused."""
    given = {"options": {"pcap": pcap, **options}, "deadline": deadline, "preflight": preflight, "cpu": cpu}
    result: dict[str, Any] = json.loads(run_python(SENDER, REPLAY, given))
    return result


def test_tcpreplay_and_the_interface_count_the_same_packets(lab, pcap):
    result = replay(pcap(), pps=5000, loop=2, preload_pcap=True)
    assert result["claim"]["successful"] == result["nic"]["tx_packets"] == 4000
    assert result["argv"][:3] == ["tcpreplay", "--intf1=lrs0", "--pps=5000"]


def affinity_of_tcpreplay() -> str:
    """The CPUs that the kernel allows the tcpreplay in the sender's namespace, once it runs."""
    sender = os.stat(f"/run/netns/{SENDER.namespace}").st_ino
    for _ in range(600):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                runs = (process / "comm").read_text() == "tcpreplay\n"
                if runs and os.stat(process / "ns/net").st_ino == sender:
                    status = (process / "status").read_text()
                    return re.findall(r"^Cpus_allowed_list:\t(.*)$", status, re.MULTILINE)[0]
        time.sleep(0.05)
    raise AssertionError("no tcpreplay was started")


@pytest.mark.parametrize("cpu", sorted(os.sched_getaffinity(0))[:2])
def test_tcpreplay_runs_on_the_given_cpu_and_the_result_records_it(lab, pcap, cpu):
    path = pcap()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(replay, path, pps=1000, loop=3, preload_pcap=True, cpu=cpu)
        pinned = set()
        while not sending.done() and pinned != {str(cpu)}:
            # tcpreplay is pinned shortly after its start.
            pinned = {affinity_of_tcpreplay()}
        result = sending.result()
    assert pinned == {str(cpu)}
    assert result["process"]["cpus_allowed"] == str(cpu)
    assert result["claim"]["successful"] == 6000


def test_preflight_refuses_a_cpu_that_does_not_exist(lab, pcap):
    with pytest.raises(RuntimeError, match=r"cpu 4095: is not among the online CPUs of this host \("):
        replay(pcap(), topspeed=True, cpu=4095)


def test_preflight_refuses_an_interface_whose_peer_is_down(lab, pcap):
    set_link(RECEIVER, "down")
    with pytest.raises(RuntimeError, match="is up and has no carrier"):
        replay(pcap(), topspeed=True)


@pytest.mark.parametrize("netmap", [False, True])
def test_preflight_refuses_frames_above_the_mtu(lab, pcap, netmap):
    # With netmap, tcpreplay would claim them, the NIC would send them, and the receiver would discard them.
    with pytest.raises(RuntimeError, match="MTU of 1500 B, too small for the 1501 B"):
        replay(pcap(ip_length=1501), topspeed=True, netmap=netmap, adapter="emulated" if netmap else None)


def test_without_preflight_frames_above_the_mtu_give_exit_status_0_and_no_claim(lab, pcap):
    result = replay(pcap(ip_length=1501), preflight=False, topspeed=True)
    assert result["process"]["exit_status"] == 0
    assert result["claim"] is None
    assert "Message too long" in result["claim_error"]


def test_a_smaller_peer_mtu_makes_tcpreplay_hang_until_its_deadline(lab, pcap):
    set_link(RECEIVER, "mtu", "1400")
    result = replay(pcap(ip_length=1500), deadline=2, topspeed=True)
    assert result["process"]["deadline_exceeded"]
    assert result["nic"]["tx_packets"] == 0


def test_preflight_refuses_a_cut_pcap_which_tcpreplay_would_silently_send_in_part(lab, pcap):
    path = Path(pcap())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RuntimeError, match=r"test\.pcap"):
        replay(str(path), topspeed=True)
    silent = replay(str(path), preflight=False, topspeed=True)
    assert silent["process"]["exit_status"] == 0
    assert silent["claim"]["successful"] == 1999


def test_preflight_refuses_the_interface_of_the_default_route(lab, pcap):
    ip(SENDER, "address", "add", "198.18.0.9/24", "dev", "lrs0")
    ip(SENDER, "route", "add", "default", "via", "198.18.0.1")
    with pytest.raises(RuntimeError, match="carries the default route"):
        replay(pcap(), topspeed=True)
