"""The CPUs and transmit queues that several sending processes may have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .cpus import online_cpus, parse_cpus

CPUS = "sys/devices/system/cpu"


@dataclass(frozen=True)
class SendingResources:
    """What an interface's host has: ``cpus`` of the NIC's NUMA node, ``cores`` of them, the NIC's ``queues``.

    ``cpus`` begin with one of each core; a second one of a core shares it (hyper-threading).
    """

    cpus: tuple[int, ...]
    cores: int
    queues: int

    @property
    def automatic(self) -> int:
        """How many processes can send at full speed: one core is left to all else."""
        return max(1, min(self.cores - 1, self.queues))

    def assigned(self, first: int | None = None) -> tuple[int, ...]:
        """The CPUs in the order of their assignment, with ``first`` in the first place where it is given."""
        return self.cpus if first is None else (first, *(cpu for cpu in self.cpus if cpu != first))


def sending_resources(interface: str, root: str = "/") -> SendingResources:
    """What processes that send on ``interface`` may have: the online CPUs of its NUMA node that this one may use."""
    allowed = online_cpus(root) & (_node_cpus(interface, root) or online_cpus(root))
    if root == "/":
        allowed = allowed & os.sched_getaffinity(0) or frozenset(os.sched_getaffinity(0))
    first_of_cores = sorted({min(_siblings(cpu, root) & allowed) for cpu in allowed})
    others = sorted(allowed - set(first_of_cores))
    queues = len(list(Path(root, "sys/class/net", interface, "queues").glob("tx-*")))
    return SendingResources((*first_of_cores, *others), len(first_of_cores), max(1, queues))


def _node_cpus(interface: str, root: str) -> frozenset[int]:
    """The CPUs of the interface's NUMA node; none where it has no node (-1: a virtual interface, or one node)."""
    try:
        node = int(Path(root, "sys/class/net", interface, "device/numa_node").read_text(encoding="ascii"))
        return parse_cpus(Path(root, f"sys/devices/system/node/node{node}/cpulist").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return frozenset()


def _siblings(cpu: int, root: str) -> frozenset[int]:
    """The CPUs of the same core, itself among them."""
    try:
        text = Path(root, CPUS, f"cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii")
        return parse_cpus(text) | {cpu}
    except (OSError, ValueError):
        return frozenset({cpu})
