"""Trials on the lab's sender that a test can disturb: the real tcpreplay, in a process that can be killed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from linerate.lab.namespaces import RECEIVER, SENDER, End
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap
from linerate.results.build import result_of
from linerate.results.store import check
from linerate.trial.ad_hoc import ad_hoc_trial
from linerate.trial.evidence import Sent
from linerate.trial.model import LineRate, Port, Witness
from linerate.trial.model import Trial as TrialModel
from linerate.trial.witnesses import report
from linerate.units import GBIT

TRIAL_SCHEMA = Path(__file__).parents[2] / "schemas/trial.schema.json"
PATIENCE_SECONDS = 300
"""Reached only by a failure: a playbook's first tasks may take long on a busy machine."""

TRIAL = """
import json, resource, sys
from linerate.system.caller_gone import CallerWatch
from linerate.system.run import run
from linerate.trial.model import Trial
from linerate.trial.replay import replay
trial, journals = json.loads(sys.argv[1])
caller = CallerWatch().listen()
result = replay(Trial.from_json(trial), run, caller.end_reason, journals).to_json()
result["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(result))
"""

COUNT = """
import json, sys
from linerate.errors import LinerateError
from linerate.receiver.process import ReceiverOptions, start, stop
given = json.loads(sys.argv[1])
try:
    print(json.dumps(start(ReceiverOptions(**given)) if isinstance(given, dict) else stop(given).to_json()))
except LinerateError as error:
    print(json.dumps({"msg": str(error)}))
"""


def ip(end: End, *arguments: str) -> None:
    """Run `ip` in the namespace of ``end``."""
    subprocess.run(["ip", "-n", end.namespace, *arguments], check=True)


def set_link(end: End, *settings: str) -> None:
    """Change settings of the interface of ``end``, as `ip link set` names them."""
    ip(end, "link", "set", "dev", end.interface, *settings)


def inside(end: End, *command: str, check: bool = True) -> str:
    """The output of a command in the namespace of ``end``."""
    argv = ["ip", "netns", "exec", end.namespace, *command]
    return subprocess.run(argv, capture_output=True, text=True, check=check).stdout


def python(end: End, code: str, given: Any, *prefix: str) -> list[str]:
    """The command that runs ``code`` in the namespace of ``end``, with ``given`` as JSON in sys.argv[1]."""
    return ["ip", "netns", "exec", end.namespace, *prefix, sys.executable, "-c", code, json.dumps(given)]


def run_python(end: End, code: str, given: Any, *prefix: str) -> str:
    """Run ``code`` as :func:`python` says; its output. RuntimeError with its stderr where it fails."""
    done = subprocess.run(python(end, code, given, *prefix), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


def eventually(what: str, condition: Callable[[], Any]) -> Any:
    """The first true value that ``condition`` returns; AssertionError that names ``what`` after the timeout."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")


def make_pcap(path: Path, **spec: Any) -> str:
    """Write a pcap of 2,000 UDP frames of 78 bytes from the lab's sender to its receiver, or as ``spec`` says."""
    macs = {"src_mac": SENDER.mac, "dst_mac": RECEIVER.mac}
    made = PcapSpec(**{"protocol": "udp", "packets": 2000, **macs, **spec})
    write_pcap(str(path), made, build_templates(made))
    return str(path)


def sent_packets(counter: str = "tx_packets") -> int:
    """A counter of the lab's sending interface."""
    return int(inside(SENDER, "cat", f"/sys/class/net/{SENDER.interface}/statistics/{counter}"))


def pids(end: End) -> list[int]:
    """The processes in the namespace of ``end``."""
    listed = subprocess.run(["ip", "netns", "pids", end.namespace], capture_output=True, text=True, check=True)
    return [int(pid) for pid in listed.stdout.split()]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def senders(pcap: str | None = None) -> list[int]:
    """The sending processes, of tcpreplay or xdp, in the lab's sender; or only those that send ``pcap``."""
    return [pid for pid in pids(SENDER) if _is_sender(pid, pcap)]


def _is_sender(pid: int, pcap: str | None) -> bool:
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    sends = Path(os.fsdecode(argv[0])).name == "tcpreplay" or any(one.endswith(b"/linerate-xdp.pyz") for one in argv)
    return sends and (pcap is None or any(one.endswith(os.fsencode(pcap)) for one in argv))


def nic() -> dict[str, str]:
    """The settings of the lab's sending interface that a trial must restore; empty where it does not exist."""
    shown = inside(SENDER, "ip", "-json", "address", "show", "dev", SENDER.interface, check=False)
    if not shown:
        return {}
    described = json.loads(shown)[0]
    flags = set(described["flags"])
    return {
        "up": "yes" if "UP" in flags else "no",
        "carrier": "yes" if "LOWER_UP" in flags else "no",
        "promiscuous": "yes" if "PROMISC" in flags else "no",
        "flags": str(sorted(flags - {"UP", "LOWER_UP", "NO-CARRIER", "M-DOWN", "PROMISC"})),
        "mtu": str(described["mtu"]),
        "addresses": str([address["local"] for address in described["addr_info"]]),
        "offloads": inside(SENDER, "ethtool", "-k", SENDER.interface),
        "pause": inside(SENDER, "ethtool", "-a", SENDER.interface, check=False),
        "queue": re.sub(r"qdisc (\S+) \S+", r"\1", inside(SENDER, "tc", "qdisc", "show", "dev", SENDER.interface)),
    }


def start_count(name: str, *prefix: str, **options: Any) -> None:
    """Start the receiver's count ``name`` of the test network's frames, by a process that runs under ``prefix``."""
    usual = {"destinations": ["198.18.0.0/15"], "min_frame_length": 60, "max_frame_length": 9018}
    given = {"name": name, "interface": RECEIVER.interface, "deadline_seconds": 300, **usual, **options}
    answer = json.loads(run_python(RECEIVER, COUNT, given, *prefix))
    assert answer is None, answer


def stop_count(name: str) -> dict[str, Any]:
    """Stop the receiver's count ``name``; what it counted, or ``msg``, why it did not."""
    counted: dict[str, Any] = json.loads(run_python(RECEIVER, COUNT, name))
    return counted


def make_trial(pcap: str, trial_id: str = "001-test-kernel-r1", run_id: str = "a-run", **options: Any) -> TrialModel:
    """A trial of a run that sends ``pcap`` from the lab's sender, by the options of linerate_replay."""
    usual = {"interface": SENDER.interface, "allow_destinations": ["198.18.0.0/15", RECEIVER.mac]}
    trial = ad_hoc_trial({"pcap": pcap, "deadline_seconds": 60, **usual, **options})
    bench = replace(
        trial.bench,
        run_id=run_id,
        sender=Port("sender1", SENDER.interface),
        receiver=Port("receiver1", RECEIVER.interface),
        line_rate=LineRate(10 * GBIT, "assumed"),
        versions={"linerate": "0", "tcpreplay": "0"},
        fingerprint="0" * 16,
    )
    return replace(trial, trial_id=trial_id, bench=bench)


def stored_record(trial: TrialModel, sent: Mapping[str, Any], counted: Mapping[str, Any] | None) -> dict[str, Any]:
    """The record of a trial as it would be stored, validated against its schema."""
    witness = Witness("receiver1", "linux", "receiver1", RECEIVER.interface)
    reports = [report(witness, counted)] if counted is not None else []
    record: dict[str, Any] = json.loads(json.dumps(result_of(trial, Sent.of_result(sent), reports).to_json()))
    check(record, TRIAL_SCHEMA)
    return record


def disturb_nic() -> None:
    """Change what a sender that is killed in netmap mode leaves changed, promiscuous mode and offloads; and the MTU."""
    set_link(SENDER, "promisc", "on", "mtu", "1700")
    inside(SENDER, "ethtool", "-K", SENDER.interface, "tso", "off", "gso", "off")


class Trial:
    """A trial in the background: at top speed without end, unless the options say otherwise."""

    def __init__(self, pcap: str, deadline_seconds: float = 120, **given: Any) -> None:
        journals = given.pop("journals", None)
        rate = {} if "pps" in given else {"topspeed": True, "loop": 1_000_000}
        self.trial = make_trial(pcap, deadline_seconds=deadline_seconds, **{**rate, **given})
        command = python(SENDER, TRIAL, [self.trial.to_json(), journals])
        self.pcap, self._before = pcap, sent_packets()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sending(self, packets: int = 100) -> Trial:
        """Wait until ``packets`` have been sent."""
        eventually("the trial sends", lambda: self._is_sending(packets))
        return self

    def _is_sending(self, packets: int) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        return sent_packets() - self._before >= packets

    def result(self) -> dict[str, Any]:
        """Wait for the end of the trial; what replay() returned."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0, err
        result: dict[str, Any] = json.loads(out)
        return result

    def gone(self) -> None:
        """Kill the trial where a failed test did not end it, and wait until tcpreplay has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        eventually("tcpreplay has ended", lambda: not senders(self.pcap))
