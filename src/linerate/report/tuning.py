"""How a host is set for sending, in a person's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tuning.cpus import parse_cpus

LABELS = ("Rings", "Flow control", "Interrupts of the NIC", "CPU of tcpreplay", "Tuned")


def tuning_texts(tuning: Mapping[str, Any] | None) -> dict[str, str]:
    """Text by label; the same labels also for a run from before this was recorded."""
    if tuning is None:
        return dict.fromkeys(LABELS, "not recorded")
    rings, flow = tuning["rings"], tuning["flow_control"]
    texts = (
        ", ".join(f"{ring} {size:,}" for ring, size in rings.items()) if rings else "none to set",
        ", ".join(f"{way} {'on' if on else 'off'}" for way, on in flow.items()) if flow else "none to set",
        _interrupts(tuning),
        _cpu(tuning),
        ", ".join(tuning["before"] or {}) or "nothing",
    )
    return dict(zip(LABELS, texts))


def tuning_line(tuning: Mapping[str, Any] | None) -> str | None:
    """One line for the summary; None where nothing was tuned and tcpreplay is not pinned."""
    if tuning is None or (tuning["before"] is None and tuning["cpu"] is None):
        return None
    return "; ".join(f"{label}: {text}" for label, text in tuning_texts(tuning).items())


def _interrupts(tuning: Mapping[str, Any]) -> str:
    lists = sorted(set(tuning["irq_affinity"]))
    text = f"CPUs {' or '.join(lists)}" if lists else "none of its own"
    return f"{text}, irqbalance runs" if tuning["irqbalance"] else text


def _cpu(tuning: Mapping[str, Any]) -> str:
    if tuning["cpu"] is None:
        return "the scheduler's choice"
    isolated = tuning["cpu"] in parse_cpus(tuning["isolated_cpus"])
    return f"{tuning['cpu']}, {'isolated' if isolated else 'not isolated'}"
