"""Faults of trials that linerate's own AF_XDP sender sends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults.before_sending import LARGE, SMALL_PEER_MTU
from tests.faults.bench import Bench
from tests.faults.fault import TOP_SPEED, Fault, Step, link, pcap, receiver, refused, run_ip
from tests.faults.security import NET_RAW, UNPRIVILEGED, give_state_to_nobody
from tests.faults.while_sending import (
    NOT_TO_ITS_END,
    ONE_OF_TWO,
    PARTIAL,
    kill_module_with_disturbed_nic,
    kill_the_first_of_two,
    signal_sender,
)
from tests.integration.trials import eventually

from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.trial.journal import KILLED
from linerate.xdp import program

XDP = {**TOP_SPEED, "xdp": True, "adapter": "copy"}
NOTE = "none: it is linerate's own sender"
FAILED = "^not valid: linerate-xdp ended with status 1; "
XDP_DROP = Path(__file__).parents[1] / "integration/xdp_drop.py"
WITHOUT_AF_XDP = (sys.executable, str(Path(__file__).with_name("without_af_xdp.py")))
NO_LOCKED_MEMORY = ("prlimit", "--memlock=65536", *NET_RAW)


def steps(*parts: Step) -> Step:
    def step(bench: Bench) -> None:
        for part in parts:
            part(bench)

    return step


def take_queue(bench: Bench) -> None:
    program.install()
    options = [f"--interface={SENDER.interface}", f"--pcap={bench.pcap('other.pcap')}", "--pps=500", "--loop=1000"]
    eventually("it sends", bench.start([sys.executable, "-I", program.path(), *options]))


def attach_program(bench: Bench) -> None:
    argv = ["ip", "netns", "exec", SENDER.namespace, sys.executable, str(XDP_DROP), SENDER.interface, "2", "generic"]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    bench.programs.append(other)
    assert other.stdout
    assert other.stdout.readline() == b"dropping\n"


def at_start(name: str, promised: str, **others: Any) -> Fault:
    return Fault(f"xdp: {name}", promised, **{"options": XDP, "note": NOTE, **others})


def long(name: str, promised: str, during: Step, processes: int = 1, **others: Any) -> Fault:
    """A fault in the middle of a trial at top speed, whose partial result is kept."""
    options = {**XDP, "loop": 1_000_000, "processes": processes}
    return Fault(f"xdp: {name}", f"{promised}.*{PARTIAL}", options=options, during=during, note=NOTE, **others)


RENAME = steps(
    link(SENDER, "down"),
    run_ip(SENDER, "link", "set", "dev", SENDER.interface, "name", "other0"),
)
FAULTS = [
    long(
        "interface taken down mid-run",
        f"{NOT_TO_ITS_END}the interface lrs0 is down",
        link(SENDER, "down"),
        after="up: no; carrier: no",
    ),
    long(
        "interface deleted mid-run",
        f"{NOT_TO_ITS_END}the interface lrs0 is gone",
        run_ip(SENDER, "link", "delete", SENDER.interface),
        after="gone",
    ),
    long("interface renamed mid-run", f"{NOT_TO_ITS_END}the interface lrs0 is (down|gone)", RENAME, after="gone"),
    long(
        "receiver stopped, no carrier",
        f"{NOT_TO_ITS_END}the interface lrs0 has lost its carrier",
        link(RECEIVER, "down"),
        after="carrier: no",
    ),
    long(
        "peer MTU made smaller mid-run",
        f"{NOT_TO_ITS_END}nothing left .* is the receiver's MTU smaller",
        SMALL_PEER_MTU,
        pcap=LARGE,
    ),
    long("sender stopped (SIGSTOP)", f"{NOT_TO_ITS_END}nothing left ", signal_sender(signal.SIGSTOP)),
    long("SIGINT to the sender", "^not valid: linerate-xdp was interrupted", signal_sender(signal.SIGINT)),
    long("SIGTERM to the sender", "^not valid: linerate-xdp was interrupted", signal_sender(signal.SIGTERM)),
    long("SIGKILL to the sender", "^not valid: linerate-xdp was ended by signal 9", signal_sender(signal.SIGKILL)),
    long("SIGKILL to the module, NIC disturbed", f"{NOT_TO_ITS_END}{KILLED}", kill_module_with_disturbed_nic),
    long(
        "SIGKILL to one of two processes",
        f"{NOT_TO_ITS_END}{ONE_OF_TWO}",
        kill_the_first_of_two,
        processes=2,
    ),
    at_start("queue taken by another XDP socket", f"{FAILED}.*is in use by another XDP socket", before=take_queue),
    at_start("another's XDP program", f"{FAILED}.*another program attached, .*not replaced", before=attach_program),
    at_start(
        "without CAP_NET_RAW",
        f"{FAILED}.*CAP_NET_RAW is missing",
        before=give_state_to_nobody,
        prefix=UNPRIVILEGED,
    ),
    at_start(
        "no lockable memory",
        f"{FAILED}.*RLIMIT_MEMLOCK allows 65,536 B",
        before=give_state_to_nobody,
        prefix=NO_LOCKED_MEMORY,
    ),
    at_start(
        "CAP_NET_RAW only", "^valid, 0 packets lost$", before=give_state_to_nobody, prefix=NET_RAW, witness=receiver
    ),
    at_start("kernel without XDP sockets", f"{FAILED}.*the kernel has none", prefix=WITHOUT_AF_XDP),
    refused(
        "xdp: frames above the MTU",
        "has an MTU of 1500 B, too small for the 1501 B",
        pcap=pcap(ip_length=1501),
        options=XDP,
        note=NOTE,
    ),
    refused(
        "xdp: zero-copy without permission",
        "adapter 'zerocopy': attaches an XDP program",
        options={**XDP, "adapter": "zerocopy"},
        note=NOTE,
    ),
]
