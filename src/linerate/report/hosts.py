"""The environment of a run: both hosts side by side, and the plan."""

from __future__ import annotations

from typing import Union

from ..nic.attachment import describe
from ..results.run import Host, Run
from .details import Pair
from .text import NONE, Folded, bit_rate, byte_size, clean, count, number
from .tuning import tuning_texts

Text = Union[str, Folded]


def plan(run: Run) -> list[Pair]:
    """The scenario and the plan, as label and text."""
    plan = run.info.plan
    return [
        ("Scenario", clean(run.info.scenario)),
        ("Planned", f"{count(len(plan.trials), 'trial')}, about {number(plan.estimated_seconds)} s"),
        ("Without a result", ", ".join(clean(trial_id) for trial_id in run.missing) or "none"),
    ]


def hosts(run: Run) -> list[tuple[str, Text, Text]]:
    """Label, sender's text, receiver's text."""
    environment = run.info.environment
    sender = _host(environment.sender)
    receiver = _host(environment.receiver) if environment.receiver else {}
    labels = dict.fromkeys((*sender, *receiver))
    return [(label, sender.get(label, NONE), receiver.get(label, NONE)) for label in labels]


def _host(host: Host) -> dict[str, Text]:
    nic = host.nic
    on = sorted(name for name, value in nic.offloads.items() if value)
    off = sorted(name for name, value in nic.offloads.items() if not value)
    texts = {
        "Host": host.name,
        "Operating system": host.os,
        "Kernel": host.kernel,
        "CPU": f"{host.cpu_model}, {count(host.cpus, 'CPU')}",
        "Memory": byte_size(host.memory_bytes),
        "CPU governor": host.governor or "not known",
        "Python": host.python,
        "NIC": f"{nic.interface}, {nic.mac}",
        "Driver": " ".join(part for part in (nic.driver, nic.driver_version) if part) or "not known",
        "Firmware": nic.firmware or "not known",
        "Bus": nic.bus or "not known",
        "Speed": "not known" if nic.speed_bps is None else bit_rate(nic.speed_bps),
        "MTU": f"{nic.mtu} B",
        "Offloads on": ", ".join(on) or "none",
        "Offloads off": ", ".join(off) or "none",
        **attachment_texts(host),
        **tuning_texts(host.tuning),
        "Versions": ", ".join(f"{name} {version}" for name, version in sorted(host.versions.items())) or "none",
    }
    shown: dict[str, Text] = {label: clean(text) for label, text in texts.items()}
    for label, names in (("Offloads on", on), ("Offloads off", off)):
        if names:
            shown[label] = Folded(count(len(names), "offload"), (clean(", ".join(names)),))
    return shown


def attachment_texts(host: Host) -> dict[str, str]:
    """What the host is, how its NIC is attached, and where that limits it, by label."""
    if host.machine is None or host.attachment is None:
        return {"Machine": "not recorded"}
    return describe(host.nic.driver, host.machine, host.attachment)
