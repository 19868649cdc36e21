"""What a fault is: how it is injected, and what is promised about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from tests.faults.bench import RUN_ID, Bench
from tests.integration.trials import ip, set_link, start_count, stop_count

from linerate.lab.namespaces import SENDER, End
from linerate.pcap.reader import read_summary

Step = Callable[[Bench], object]
Witness = Callable[["Fault", Bench, str], Callable[[], dict[str, Any]]]
TOP_SPEED = {"topspeed": True}
SAME_OPTIONS = ("topspeed", "pps", "mbps", "loop", "duration", "netmap")


@dataclass(frozen=True)
class Fault:
    """``promised`` and ``after`` are regular expressions: for linerate's message, and for the interface afterwards.

    ``pcap`` makes the file that is sent. ``options`` are those of linerate_replay; tcpreplay alone gets the same, or
    ``alone``, or is not run where a ``note`` says why it has no counterpart. ``before`` is done before either starts,
    ``during`` once it sends. ``prefix`` is a command under which both run. ``witness`` starts a count at the receiving
    end of the pcap of that path, and returns a function that stops it.
    """

    name: str
    promised: str
    pcap: Callable[[Bench], str] = Bench.pcap
    options: Mapping[str, Any] = field(default_factory=lambda: TOP_SPEED)
    alone: Sequence[str] = ()
    before: Step | None = None
    during: Step | None = None
    prefix: Sequence[str] = ()
    witness: Witness | None = None
    vlan_tags: int = 0
    after: str = "as before"
    note: str = ""

    def tcpreplay(self) -> list[str]:
        """The command of tcpreplay alone, without the pcap."""
        same = {name: self.options[name] for name in SAME_OPTIONS if name in self.options}
        options = self.alone or [f"--{name}" if value is True else f"--{name}={value}" for name, value in same.items()]
        return [*self.prefix, "tcpreplay", f"--intf1={self.options.get('interface', SENDER.interface)}", *options]


def refused(name: str, reason: str, **others: Any) -> Fault:
    """A fault that is found before anything is sent."""
    return Fault(name, f"refused: .*{reason}", **others)


def pcap(change: Callable[[bytes], bytes] | None = None, **spec: Any) -> Callable[[Bench], str]:
    """Make a pcap as Bench.pcap does."""
    return lambda bench: bench.pcap(change=change, **spec)


def link(end: End, *settings: str) -> Step:
    """Change settings of the interface of ``end``."""
    return lambda bench: set_link(end, *settings)


def run_ip(end: End, *arguments: str) -> Step:
    """Run `ip` in the namespace of ``end``."""
    return lambda bench: ip(end, *arguments)


def receiver(fault: Fault, bench: Bench, pcap: str) -> Callable[[], dict[str, Any]]:
    """The receiver's kernel counts the frames of ``pcap``."""
    found = read_summary(pcap)
    lengths = {"min_frame_length": found.min_frame_length, "max_frame_length": found.max_frame_length}
    start_count(RUN_ID, *fault.prefix, destinations=["198.19.0.1"], vlan_tags=fault.vlan_tags, **lengths)
    return lambda: stop_count(RUN_ID)
