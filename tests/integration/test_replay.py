"""What the sender's half makes of real faults, with real tcpreplay in the lab's namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_template
from linerate.pcap.writer import write_pcap

pytestmark = pytest.mark.quiet

REPLAY = """
import json, sys
from linerate.errors import LinerateError
from linerate.system.run import run
from linerate.tcpreplay.options import ReplayOptions
from linerate.pcap.destinations import AllowedDestinations
from linerate.trial.preflight import FarEnd, preflight
from linerate.trial.replay import ReplayJob, replay
given = json.loads(sys.argv[1])
options = ReplayOptions(interface="lrs0", **given["options"])
try:
    if given["look"]:
        far_end = FarEnd(AllowedDestinations(["198.18.0.0/15", "02:00:00:00:00:02"]))
        preflight(options.interface, [(options.pcap, None)], far_end, run, given["cpu"])
    print(json.dumps(replay(ReplayJob(options, given["deadline"], cpu=given["cpu"]), run)))
except LinerateError as error:
    sys.exit(str(error))
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def pcap(tmp_path: Path) -> Callable[..., str]:
    def make(**given: Any) -> str:
        path = str(tmp_path / "test.pcap")
        spec = PcapSpec(
            **{
                "protocol": "udp",
                "src_mac": "02:00:00:00:00:01",
                "dst_mac": "02:00:00:00:00:02",
                "packets": 2000,
                **given,
            }
        )
        write_pcap(path, spec, build_template(spec))
        return path

    return make


def replay(
    pcap: str, deadline: float = 30, look: bool = True, cpu: int | None = None, **options: Any
) -> dict[str, Any]:
    """The result of sending in the sender's namespace; RuntimeError with the message where it was refused."""
    given = json.dumps({"options": {"pcap": pcap, **options}, "deadline": deadline, "look": look, "cpu": cpu})
    inside = ["ip", "netns", "exec", "linerate-sender1", sys.executable, "-c", REPLAY, given]
    done = subprocess.run(inside, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_what_is_sent_is_counted_on_both_ends(lab, pcap):
    result = replay(pcap(), pps=5000, loop=2, preload_pcap=True)
    assert result["claim"]["successful"] == result["nic"]["tx_packets"] == 4000
    assert result["argv"][:3] == ["tcpreplay", "--intf1=lrs0", "--pps=5000"]


def affinity_of_tcpreplay() -> str:
    """What the kernel says of the tcpreplay in the sender's namespace, once there is one that sends."""
    sender = os.stat("/run/netns/linerate-sender1").st_ino
    for _ in range(600):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                runs = (process / "comm").read_text() == "tcpreplay\n"
                if runs and os.stat(process / "ns/net").st_ino == sender:
                    status = (process / "status").read_text()
                    return re.findall(r"^Cpus_allowed_list:\t(.*)$", status, re.MULTILINE)[0]
        time.sleep(0.05)
    raise AssertionError("no tcpreplay came")


@pytest.mark.parametrize("cpu", sorted(os.sched_getaffinity(0))[:2])
def test_tcpreplay_runs_on_the_cpu_given_and_the_result_says_so(lab, pcap, cpu):
    path = pcap()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(replay, path, pps=1000, loop=3, preload_pcap=True, cpu=cpu)
        pinned = set()
        while not sending.done() and pinned != {str(cpu)}:
            # The first moments are those before it is pinned.
            pinned = {affinity_of_tcpreplay()}
        result = sending.result()
    assert pinned == {str(cpu)}
    assert result["process"]["cpus_allowed"] == str(cpu)
    assert result["claim"]["successful"] == 6000


def test_a_cpu_that_is_not_there_is_refused_before(lab, pcap):
    with pytest.raises(RuntimeError, match=r"cpu 4095: is not a CPU of this host that runs \("):
        replay(pcap(), topspeed=True, cpu=4095)


def test_a_peer_that_is_down_is_found_before(lab, pcap):
    ip("-n", "linerate-receiver1", "link", "set", "lrr0", "down")
    with pytest.raises(RuntimeError, match="is up and has no carrier"):
        replay(pcap(), topspeed=True)


@pytest.mark.parametrize("netmap", [False, True])
def test_frames_above_the_mtu_are_found_before(lab, pcap, netmap):
    # Through netmap, tcpreplay would claim them all, the NIC would send them, and the receiver would discard them.
    with pytest.raises(RuntimeError, match="MTU of 1500 B, too small for the 1501 B"):
        replay(pcap(ip_length=1501), topspeed=True, netmap=netmap)


def test_frames_above_the_mtu_leave_no_claim_though_tcpreplay_ends_0(lab, pcap):
    result = replay(pcap(ip_length=1501), look=False, topspeed=True)
    assert result["process"]["exit_status"] == 0
    assert result["claim"] is None
    assert "Message too long" in result["claim_error"]


def test_a_peer_with_a_smaller_mtu_makes_tcpreplay_hang_and_the_deadline_ends_it(lab, pcap):
    ip("-n", "linerate-receiver1", "link", "set", "lrr0", "mtu", "1400")
    result = replay(pcap(ip_length=1500), deadline=2, topspeed=True)
    assert result["process"]["deadline_exceeded"]
    assert result["nic"]["tx_packets"] == 0


def test_a_cut_pcap_is_refused_and_would_have_been_a_silent_short_run(lab, pcap):
    path = Path(pcap())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RuntimeError, match=r"test\.pcap"):
        replay(str(path), topspeed=True)
    silent = replay(str(path), look=False, topspeed=True)
    assert silent["process"]["exit_status"] == 0
    assert silent["claim"]["successful"] == 1999


def test_the_interface_of_the_default_route_is_refused(lab, pcap):
    ip("-n", "linerate-sender1", "address", "add", "198.18.0.9/24", "dev", "lrs0")
    ip("-n", "linerate-sender1", "route", "add", "default", "via", "198.18.0.1")
    with pytest.raises(RuntimeError, match="carries the default route"):
        replay(pcap(), topspeed=True)
