"""Aspects of the host's CPUs: their governor, and the affinity of the NIC's interrupts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .aspect import Step, TuningOptions, UnavailableError, text_of, write
from .cpus import format_cpus, online_cpus, parse_cpus

CPUS = "sys/devices/system/cpu"


class Governor:
    """The cpufreq governor of every CPU, by the name of the CPU."""

    name = "governor"

    def __init__(self, options: TuningOptions, root: str) -> None:
        self._governor, self._root = options.governor, root

    def read(self) -> dict[str, str]:
        """The current governors."""
        found = {f"cpu{cpu}": self._attribute(f"cpu{cpu}", "governor") for cpu in sorted(online_cpus(self._root))}
        if None in found.values():
            raise UnavailableError("the kernel has no cpufreq")
        return {cpu: governor for cpu, governor in found.items() if governor}

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The configured governor for every CPU."""
        for cpu in found:
            available = (self._attribute(cpu, "available_governors") or "").split()
            if self._governor not in available:
                raise UnavailableError(f"{cpu} supports {', '.join(available) or 'none'}")
        return dict.fromkeys(found, self._governor)

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One write per CPU."""
        return [
            write(self._root, f"{CPUS}/{cpu}/cpufreq/scaling_governor", governor) for cpu, governor in settings.items()
        ]

    def _attribute(self, cpu: str, name: str) -> str | None:
        return text_of(self._root, f"{CPUS}/{cpu}/cpufreq/scaling_{name}")


class IrqAffinity:
    """The CPUs that serve each interrupt of the NIC, by the number of the interrupt."""

    name = "irq_affinity"

    def __init__(self, options: TuningOptions, root: str) -> None:
        self._options, self._root = options, root

    def read(self) -> dict[str, str]:
        """The current CPUs of each interrupt."""
        found = {irq: text_of(self._root, _affinity_file(irq)) for irq in nic_irqs(self._options.interface, self._root)}
        if not any(found.values()):
            raise UnavailableError(f"{self._options.interface} has no interrupts of its own")
        return {irq: cpus for irq, cpus in found.items() if cpus}

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The given list of CPUs; or the CPUs found, without the sender's."""
        online, core = online_cpus(self._root), self._options.core
        if self._options.irq_affinity != "away":
            given = parse_cpus(self._options.irq_affinity)
            if not given <= online:
                raise UnavailableError(f"the online CPUs are {format_cpus(online)}")
            return dict.fromkeys(found, format_cpus(given))
        if core is None:
            raise UnavailableError("sender_tuning_core is not set, so there is no CPU to move them off")
        if online == {core}:
            raise UnavailableError(f"CPU {core} is the only one")
        wanted = {irq: parse_cpus(cpus) - {core} for irq, cpus in found.items()}
        return {irq: format_cpus(cpus if cpus & online else online - {core}) for irq, cpus in wanted.items()}

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One write per interrupt."""
        return [write(self._root, _affinity_file(irq), cpus) for irq, cpus in settings.items()]


def nic_irqs(interface: str, root: str = "/") -> list[str]:
    """The interrupt numbers of ``interface``, sorted; none for an interface without a device."""
    device = Path(root, "sys/class/net", interface, "device").resolve()
    # The interrupts of a virtio device belong to its parent, a PCI device.
    for folder in (device, device.parent):
        numbers = [path.name for path in folder.glob("msi_irqs/*")] or [text_of(root, str(folder / "irq")) or "0"]
        known = [number for number in numbers if number != "0" and Path(root, _affinity_file(number)).exists()]
        if known:
            return sorted(known, key=int)
    return []


def irqbalance_runs(root: str = "/") -> bool:
    """Whether irqbalance runs, which may move interrupts at any time."""
    return any(text_of("/", str(path)) == "irqbalance" for path in Path(root, "proc").glob("[0-9]*/comm"))


def _affinity_file(irq: str) -> str:
    return f"proc/irq/{irq}/smp_affinity_list"
