"""Faults that occur while packets are sent."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

from tests.faults.before_sending import LARGE, SMALL_PEER_MTU
from tests.faults.bench import Bench
from tests.faults.fault import TOP_SPEED, Fault, Step, link, receiver, run_ip
from tests.integration.trials import disturb_nic, eventually, parent, pids, senders

from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.trial.journal import KILLED

NOT_TO_ITS_END = "^not valid: did not run to its end: "
PARTIAL = "partial result kept$"
ONE_OF_TWO = "process 1 of 2 was ended by SIGKILL"


def signal_sender(number: signal.Signals) -> Step:
    def step(bench: Bench) -> None:
        for pid in eventually("the sender runs", senders):
            os.kill(pid, number)

    return step


def kill_tcpreplay_with_disturbed_nic(bench: Bench) -> None:
    disturb_nic()
    signal_sender(signal.SIGKILL)(bench)


def kill_module_with_disturbed_nic(bench: Bench) -> None:
    disturb_nic()
    (pid,) = senders()
    os.kill(parent(pid), signal.SIGKILL)


def kill_the_first_of_two(bench: Bench) -> None:
    both = sorted(eventually("both processes run", lambda: senders() if len(senders()) == 2 else None))
    os.kill(both[0], signal.SIGKILL)


def kill_receiver(bench: Bench) -> None:
    for pid in pids(RECEIVER):
        os.kill(pid, signal.SIGKILL)


def long(name: str, promised: str, during: Step, alone: Sequence[str] = (), **others: Any) -> Fault:
    """A fault in the middle of a trial at top speed, whose partial result is kept."""
    options = {**TOP_SPEED, "loop": 1_000_000}
    return Fault(name, f"{promised}.*{PARTIAL}", options=options, alone=alone, during=during, **others)


FOR_3_SECONDS = ("--topspeed", "--loop=0", "--duration=3")
FAULTS = [
    long(
        "interface taken down mid-run",
        f"{NOT_TO_ITS_END}the interface lrs0 is down",
        link(SENDER, "down"),
        FOR_3_SECONDS,
        after="up: no; carrier: no",
    ),
    long(
        "interface deleted mid-run",
        f"{NOT_TO_ITS_END}the interface lrs0 is gone",
        run_ip(SENDER, "link", "delete", SENDER.interface),
        FOR_3_SECONDS,
        after="gone",
    ),
    long(
        "carrier lost mid-run",
        f"{NOT_TO_ITS_END}the interface lrs0 has lost its carrier",
        link(RECEIVER, "down"),
        FOR_3_SECONDS,
        after="carrier: no",
    ),
    long(
        "peer MTU made smaller mid-run",
        f"{NOT_TO_ITS_END}nothing left .* is the receiver's MTU smaller",
        SMALL_PEER_MTU,
        FOR_3_SECONDS,
        pcap=LARGE,
    ),
    long("tcpreplay stopped (SIGSTOP)", f"{NOT_TO_ITS_END}nothing left ", signal_sender(signal.SIGSTOP)),
    long("SIGINT to tcpreplay", "^not valid: tcpreplay was interrupted", signal_sender(signal.SIGINT)),
    long("SIGTERM to tcpreplay", "^not valid: tcpreplay was ended by signal 15", signal_sender(signal.SIGTERM)),
    long("SIGHUP to tcpreplay", "^not valid: tcpreplay was ended by signal 1;", signal_sender(signal.SIGHUP)),
    long(
        "SIGKILL to tcpreplay, NIC disturbed",
        "^not valid: tcpreplay was ended by signal 9",
        kill_tcpreplay_with_disturbed_nic,
    ),
    long(
        "SIGKILL to the module, NIC disturbed",
        f"{NOT_TO_ITS_END}{KILLED}",
        kill_module_with_disturbed_nic,
        note="none: there is no module",
    ),
    long(
        "the controller goes away",
        f"{NOT_TO_ITS_END}the controller ",
        Bench.stop_reading,
        note="none: there is no controller",
    ),
    Fault(
        "the receiver's count killed",
        "^not valid: .*not witnessed: ",
        options={"pps": 500},
        during=kill_receiver,
        witness=receiver,
    ),
    Fault(
        "SIGKILL to one of two processes",
        f"{NOT_TO_ITS_END}{ONE_OF_TWO}.*{PARTIAL}",
        options={"pps": 500, "processes": 2, "preload_pcap": True},
        during=kill_the_first_of_two,
        note="none: it is one process",
    ),
    Fault(
        "trial that exceeds its deadline",
        "^not valid: did not end within 2 s and was stopped with SIGINT",
        options={"pps": 20, "deadline_seconds": 2},
    ),
]
