"""Trials on the lab's sender that a test can disturb: the real tcpreplay, in a process that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_template
from linerate.pcap.writer import write_pcap

PATIENCE_SECONDS = 300
"""Only a failure takes so long; a busy machine may take long for a playbook's first tasks."""
SENDER, RECEIVER = "linerate-sender1", "linerate-receiver1"

TRIAL = """
import json, resource, sys
from linerate.system.caller_gone import Lease
from linerate.system.run import run
from linerate.tcpreplay.options import ReplayOptions
from linerate.trial.replay import ReplayJob, replay
given = json.loads(sys.argv[1])
lease = Lease().listen()
result = replay(ReplayJob(ReplayOptions(interface="lrs0", **given.pop("options")), **given), run, lease.over)
result["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(result))
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def inside(namespace: str, *command: str) -> str:
    done = subprocess.run(["ip", "netns", "exec", namespace, *command], capture_output=True, text=True, check=True)
    return done.stdout


def eventually(what: str, is_so: Callable[[], Any]) -> Any:
    """What ``is_so`` returns once that is true; an AssertionError that says ``what`` when it does not become so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = is_so()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")


def make_pcap(path: Path, **given: Any) -> str:
    macs = {"src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02"}
    spec = PcapSpec(**{"protocol": "udp", "packets": 2000, **macs, **given})
    write_pcap(str(path), spec, build_template(spec))
    return str(path)


def sent_so_far() -> int:
    return int(inside(SENDER, "cat", "/sys/class/net/lrs0/statistics/tx_packets"))


def senders(pcap: str | None = None) -> list[int]:
    """The processes in the lab's sender that are tcpreplay (and send ``pcap``)."""
    listed = inside(SENDER, "ip", "netns", "pids", SENDER).split()
    return [pid for pid in map(int, listed) if _is_tcpreplay(pid, pcap)]


def _is_tcpreplay(pid: int, pcap: str | None) -> bool:
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return Path(os.fsdecode(argv[0])).name == "tcpreplay" and (pcap is None or os.fsencode(pcap) in argv)


def nic() -> dict[str, Any]:
    """What a trial must leave as it was, of the lab's sending interface."""
    folder = "/sys/class/net/lrs0"
    return {
        "mtu": inside(SENDER, "cat", f"{folder}/mtu").strip(),
        "flags": inside(SENDER, "cat", f"{folder}/flags").strip(),
        "offloads": inside(SENDER, "ethtool", "-k", "lrs0"),
    }


def disturb_nic() -> None:
    """As a run through netmap leaves an interface that was killed: promiscuous, without offloads; and another MTU."""
    inside(SENDER, "ip", "link", "set", "dev", "lrs0", "promisc", "on", "mtu", "1700")
    inside(SENDER, "ethtool", "-K", "lrs0", "tso", "off", "gso", "off")


class Trial:
    """A trial that runs in the background."""

    def __init__(self, pcap: str, deadline_seconds: float = 120, **given: Any) -> None:
        job = {
            name: given.pop(name)
            for name in ("trial", "journals", "stall_seconds", "interval_seconds")
            if name in given
        }
        given = {"topspeed": True, "loop": 1_000_000, **given} if "pps" not in given else given
        argument = json.dumps({"options": {"pcap": pcap, **given}, "deadline_seconds": deadline_seconds, **job})
        self.pcap, self._before = pcap, sent_so_far()
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", SENDER, sys.executable, "-c", TRIAL, argument],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sending(self, packets: int = 100) -> Trial:
        """Wait until some packets have left."""
        eventually("the trial sends", lambda: self._is_sending(packets))
        return self

    def _is_sending(self, packets: int) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        return sent_so_far() - self._before >= packets

    def result(self) -> dict[str, Any]:
        """What replay() returned, once the trial has ended by itself."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0, err
        result: dict[str, Any] = json.loads(out)
        return result

    def gone(self) -> None:
        """End what a failed test left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        eventually("tcpreplay has ended", lambda: not senders(self.pcap))
