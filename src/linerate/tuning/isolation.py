"""The sender's core in an isolated partition (cgroup v2, cpuset): the scheduler places nothing else on it.

systemd makes the cgroup, as a slice with AllowedCPUs: one that it does not know of loses its cpuset the next time
that systemd sets up the controllers. Interrupts and threads that the kernel bound to the CPU stay there; only the
kernel's own option isolcpus, with a reboot, takes more away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import HostError
from ..system.run import Runner
from .aspect import Step, UnavailableError, Wishes, command, text_of, write
from .cpus import format_cpus, online_cpus, parse_cpus
from .pin import PARTITION, partition_cpus

UNIT = "linerate.slice"
UNIT_FILE = f"run/systemd/system/{UNIT}"
CONTROLLERS = "sys/fs/cgroup/cgroup.controllers"
BOOT_ISOLATED = "sys/devices/system/cpu/isolated"


class Isolation:
    """The CPUs of the isolated partition, by cpus; empty where there is none."""

    name = "isolation"

    def __init__(self, wishes: Wishes, run: Runner, root: str) -> None:
        self._core, self._run, self._root = wishes.core, run, root

    def read(self) -> dict[str, str]:
        """The partition now."""
        if "cpuset" not in (text_of(self._root, CONTROLLERS) or "").split():
            raise UnavailableError("there is no cgroup v2 with cpuset at /sys/fs/cgroup")
        if not Path(self._root, "run/systemd/system").is_dir():
            raise UnavailableError("systemd does not run")
        cpus = format_cpus(partition_cpus(self._root))
        return {"cpus": cpus or ("not valid" if Path(self._root, UNIT_FILE).exists() else "")}

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The sender's core alone; nothing where the kernel was booted with it isolated."""
        if self._core is None:
            raise UnavailableError("sender_tuning_core names no CPU")
        if online_cpus(self._root) == {self._core}:
            raise UnavailableError(f"CPU {self._core} is the only one")
        if self._core in boot_isolated(self._root):
            return {}
        return {"cpus": str(self._core)}

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """Take down what is there, and make the slice and its partition anew where one is wanted."""
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
                Step(f"write /{UNIT_FILE}: AllowedCPUs={settings['cpus']}", unit.make),
                command(self._run, "systemctl", "daemon-reload"),
                command(self._run, "systemctl", "start", UNIT),
                Step(f"write /{PARTITION}/cpuset.cpus.partition: isolated", self._isolate),
            ]
        return steps

    def _isolate(self) -> None:
        """Make the slice a partition; what was made for it goes where the kernel does not take it."""
        name = f"{PARTITION}/cpuset.cpus.partition"
        try:
            write(self._root, name, "isolated").make()
            state = text_of(self._root, name)
            if state != "isolated":
                hint = "Set sender_tuning_isolate to false, or choose another core."
                raise HostError("cpuset partition", f"/{PARTITION}", f"is not valid here: {state}", hint)
        except HostError:
            for step in self.steps({"cpus": ""}):
                step.make()
            raise


def boot_isolated(root: str = "/") -> frozenset[int]:
    """The CPUs that the kernel was booted with isolcpus for."""
    return parse_cpus(text_of(root, BOOT_ISOLATED) or "")


def isolated_cpus(root: str = "/") -> frozenset[int]:
    """The CPUs that the scheduler places nothing on by itself."""
    return boot_isolated(root) | partition_cpus(root)
