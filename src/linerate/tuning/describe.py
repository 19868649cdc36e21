"""What of a host's tuning belongs to a measurement."""

from __future__ import annotations

import contextlib
from typing import Any

from ..errors import HostError
from ..nic.state import read_state
from ..system.run import Runner
from .aspect import UnavailableError, Wishes
from .cpus import format_cpus
from .isolation import isolated_cpus
from .nic import read_rings
from .processors import IrqAffinity, irqbalance_runs
from .state import load
from .tune import Host, every_aspect


def read_tuning(interface: str, cpu: int | None, run: Runner, root: str = "/") -> dict[str, Any]:
    """How ``interface`` and the CPUs around it are set, and what they were found with before they were tuned.

    ``rings`` in descriptors and ``flow_control`` are None where the driver has none to set; ``irq_affinity`` is the
    CPUs of each interrupt, by its position, since the numbers change with each boot; ``cpu`` is the one tcpreplay is
    pinned to. HostError where the interface does not exist.
    """
    pause = read_state(interface, run, root).pause
    return {
        "rings": _rings(interface, run),
        "flow_control": dict(pause) or None,
        "irq_affinity": _affinity(interface, root),
        "irqbalance": irqbalance_runs(root),
        "isolated_cpus": format_cpus(isolated_cpus(root)),
        "cpu": cpu,
        "before": _before(interface, run, root),
    }


def _rings(interface: str, run: Runner) -> dict[str, int] | None:
    try:
        return {ring: int(size) for ring, size in read_rings(interface, run)[1].items()}
    except UnavailableError:
        return None


def _affinity(interface: str, root: str) -> list[str]:
    try:
        return list(IrqAffinity(Wishes(interface), root).read().values())
    except UnavailableError:
        return []


def _before(interface: str, run: Runner, root: str) -> dict[str, dict[str, str]] | None:
    """The settings that are not as they were found; None where all are, or this user may not know.

    What is stored is not enough: an interface that was made anew is as it was found.
    """
    try:
        stored = load(root)
    except HostError:
        return None
    if stored.interface != interface:
        return None
    before = {}
    for aspect in every_aspect(Wishes(interface), Host(run, {}, root)):
        with contextlib.suppress(UnavailableError):
            found, now = stored.before.get(aspect.name, {}), aspect.read()
            before[aspect.name] = {key: value for key, value in found.items() if now.get(key, value) != value}
    return {name: found for name, found in before.items() if found} or None
