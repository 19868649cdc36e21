"""A simulated host with four CPUs and a NIC of four queues: ethtool, the kernel's files, and systemd."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from linerate.system.run import Completed
from linerate.tuning import tune
from linerate.tuning.pin import PARTITION
from linerate.tuning.tune import Host

FIXTURES = Path(__file__).parents[2] / "fixtures/ethtool"
CPUS, IRQS = 4, (44, 45, 46, 47)


class Machine:
    """``changes`` is every command that changes something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changes: list[str] = []
        self.routes: list[dict[str, str]] = []
        self.rings = {"RX": 256, "TX": 256}
        self.pause = {"Autonegotiate": "on", "RX": "on", "TX": "on"}
        self.features = (FIXTURES / "e1000-k.txt").read_text()
        self.failing: dict[str, str] = {}
        self.partition_state = "isolated"
        self._write_files()

    def put(self, name: str, text: str) -> Path:
        """Write a file, relative to the root folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
        return path

    def text(self, name: str) -> str:
        return (self.root / name).read_text().strip()

    def _write_files(self) -> None:
        self.put("sys/devices/system/cpu/online", f"0-{CPUS - 1}")
        self.put("sys/devices/system/cpu/isolated", "")
        for cpu in range(CPUS):
            self.put(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor", "powersave")
            self.put(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_available_governors", "performance powersave")
        for name, value in (("flags", "0x1003"), ("mtu", "1500"), ("carrier", "1")):
            self.put(f"sys/class/net/ens4/{name}", value)
        device = self.root / "sys/devices/pci0000:00/0000:00:04.0"
        for irq in IRQS:
            self.put(f"sys/devices/pci0000:00/0000:00:04.0/msi_irqs/{irq}", "msix")
            self.put(f"proc/irq/{irq}/smp_affinity_list", f"0-{CPUS - 1}")
        (self.root / "sys/class/net/ens4/device").symlink_to(device)
        self.put("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory")
        (self.root / "run/systemd/system").mkdir(parents=True)

    def governors(self) -> set[str]:
        return {self.text(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor") for cpu in range(CPUS)}

    def affinities(self) -> list[str]:
        return [self.text(f"proc/irq/{irq}/smp_affinity_list") for irq in IRQS]

    def run(self, argv: Sequence[str]) -> Completed:
        line = " ".join(argv)
        if line == "ethtool -g ens4":
            text = (FIXTURES / "e1000-g.txt").read_text()
            maximum, heading, current = text.partition("Current hardware settings:")
            for ring, size in self.rings.items():
                current = re.sub(rf"^{ring}:\t+\d+", f"{ring}:\t\t{size}", current, flags=re.MULTILINE)
            return Completed(tuple(argv), 0, maximum + heading + current, "")
        if line == "ethtool -a ens4":
            return Completed(tuple(argv), 0, "".join(f"{name}:\t{value}\n" for name, value in self.pause.items()), "")
        if line == "ethtool -k ens4":
            return Completed(tuple(argv), 0, self.features, "")
        if argv[0] in ("ip", "bridge"):
            shown = json.dumps(self.routes) if list(argv[1:3]) == ["-json", "route"] else ""
            return Completed(tuple(argv), 0, shown, "")
        self.changes.append(line)
        for part, message in self.failing.items():
            if part in line:
                return Completed(tuple(argv), 1, "", message)
        self._execute(argv)
        return Completed(tuple(argv), 0, "", "")

    def _execute(self, argv: Sequence[str]) -> None:
        if tuple(argv[:2]) == ("systemctl", "start"):
            cpus = re.findall(r"AllowedCPUs=(.*)", self.text("run/systemd/system/linerate.slice"))
            self.put(f"{PARTITION}/cpuset.cpus", cpus[0])
            self.put(f"{PARTITION}/cpuset.cpus.partition", "member")
        elif tuple(argv[:2]) == ("systemctl", "stop"):
            for path in (self.root / PARTITION).glob("*"):
                path.unlink()
            (self.root / PARTITION).rmdir()
        elif argv[0] == "ethtool":
            pairs = dict(zip(argv[3::2], argv[4::2]))
            if argv[1] == "-G":
                self.rings.update({ring.upper(): int(size) for ring, size in pairs.items()})
            elif argv[1] == "-A":
                self.pause.update({direction.upper(): value for direction, value in pairs.items()})
            else:
                for name, value in pairs.items():
                    self.features = re.sub(
                        rf"^(\s*{LONG.get(name, name)}): \w+", rf"\g<1>: {value}", self.features, flags=re.MULTILINE
                    )


LONG = {"gso": "generic-segmentation-offload", "rx": "rx-checksumming", "gro": "generic-receive-offload"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(autouse=True)
def quick_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the carrier: this NIC's link is never reset."""
    monkeypatch.setattr(tune, "SETTLED_SECONDS", 0.0)


@pytest.fixture
def host(machine: Machine) -> Host:
    return Host(machine.run, {}, str(machine.root))
