"""How an interface is attached to its host, what that means for the send methods, and where it limits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ..record import Record
from ..system.machine import BARE_METAL, GUEST, NOTABLE_STEAL_PERCENT, QEMU, Machine
from ..units import GBIT
from .pci import IommuGroup, PcieLink, attribute, function_of, identity, iommu_group, slowest_link
from .read import Nic

PHYSICAL, PASSTHROUGH, VIRTUAL_FUNCTION = "physical", "passed through", "virtual function"
VIRTIO, EMULATED, PTNET, SOFTWARE = "virtio", "emulated", "ptnet", "software"

_INTEL = ("e1000", "e1000e", "i40e", "ice", "igb", "igc", "ixgbe", "ixgbevf")
NATIVE_NETMAP = frozenset((*_INTEL, "forcedeth", "mlx5_core", "r8169", "stmmac", "veth", "virtio_net", "vmxnet3"))
"""The drivers that netmap has patches for (LINUX/configure, driver_avail); not each patch fits each kernel."""
ZEROCOPY_XDP = frozenset(("i40e", "ice", "igc", "ixgbe", "mlx5_core", "nfp", "stmmac"))
"""The drivers with zero-copy for XDP sockets in Linux 6.1 (ndo_xsk_wakeup). Newer kernels have more, and say so."""

_HYPERVISOR_VENDORS = ("1af4", "1b36", "15ad", "80ee", "1ab8", "1414", "5853", "1ae0")
"""PCI vendors of hypervisors, also as subsystem of emulated cards: Red Hat twice, VMware, VirtualBox, Parallels,
Microsoft, Xen, Google."""
_EMULATED_CARDS = ("8086:100e", "8086:100f", "10ec:8029", "10ec:8139", "1022:2000")
"""Cards that hypervisors emulate. They predate PCIe, so that a guest does not have a passed-through one."""
_QEMU_E1000E = ("8086:10d3", "8086:0000")
_PTNET = "1b36:000d"
"""sys/net/netmap_virt.h of netmap."""
_HYPERVISOR_BUSES = ("xen", "vmbus")
_MELLANOX_FUNCTIONS = ("15b3:1014", "15b3:1016", "15b3:1018", "15b3:101a", "15b3:101c", "15b3:101e")
"""Virtual functions whose driver is that of the physical one; the others' end in "vf"."""
_PCIE_BYTES_PER_WIRE_BYTE = 1.2
"""A frame of 64 B takes 84 B of the wire, and 101 B of PCIe: 60 B of data, a header of 20 B, and a descriptor of 16 B
with a quarter of a header. Longer frames need less."""


@dataclass(frozen=True)
class Attachment(Record):
    """How an interface is attached.

    ``kind`` is physical, passed through or virtual function (PCI functions of a real card), virtio, emulated, ptnet
    (a netmap port of the host), or software (veth, loopback and others without a device). ``device`` is its PCI vendor
    and device. ``netmap`` (native, emulated or none) and ``af_xdp`` (zerocopy or copy) are the best adapters that its
    driver can have. ``limits`` say what keeps the rate low, and what to do.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"pcie": PcieLink, "iommu": IommuGroup}

    kind: str
    device: str | None
    tx_queues: int
    numa_node: int | None
    pcie: PcieLink | None
    iommu: IommuGroup | None
    netmap: str
    af_xdp: str
    limits: tuple[str, ...]

    @property
    def virtual(self) -> bool:
        """Whether the link exists in software only: it carries more or less than the speed that its driver states."""
        return self.kind in (SOFTWARE, VIRTIO, EMULATED, PTNET)


def sends_without_a_copy(driver: str | None, told: bool | None) -> bool:
    """Whether a driver has zero-copy for XDP sockets: as the kernel ``told``, or by its name where that cannot."""
    return driver in ZEROCOPY_XDP if told is None else told


def read_attachment(
    nic: Nic, machine: Machine, cpu: int | None = None, zerocopy: bool | None = None, root: str = "/"
) -> Attachment:
    """Read how ``nic`` is attached to ``machine``.

    ``cpu`` is the one that the sending program is to be pinned to; ``zerocopy`` is whether the kernel says that the
    driver has zero-copy for XDP sockets, None where it does not say.
    """
    function = function_of(nic.interface, root)
    node = attribute(function, "numa_node") if function else None
    numa_node = int(node) if node and int(node) >= 0 else None
    kind = _kind(nic, machine, function, root)
    queues = Path(root, "sys/class/net", nic.interface, "queues")
    # A virtio or an emulated card states a link that does not exist.
    real = function if kind in (PHYSICAL, PASSTHROUGH, VIRTUAL_FUNCTION) else None
    found = Attachment(
        kind=kind,
        device=identity(function) if function else None,
        tx_queues=len(list(queues.glob("tx-*"))),
        numa_node=numa_node,
        pcie=slowest_link(real, whole_path=machine.kind != GUEST) if real else None,
        iommu=iommu_group(real) if real else None,
        netmap=_netmap(nic, kind),
        af_xdp="zerocopy" if sends_without_a_copy(nic.driver, zerocopy) else "copy",
        limits=(),
    )
    return replace(found, limits=(*_limits(nic, machine, found), *_numa_limits(numa_node, cpu, root)))


def _kind(nic: Nic, machine: Machine, function: Path | None, root: str) -> str:
    device = Path(root, "sys/class/net", nic.interface, "device").resolve()
    bus = (device / "subsystem").resolve().name
    if not device.exists():
        return SOFTWARE
    if bus == "virtio":
        return VIRTIO
    if bus in _HYPERVISOR_BUSES:
        return EMULATED
    kind = _function_kind(nic, function, machine.kind == GUEST) if function else None
    return kind or (PASSTHROUGH if machine.kind == GUEST else PHYSICAL)


def _function_kind(nic: Nic, function: Path, guest: bool) -> str | None:
    """What the identity of a PCI function tells; None for a whole card."""
    if identity(function) == _PTNET:
        return PTNET
    if guest and _emulated(function):
        return EMULATED
    return VIRTUAL_FUNCTION if _virtual_function(nic, function) else None


def _emulated(function: Path) -> bool:
    """Whether a hypervisor implements the card: it states its own vendor, or that of the card it imitates."""
    card, subsystem = identity(function), identity(function, "subsystem_")
    return (
        card.partition(":")[0] in _HYPERVISOR_VENDORS
        or subsystem.partition(":")[0] in _HYPERVISOR_VENDORS
        or card in _EMULATED_CARDS
        or (card, subsystem) == _QEMU_E1000E
    )


def _virtual_function(nic: Nic, function: Path) -> bool:
    """A guest does not see the physical function, so the driver tells as well."""
    physical = (function / "physfn").exists()
    return physical or (nic.driver or "").endswith("vf") or identity(function) in _MELLANOX_FUNCTIONS


def _netmap(nic: Nic, kind: str) -> str:
    if nic.interface == "lo":
        return "none"
    return "native" if kind == PTNET or nic.driver in NATIVE_NETMAP else "emulated"


def _limits(nic: Nic, machine: Machine, attachment: Attachment) -> Iterator[str]:
    if machine.hypervisor == QEMU:
        yield (
            "The guest has no clock of KVM, so QEMU may emulate its CPU; then rates are useful as ratios only. "
            "Start it with KVM."
        )
    if (machine.steal_percent or 0) >= NOTABLE_STEAL_PERCENT:
        yield (
            "The hypervisor took CPUs away from the guest while they had work (steal time). Pin the guest's CPUs to "
            "cores that nothing else uses."
        )
    if attachment.kind in (VIRTIO, EMULATED):
        yield (
            "The hypervisor implements the NIC, and its software limits the rate, not a port. Pass a card through to "
            "measure at the rate of a port."
        )
    if attachment.kind == VIRTUAL_FUNCTION:
        yield (
            "The NIC is a virtual function: it shares its port, and spoof checking discards frames that have another "
            "source MAC. Send from the NIC's own MAC, or turn spoof checking off on the physical function."
        )
    if attachment.kind != SOFTWARE and attachment.tx_queues == 1:
        yield "The NIC has one transmit queue, so one core at a time sends. Give it more, or use a card that has more."
    needed = (nic.speed_bps or 0) * _PCIE_BYTES_PER_WIRE_BYTE
    link = attachment.pcie
    if link and link.bps < needed:
        yield (
            f"The PCIe link of {link} carries {link.bps / GBIT:.4g} Gbit/s, and the port needs {needed / GBIT:.4g} "
            "Gbit/s for short frames. Use a slot with more or faster lanes."
        )
    group = attachment.iommu
    if attachment.kind == PHYSICAL and group and group.shared_with:
        yield (
            f"The NIC has no IOMMU group of its own (group {group.number} also has {', '.join(group.shared_with)}), so "
            "it cannot be passed through alone. For that, use another slot; sending from this host is not affected."
        )


def _numa_limits(node: int | None, cpu: int | None, root: str) -> Iterator[str]:
    nodes = Path(root, "sys/devices/system/node")
    if node is None or len(list(nodes.glob("node[0-9]*"))) < 2:
        return
    if cpu is None:
        yield f"The NIC is on NUMA node {node}, and the sending program may run on another. Pin it to one of that node."
    elif not (nodes / f"node{node}/cpu{cpu}").exists():
        yield f"The NIC is on NUMA node {node}, and CPU {cpu} is not. Pin the sending program to a CPU of that node."


def describe(driver: str | None, machine: Machine, attachment: Attachment) -> dict[str, str]:
    """The machine, the attachment and the adapters in words, by what they describe."""
    return {
        "Machine": machine_text(machine),
        "Attachment": attachment_text(attachment),
        "Best adapters": (
            f"netmap {attachment.netmap}, AF_XDP {attachment.af_xdp}, by the driver {driver or '(none)'}"
        ),
        "Limits": " ".join(attachment.limits) or "none found",
    }


def machine_text(machine: Machine) -> str:
    """A phrase: "guest of KVM (QEMU Standard PC (Q35 + ICH9, 2009)), steal time 0.08 %"."""
    kinds = {BARE_METAL: BARE_METAL, GUEST: f"guest of {machine.hypervisor or 'an unknown hypervisor'}"}
    kind = kinds.get(machine.kind, "not known whether bare metal or a guest")
    parts = [f"{kind} ({machine.model})" if machine.model else kind]
    if machine.container:
        parts.append(f"in a container ({machine.container})")
    if machine.own_network_namespace:
        parts.append("in a network namespace of its own")
    if machine.steal_percent is not None:
        parts.append(f"steal time {machine.steal_percent:g} %")
    return ", ".join(parts)


def attachment_text(attachment: Attachment) -> str:
    """A phrase: "passed through (8086:10fb), 8 transmit queues, PCIe 5 GT/s x8, NUMA node 0"."""
    queues, group = attachment.tx_queues, attachment.iommu
    parts = [
        f"{attachment.kind} ({attachment.device})" if attachment.device else attachment.kind,
        f"{queues} transmit queue" + ("" if queues == 1 else "s"),
    ]
    if attachment.pcie:
        parts.append(f"PCIe {attachment.pcie}")
    if attachment.numa_node is not None:
        parts.append(f"NUMA node {attachment.numa_node}")
    if group:
        parts.append(
            f"IOMMU group {group.number} "
            + (f"with {', '.join(group.shared_with)}" if group.shared_with else "of its own")
        )
    elif attachment.kind == PHYSICAL:
        parts.append("no IOMMU group")
    return ", ".join(parts)
