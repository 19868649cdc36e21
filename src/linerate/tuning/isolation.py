"""The sender's CPU in an isolated partition (cgroup v2, cpuset): the scheduler places nothing else on it.

systemd creates the cgroup, as a slice with AllowedCPUs: a cgroup that it does not manage loses its cpuset the next
time systemd configures the controllers. Interrupts and kernel threads bound to the CPU stay; only the kernel option
isolcpus, which needs a reboot, isolates more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import HostError
from ..system.run import Runner
from .aspect import Step, TuningOptions, UnavailableError, command, text_of, write
from .cpus import format_cpus, online_cpus, parse_cpus
from .pin import PARTITION, partition_cpus

UNIT = "linerate.slice"
UNIT_FILE = f"run/systemd/system/{UNIT}"
CONTROLLERS = "sys/fs/cgroup/cgroup.controllers"
BOOT_ISOLATED = "sys/devices/system/cpu/isolated"


class Isolation:
    """The CPUs of the isolated partition, by the key cpus; empty where there is no partition."""

    name = "isolation"

    def __init__(self, options: TuningOptions, run: Runner, root: str) -> None:
        self._core, self._run, self._root = options.core, run, root

    def read(self) -> dict[str, str]:
        """The current partition."""
        if "cpuset" not in (text_of(self._root, CONTROLLERS) or "").split():
            raise UnavailableError("/sys/fs/cgroup is not cgroup v2 with cpuset")
        if not Path(self._root, "run/systemd/system").is_dir():
            raise UnavailableError("systemd is not running")
        cpus = format_cpus(partition_cpus(self._root))
        return {"cpus": cpus or ("not valid" if Path(self._root, UNIT_FILE).exists() else "")}

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The sender's CPU; nothing where the kernel was booted with it isolated."""
        if self._core is None:
            raise UnavailableError("sender_tuning_core is not set")
        if online_cpus(self._root) == {self._core}:
            raise UnavailableError(f"CPU {self._core} is the only one")
        if self._core in boot_isolated(self._root):
            return {}
        return {"cpus": str(self._core)}

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """Remove the existing slice, and create it again with its partition where CPUs are given."""
        steps = []
        if Path(self._root, UNIT_FILE).exists():
            steps = [
                command(self._run, "systemctl", "stop", UNIT),
                Step(f"remove /{UNIT_FILE}", Path(self._root, UNIT_FILE).unlink),
                command(self._run, "systemctl", "daemon-reload"),
            ]
        if settings["cpus"]:
            unit = write(self._root, UNIT_FILE, f"[Slice]\nAllowedCPUs={settings['cpus']}\n")
            steps += [
                Step(f"write /{UNIT_FILE}: AllowedCPUs={settings['cpus']}", unit.apply),
                command(self._run, "systemctl", "daemon-reload"),
                command(self._run, "systemctl", "start", UNIT),
                Step(f"write /{PARTITION}/cpuset.cpus.partition: isolated", self._isolate),
            ]
        return steps

    def _isolate(self) -> None:
        """Make the slice a partition; remove the slice where the kernel rejects that."""
        name = f"{PARTITION}/cpuset.cpus.partition"
        try:
            write(self._root, name, "isolated").apply()
            state = text_of(self._root, name)
            if state != "isolated":
                hint = "Set sender_tuning_isolate to false, or choose another CPU."
                raise HostError("cpuset partition", f"/{PARTITION}", f"is not valid on this host: {state}", hint)
        except HostError:
            for step in self.steps({"cpus": ""}):
                step.apply()
            raise


def boot_isolated(root: str = "/") -> frozenset[int]:
    """The CPUs that the kernel isolates by its option isolcpus."""
    return parse_cpus(text_of(root, BOOT_ISOLATED) or "")


def isolated_cpus(root: str = "/") -> frozenset[int]:
    """The CPUs that are isolated from the scheduler."""
    return boot_isolated(root) | partition_cpus(root)
