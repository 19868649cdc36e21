"""Faults that come about while packets are sent."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.fault import Fault
from tests.faults.looked_at_before import down, large, peer_down, peer_mtu

from linerate.lab.namespaces import SENDER

LONG = {"topspeed": True, "loop": 1_000_000}
BARE = ("--topspeed", "--loop=1000000")
FOR_A_WHILE = ("--topspeed", "--loop=0", "--duration=3")


def delete(bench: Bench) -> None:
    bench.ip(SENDER.namespace, "link", "delete", SENDER.interface)


def told(number: signal.Signals) -> Callable[[Bench], None]:
    """Send a signal to the tcpreplay that sends."""

    def step(bench: Bench) -> None:
        bench.until(bench.tcpreplays)
        for pid in bench.tcpreplays():
            os.kill(pid, number)

    return step


def disturb(bench: Bench) -> None:
    """As netmap leaves an interface when its sender is killed."""
    bench.ip(SENDER.namespace, "link", "set", SENDER.interface, "promisc", "on", "mtu", "1700")
    bench.inside("ethtool", "-K", SENDER.interface, "tso", "off", "gso", "off")


def killed_while_disturbed(bench: Bench) -> None:
    disturb(bench)
    told(signal.SIGKILL)(bench)


def module_killed(bench: Bench) -> None:
    disturb(bench)
    (pid,) = bench.tcpreplays()
    parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    os.kill(int(parent), signal.SIGKILL)


def answer_unread(bench: Bench) -> None:
    """What happens when ansible-playbook or the SSH connection goes: nobody reads the module's answer any more."""
    bench.forsake()


def count_killed(bench: Bench) -> None:
    bench.kill_count()


ENDED = "^not valid: did not run to its end: "
KEPT = "partial result kept$"
FAULTS = [
    Fault(
        "interface taken down in mid-run",
        f"{ENDED}the interface lrs0 is down.*{KEPT}",
        bare=FOR_A_WHILE,
        ours=LONG,
        during=down,
        after="up: no; carrier: no",
    ),
    Fault(
        "interface deleted in mid-run",
        f"{ENDED}the interface lrs0 is gone.*{KEPT}",
        bare=FOR_A_WHILE,
        ours=LONG,
        during=delete,
        after="gone",
    ),
    Fault(
        "carrier lost in mid-run",
        f"{ENDED}the interface lrs0 has lost its carrier.*{KEPT}",
        bare=FOR_A_WHILE,
        ours=LONG,
        during=peer_down,
        after="carrier: no",
    ),
    Fault(
        "peer's MTU made smaller in mid-run",
        f"{ENDED}nothing left .* is the receiver's MTU smaller.*{KEPT}",
        pcap=large,
        bare=FOR_A_WHILE,
        ours=LONG,
        during=peer_mtu,
    ),
    Fault(
        "tcpreplay stopped (SIGSTOP)",
        f"{ENDED}nothing left .*{KEPT}",
        bare=BARE,
        ours=LONG,
        during=told(signal.SIGSTOP),
    ),
    Fault(
        "SIGINT to tcpreplay",
        f"^not valid: tcpreplay was interrupted.*{KEPT}",
        bare=BARE,
        ours=LONG,
        during=told(signal.SIGINT),
    ),
    Fault(
        "SIGTERM to tcpreplay",
        f"^not valid: tcpreplay was ended by signal 15.*{KEPT}",
        bare=BARE,
        ours=LONG,
        during=told(signal.SIGTERM),
    ),
    Fault(
        "SIGHUP to tcpreplay",
        f"^not valid: tcpreplay was ended by signal 1;.*{KEPT}",
        bare=BARE,
        ours=LONG,
        during=told(signal.SIGHUP),
    ),
    Fault(
        "SIGKILL to tcpreplay, NIC disturbed",
        f"^not valid: tcpreplay was ended by signal 9.*{KEPT}",
        bare=BARE,
        ours=LONG,
        during=killed_while_disturbed,
    ),
    Fault(
        "SIGKILL to the module, NIC disturbed",
        f"{ENDED}the module that watched it was killed.*{KEPT}",
        bare=None,
        note="none: there is no module",
        ours=LONG,
        during=module_killed,
    ),
    Fault(
        "the controller goes away",
        f"{ENDED}the controller went away.*{KEPT}",
        bare=None,
        note="none: there is no controller",
        ours=LONG,
        during=answer_unread,
    ),
    Fault(
        "the receiver's count killed",
        "^not valid: .*not witnessed: ",
        bare=("--pps=500",),
        ours={"pps": 500},
        during=count_killed,
        witness=True,
    ),
    Fault(
        "it takes longer than it may",
        "^not valid: did not end within 2 s and was stopped with SIGINT",
        bare=("--pps=20",),
        ours={"pps": 20, "deadline_seconds": 2},
    ),
]
