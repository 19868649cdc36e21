"""The tuning of a host, as recorded with a measurement."""

from __future__ import annotations

import contextlib
from typing import Any

from ..errors import HostError
from ..nic.state import read_state
from ..system.run import Runner
from .aspect import TuningOptions, UnavailableError
from .cpus import format_cpus
from .isolation import isolated_cpus
from .nic import read_rings
from .processors import IrqAffinity, irqbalance_runs
from .state import load
from .tune import Host, every_aspect


def read_tuning(interface: str, cpu: int | None, run: Runner, root: str = "/") -> dict[str, Any]:
    """The settings of ``interface`` and of the host's CPUs, and the settings before they were tuned.

    ``rings`` in descriptors and ``flow_control`` are None where the driver cannot set them; ``irq_affinity`` is the
    CPUs of each interrupt, in order, since the numbers change with each boot; ``cpu`` is the one that tcpreplay is
    pinned to. Raises HostError where the interface does not exist.
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
        return list(IrqAffinity(TuningOptions(interface), root).read().values())
    except UnavailableError:
        return []


def _before(interface: str, run: Runner, root: str) -> dict[str, dict[str, str]] | None:
    """The original values of the settings that are tuned now; None without any, or without the right to read them.

    The stored values alone do not tell: an interface that was created again has its original settings.
    """
    try:
        stored = load(root)
    except HostError:
        return None
    if stored.interface != interface:
        return None
    before = {}
    for aspect in every_aspect(TuningOptions(interface), Host(run, {}, root)):
        with contextlib.suppress(UnavailableError):
            found, now = stored.before.get(aspect.name, {}), aspect.read()
            before[aspect.name] = {key: value for key, value in found.items() if now.get(key, value) != value}
    return {name: found for name, found in before.items() if found} or None
