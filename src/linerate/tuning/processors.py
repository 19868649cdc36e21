"""Aspects of the host's CPUs: their governor, and which of them the NIC's interrupts go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .aspect import Step, UnavailableError, Wishes, text_of, write
from .cpus import format_cpus, online_cpus, parse_cpus

CPUS = "sys/devices/system/cpu"


class Governor:
    """The cpufreq governor of every CPU, by the CPU's name."""

    name = "governor"

    def __init__(self, wishes: Wishes, root: str) -> None:
        self._wished, self._root = wishes.governor, root

    def read(self) -> dict[str, str]:
        """Each CPU's governor."""
        found = {f"cpu{cpu}": self._attribute(f"cpu{cpu}", "governor") for cpu in sorted(online_cpus(self._root))}
        if None in found.values():
            raise UnavailableError("the kernel offers no cpufreq")
        return {cpu: governor for cpu, governor in found.items() if governor}

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The governor wished for, on every CPU."""
        for cpu in found:
            offered = (self._attribute(cpu, "available_governors") or "").split()
            if self._wished not in offered:
                raise UnavailableError(f"{cpu} offers {', '.join(offered) or 'none'}")
        return dict.fromkeys(found, self._wished)

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One write for each CPU."""
        return [
            write(self._root, f"{CPUS}/{cpu}/cpufreq/scaling_governor", governor) for cpu, governor in settings.items()
        ]

    def _attribute(self, cpu: str, name: str) -> str | None:
        return text_of(self._root, f"{CPUS}/{cpu}/cpufreq/scaling_{name}")


class IrqAffinity:
    """The CPUs that each interrupt of the NIC may go to, by the interrupt's number."""

    name = "irq_affinity"

    def __init__(self, wishes: Wishes, root: str) -> None:
        self._wishes, self._root = wishes, root

    def read(self) -> dict[str, str]:
        """Each interrupt's CPUs."""
        found = {irq: text_of(self._root, _place(irq)) for irq in nic_irqs(self._wishes.interface, self._root)}
        if not any(found.values()):
            raise UnavailableError(f"{self._wishes.interface} has no interrupts of its own")
        return {irq: cpus for irq, cpus in found.items() if cpus}

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The list of CPUs given; or what was found, without the sender's core."""
        online, core = online_cpus(self._root), self._wishes.core
        if self._wishes.irq_affinity != "away":
            given = parse_cpus(self._wishes.irq_affinity)
            if not given <= online:
                raise UnavailableError(f"the CPUs that run are {format_cpus(online)}")
            return dict.fromkeys(found, format_cpus(given))
        if core is None:
            raise UnavailableError("sender_tuning_core names no CPU to move them off")
        if online == {core}:
            raise UnavailableError(f"CPU {core} is the only one")
        wanted = {irq: parse_cpus(cpus) - {core} for irq, cpus in found.items()}
        return {irq: format_cpus(cpus if cpus & online else online - {core}) for irq, cpus in wanted.items()}

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One write for each interrupt."""
        return [write(self._root, _place(irq), cpus) for irq, cpus in settings.items()]


def nic_irqs(interface: str, root: str = "/") -> list[str]:
    """The numbers of the interrupts of ``interface``, in their order; none of an interface without a device."""
    device = Path(root, "sys/class/net", interface, "device").resolve()
    # A virtio device has them at the PCI device that it is a child of.
    for folder in (device, device.parent):
        numbers = [path.name for path in folder.glob("msi_irqs/*")] or [text_of(root, str(folder / "irq")) or "0"]
        known = [number for number in numbers if number != "0" and Path(root, _place(number)).exists()]
        if known:
            return sorted(known, key=int)
    return []


def irqbalance_runs(root: str = "/") -> bool:
    """Whether there is a process irqbalance, which moves interrupts as it likes."""
    return any(text_of("/", str(path)) == "irqbalance" for path in Path(root, "proc").glob("[0-9]*/comm"))


def _place(irq: str) -> str:
    return f"proc/irq/{irq}/smp_affinity_list"
