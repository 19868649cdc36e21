"""Aspects of the NIC: its rings, its flow control, its offloads; read and set by ethtool(8)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..nic.offloads import feature_groups, read_features
from ..nic.state import read_state
from ..system.run import Runner
from .aspect import Step, UnavailableError, Wishes, command

_RING = re.compile(r"^(RX|TX):\s+(\d+)$", re.MULTILINE)
_SECOND_PART = "Current hardware settings:"


class Rings:
    """How many descriptors the rings hold, by rx and tx."""

    name = "rings"

    def __init__(self, wishes: Wishes, run: Runner) -> None:
        self._wishes, self._run = wishes, run

    def read(self) -> dict[str, str]:
        """The sizes now."""
        return read_rings(self._wishes.interface, self._run)[1]

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The most that the NIC can have, or the number given."""
        most, _ = read_rings(self._wishes.interface, self._run)
        if self._wishes.rings == "max":
            return {ring: most[ring] for ring in found}
        wished = int(self._wishes.rings)
        for ring in found:
            if wished > int(most[ring]):
                raise UnavailableError(f"the {ring} ring holds at most {most[ring]}")
        return dict.fromkeys(found, str(wished))

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One command for both: each may reset the link."""
        return [_ethtool(self._run, "-G", self._wishes.interface, settings)]


def read_rings(interface: str, run: Runner) -> tuple[dict[str, str], dict[str, str]]:
    """The most descriptors that the rings of ``interface`` can have, and have. UnavailableError without any."""
    done = run(["ethtool", "-g", interface])
    most, _, now = done.stdout.partition(_SECOND_PART)
    at_most = {match[1].lower(): match[2] for match in _RING.finditer(most)}
    sizes = {match[1].lower(): match[2] for match in _RING.finditer(now)}
    sizes = {ring: size for ring, size in sizes.items() if ring in at_most}
    if done.returncode != 0 or not sizes:
        raise UnavailableError(f"the driver of {interface} has no rings to set")
    return at_most, sizes


class FlowControl:
    """Whether the NIC heeds (rx) and sends (tx) PAUSE frames of IEEE 802.3x."""

    name = "flow_control"

    def __init__(self, wishes: Wishes, run: Runner, root: str) -> None:
        self._wishes, self._run, self._root = wishes, run, root

    def read(self) -> dict[str, str]:
        """As `ethtool -a` says, also whether it is negotiated."""
        found = read_state(self._wishes.interface, self._run, self._root).pause
        if not found:
            raise UnavailableError(f"the driver of {self._wishes.interface} has no flow control to set")
        return _words(found)

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """Both ways alike. What the NIC offers its peer follows; that it negotiates stays."""
        return {way: self._wishes.flow_control for way in found if way != "autoneg"}

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One command for both."""
        return [_ethtool(self._run, "-A", self._wishes.interface, settings)]


class Offloads:
    """What the NIC does in place of the CPU, by the names of `ethtool -K`."""

    name = "offloads"

    def __init__(self, wishes: Wishes, run: Runner, root: str) -> None:
        self._wishes, self._run, self._root = wishes, run, root

    def read(self) -> dict[str, str]:
        """Those that can be changed."""
        return _words(read_state(self._wishes.interface, self._run, self._root).offloads)

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """Those given; one that stands for several is these."""
        groups = feature_groups(read_features(self._wishes.interface, self._run))
        wanted = {}
        for name, on in self._wishes.offloads.items():
            members = [member for member in [name, *groups.get(name, ())] if member in found]
            if not members:
                raise UnavailableError(f"{self._wishes.interface} has no offload {name} that can be changed")
            wanted.update(_words(dict.fromkeys(members, on)))
        return wanted

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One command for all."""
        return [_ethtool(self._run, "-K", self._wishes.interface, settings)]


def _ethtool(run: Runner, option: str, interface: str, settings: Mapping[str, str]) -> Step:
    return command(run, "ethtool", option, interface, *(word for pair in settings.items() for word in pair))


def _words(settings: Mapping[str, bool]) -> dict[str, str]:
    return {name: "on" if on else "off" for name, on in settings.items()}
