"""What a host is: bare metal or a guest, of which hypervisor, and whether this process is in a container."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..record import Record

BARE_METAL, GUEST, UNKNOWN = "bare metal", "guest", "unknown"
KVM, QEMU, XEN, HYPER_V = "KVM", "QEMU", "Xen", "Hyper-V"
NOTABLE_STEAL_PERCENT = 0.1
"""A sender that stands still for a thousandth of the time lacks as many packets as the tolerance of a count."""

_CLOCKS = {"kvm-clock": KVM, "hyperv_clocksource_tsc_page": HYPER_V, "hyperv_clocksource_msr": HYPER_V, "xen": XEN}
"""Clocks that only a guest of that hypervisor has."""
_MODELS = (
    ("VMware", "VMware"),
    ("VirtualBox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("Microsoft Corporation Virtual Machine", HYPER_V),
    ("Xen", XEN),
    ("Parallels", "Parallels"),
    ("BHYVE", "bhyve"),
    ("Amazon EC2", "Amazon EC2"),
    ("Google Compute Engine", "Google Compute Engine"),
    ("QEMU", QEMU),
    ("KVM", KVM),
)
"""What the vendor and the product of a guest's machine contain, and the hypervisor that says so."""
_CONTAINERS = (("run/.containerenv", "podman"), (".dockerenv", "docker"))
_IDLE, _IO_WAIT, _STEAL = 3, 4, 7
"""Places in the line `cpu` of /proc/stat (proc_stat(5))."""


@dataclass(frozen=True)
class Machine(Record):
    """A host. ``kind`` is bare metal, guest, or unknown; ``hypervisor`` is that of a guest, None where it is hidden.

    ``model`` is the vendor and product that the firmware states; ``container`` the kind of container of this process.
    ``own_network_namespace`` is whether it has another network namespace than process 1, None where that is hidden.
    ``steal_percent`` is the share of the time in which the CPUs had work and the hypervisor ran something else, since
    boot; None on bare metal. ``evidence`` are the values that the kind and the hypervisor follow from.
    """

    kind: str
    hypervisor: str | None
    model: str | None
    container: str | None
    own_network_namespace: bool | None
    steal_percent: float | None
    evidence: tuple[str, ...]


def read_machine(root: str = "/") -> Machine:
    """Read what the host is from its files below ``root``."""
    model = " ".join(filter(None, (_text(f"sys/class/dmi/id/{name}", root) for name in ("sys_vendor", "product_name"))))
    clues = list(_clues(model, root))
    hypervisor = next((name for _, name in clues if name), None)
    flags = re.search(r"^flags\s*:(.*)", _text("proc/cpuinfo", root) or "", re.MULTILINE)
    evidence = [line for line, _ in clues]
    if _text("proc/xen/capabilities", root) == "control_d":
        # Xen's own control domain drives the hardware.
        kind, hypervisor, evidence = BARE_METAL, None, ["/proc/xen/capabilities: control_d"]
    elif flags:
        guest = "hypervisor" in flags[1].split()
        kind = GUEST if guest else BARE_METAL
        evidence.insert(0, f"/proc/cpuinfo: {'the flag' if guest else 'no flag'} hypervisor")
        # A vendor of hypervisors also sells computers.
        hypervisor = hypervisor if guest else None
    else:
        kind = GUEST if hypervisor else UNKNOWN
    return Machine(
        kind=kind,
        hypervisor=hypervisor,
        model=model or None,
        container=_container(root),
        own_network_namespace=_own_network_namespace(root),
        steal_percent=_steal_percent(root) if kind == GUEST else None,
        evidence=tuple(evidence),
    )


def _clues(model: str, root: str) -> Iterator[tuple[str, str | None]]:
    """What tells of a hypervisor, the most reliable first, and its name."""
    xen = _text("sys/hypervisor/type", root)
    if xen:
        yield f"/sys/hypervisor/type: {xen}", {"xen": XEN}.get(xen, xen)
    place = "sys/devices/system/clocksource/clocksource0/available_clocksource"
    for clock in (_text(place, root) or "").split():
        if clock in _CLOCKS:
            yield f"available_clocksource: {clock}", _CLOCKS[clock]
    if model:
        yield f"/sys/class/dmi/id: {model}", next((name for part, name in _MODELS if part in model), None)


def _container(root: str) -> str | None:
    named = _text("run/systemd/container", root)
    return named or next((name for place, name in _CONTAINERS if Path(root, place).exists()), None)


def _own_network_namespace(root: str) -> bool | None:
    try:
        own, first = (os.readlink(Path(root, f"proc/{process}/ns/net")) for process in ("self", "1"))
    except OSError:
        return None
    return own != first


def _steal_percent(root: str) -> float | None:
    match = re.search(r"^cpu +(.*)", _text("proc/stat", root) or "", re.MULTILINE)
    ticks = [int(value) for value in match[1].split()[: _STEAL + 1]] if match else []
    if len(ticks) <= _STEAL:
        return None
    had_work = sum(ticks) - ticks[_IDLE] - ticks[_IO_WAIT]
    return round(100 * ticks[_STEAL] / had_work, 2) if had_work else 0.0


def _text(place: str, root: str) -> str | None:
    try:
        return Path(root, place).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
