"""A host as its files in /proc and /sys show it, in a folder: bare metal or a guest, with one interface."""

from __future__ import annotations

import os
from pathlib import Path

from linerate.nic.attachment import Attachment, read_attachment
from linerate.nic.read import Nic
from linerate.system.machine import Machine, read_machine

GBIT = 10**9


class SimulatedHost:
    """A computer without a hypervisor and one interface without a device, to which the methods add."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.nic = Nic("ens17", "02:00:00:00:00:01", 1500, "up", True, 10 * GBIT, None, None, None, None, {})
        self.put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme sse4_2\n")
        self.put("proc/stat", "cpu  100000 0 50000 800000 1000 0 500 0 0 0\ncpu0 1 2 3\n")
        self.put("sys/class/net/ens17/queues/tx-0/xps_cpus", "0")
        self.node(0, 0, 1)

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def link(self, name: str, target: str) -> None:
        """A relative link, as in sysfs. Its target need not exist yet."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(self.root / target, path.parent))

    def firmware(self, vendor: str, product: str) -> None:
        self.put("sys/class/dmi/id/sys_vendor", vendor)
        self.put("sys/class/dmi/id/product_name", product)

    def guest(self, clocks: str = "tsc kvm-clock", product: str = "Standard PC (Q35 + ICH9, 2009)") -> None:
        """Become a guest of QEMU, with KVM where it has that clock."""
        self.put("proc/cpuinfo", "flags\t\t: fpu hypervisor sse4_2")
        self.put("sys/devices/system/clocksource/clocksource0/available_clocksource", clocks)
        self.firmware("QEMU", product)

    def node(self, number: int, *cpus: int) -> None:
        for cpu in cpus:
            (self.root / f"sys/devices/system/node/node{number}/cpu{cpu}").mkdir(parents=True)

    def function(self, place: str, ids: str, subsystem: str = "8086:0003", link: str = "", **values: str) -> str:
        """Add a PCI function below sys/devices/pci0000:00; ``link`` as in "5.0 GT/s PCIe x8". Returns its folder."""
        folder = f"sys/devices/pci0000:00/{place}"
        speed, _, lanes = link.partition(" x")
        for prefix, pair in (("", ids), ("subsystem_", subsystem)):
            for name, value in zip(("vendor", "device"), pair.split(":")):
                self.put(f"{folder}/{prefix}{name}", f"0x{value}")
        for name, value in {"class": "0x020000", "numa_node": "-1", **values}.items():
            self.put(f"{folder}/{name}", value)
        if link:
            self.put(f"{folder}/current_link_speed", speed)
            self.put(f"{folder}/current_link_width", lanes)
        self.bus(folder, "pci")
        return folder

    def bus(self, folder: str, name: str) -> None:
        (self.root / f"sys/bus/{name}").mkdir(parents=True, exist_ok=True)
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.link(f"{folder}/subsystem", f"sys/bus/{name}")

    def attach(self, device: str, driver: str, queues: int = 1) -> None:
        """Put the interface on a device."""
        self.link("sys/class/net/ens17/device", device)
        self.nic = Nic(**{**vars(self.nic), "driver": driver})
        for queue in range(queues):
            (self.root / f"sys/class/net/ens17/queues/tx-{queue}").mkdir(parents=True, exist_ok=True)

    def iommu_group(self, number: int, *functions: str) -> None:
        for function in functions:
            self.link(f"sys/kernel/iommu_groups/{number}/devices/{Path(function).name}", function)
            self.link(f"{function}/iommu_group", f"sys/kernel/iommu_groups/{number}")

    def machine(self) -> Machine:
        return read_machine(str(self.root))

    def attachment(self, cpu: int | None = None, zerocopy: bool | None = None) -> Attachment:
        return read_attachment(self.nic, self.machine(), cpu, zerocopy, str(self.root))
