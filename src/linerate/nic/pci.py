"""The PCI function of an interface: its identity, the bandwidth of its PCIe link, and its IOMMU group."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..record import Record

_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_SPEED = re.compile(r"([0-9.]+) GT/s")
_EIGHT_OF_TEN_BITS_UP_TO = 5.0
"""GT/s: faster links use 128 of 130 bits instead of 8 of 10 (PCI Express Base Specification, Physical Layer)."""
_UNKNOWN_WIDTHS = ("0", "255")
_BRIDGE = "0x06"


@dataclass(frozen=True)
class PcieLink(Record):
    """A PCIe link as negotiated: ``gigatransfers`` per second and lane, and ``bps``, bit/s without line coding."""

    gigatransfers: float
    lanes: int
    bps: int

    def __str__(self) -> str:
        return f"{self.gigatransfers:g} GT/s x{self.lanes}"


@dataclass(frozen=True)
class IommuGroup(Record):
    """An IOMMU group. ``shared_with`` are the addresses of functions of other devices in it, without bridges."""

    number: str
    shared_with: tuple[str, ...]


def function_of(interface: str, root: str = "/") -> Path | None:
    """The folder in sysfs of the PCI function that ``interface`` is on; None where it is on none."""
    device = Path(root, "sys/class/net", interface, "device").resolve()
    return next((place for place in (device, *device.parents) if _ADDRESS.fullmatch(place.name)), None)


def identity(function: Path, prefix: str = "") -> str:
    """The vendor and device of a function as in `lspci -n`, "8086:10fb"; with "subsystem_", those of the card."""
    return ":".join((attribute(function, prefix + name) or "?").removeprefix("0x") for name in ("vendor", "device"))


def slowest_link(function: Path, whole_path: bool) -> PcieLink | None:
    """The slowest link between the function and the CPU, or its own; None where no link states its speed.

    A guest sees the true link of a function that is passed through; the bridges above it are its hypervisor's.
    """
    bridges = [place for place in function.parents if _ADDRESS.fullmatch(place.name)] if whole_path else []
    links = [link for link in map(_link, (function, *bridges)) if link]
    return min(links, key=lambda link: link.bps, default=None)


def _link(function: Path) -> PcieLink | None:
    speed = _SPEED.match(attribute(function, "current_link_speed") or "")
    width = attribute(function, "current_link_width") or "0"
    if speed is None or width in _UNKNOWN_WIDTHS:
        return None
    gigatransfers = float(speed[1])
    coding = 8 / 10 if gigatransfers <= _EIGHT_OF_TEN_BITS_UP_TO else 128 / 130
    return PcieLink(gigatransfers, int(width), round(gigatransfers * 1e9 * coding * int(width)))


def iommu_group(function: Path) -> IommuGroup | None:
    """The IOMMU group of a function; None without an IOMMU."""
    group = function / "iommu_group"
    if not group.exists():
        return None
    device = function.name.rpartition(".")[0]
    others = [
        place.name
        for place in (group / "devices").iterdir()
        if place.name.rpartition(".")[0] != device and not (attribute(place, "class") or "").startswith(_BRIDGE)
    ]
    return IommuGroup(group.resolve().name, tuple(sorted(others)))


def attribute(function: Path, name: str) -> str | None:
    """The value of a file in sysfs; None where it is missing or the device does not answer."""
    try:
        return (function / name).read_text(encoding="ascii").strip()
    except OSError:
        return None
