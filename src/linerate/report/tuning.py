"""The tuning of a host, in words."""

from __future__ import annotations

from collections.abc import Mapping

from ..results.run import Tuning
from ..tuning.cpus import parse_cpus


def tuning_texts(tuning: Tuning) -> dict[str, str]:
    """Text by label."""
    rings, flow = tuning.rings, tuning.flow_control
    return {
        "Rings": ", ".join(f"{ring} {size:,}" for ring, size in rings.items()) if rings else "not adjustable",
        "Flow control": _on_off(flow) if flow else "not adjustable",
        "Interrupts of the NIC": _interrupts(tuning),
        "CPU of the sending program": _cpu(tuning),
        "Tuned": ", ".join(tuning.before or {}) or "nothing",
    }


def tuning_line(tuning: Tuning) -> str | None:
    """One line for the summary; None where nothing was tuned and the sending program is not pinned to a CPU."""
    if tuning.before is None and tuning.cpu is None:
        return None
    return "; ".join(f"{label}: {text}" for label, text in tuning_texts(tuning).items())


def _on_off(flow_control: Mapping[str, bool]) -> str:
    return ", ".join(f"{direction} {'on' if on else 'off'}" for direction, on in flow_control.items())


def _interrupts(tuning: Tuning) -> str:
    lists = sorted(set(tuning.irq_affinity))
    text = f"CPUs {' or '.join(lists)}" if lists else "none of its own"
    return f"{text}, irqbalance runs" if tuning.irqbalance else text


def _cpu(tuning: Tuning) -> str:
    if tuning.cpu is None:
        return "chosen by the scheduler"
    isolated = tuning.cpu in parse_cpus(tuning.isolated_cpus)
    return f"{tuning.cpu}, {'isolated' if isolated else 'not isolated'}"
