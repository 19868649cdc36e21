"""Aspects of the NIC: rings, flow control and offloads, read and set with ethtool(8)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..nic.offloads import feature_groups, read_features
from ..nic.state import read_state
from ..system.run import Runner
from .aspect import Step, TuningOptions, UnavailableError, command

_RING = re.compile(r"^(RX|TX):\s+(\d+)$", re.MULTILINE)
_SECOND_PART = "Current hardware settings:"


class Rings:
    """The number of descriptors in the rings, by rx and tx."""

    name = "rings"

    def __init__(self, options: TuningOptions, run: Runner) -> None:
        self._options, self._run = options, run

    def read(self) -> dict[str, str]:
        """The current sizes."""
        return read_rings(self._options.interface, self._run)[1]

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The maximum of the NIC, or the number given."""
        maximum, _ = read_rings(self._options.interface, self._run)
        if self._options.rings == "max":
            return {ring: maximum[ring] for ring in found}
        size = int(self._options.rings)
        for ring in found:
            if size > int(maximum[ring]):
                raise UnavailableError(f"the {ring} ring has at most {maximum[ring]} descriptors")
        return dict.fromkeys(found, str(size))

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One command for both rings, since each may reset the link."""
        return [_ethtool(self._run, "-G", self._options.interface, settings)]


def read_rings(interface: str, run: Runner) -> tuple[dict[str, str], dict[str, str]]:
    """The maximum and the current sizes of the rings of ``interface``. Raises UnavailableError without rings."""
    done = run(["ethtool", "-g", interface])
    maximum, _, current = done.stdout.partition(_SECOND_PART)
    maxima = {match[1].lower(): match[2] for match in _RING.finditer(maximum)}
    sizes = {match[1].lower(): match[2] for match in _RING.finditer(current)}
    sizes = {ring: size for ring, size in sizes.items() if ring in maxima}
    if done.returncode != 0 or not sizes:
        raise UnavailableError(f"the driver of {interface} has no configurable rings")
    return maxima, sizes


class FlowControl:
    """Whether the NIC obeys (rx) and sends (tx) PAUSE frames of IEEE 802.3x."""

    name = "flow_control"

    def __init__(self, options: TuningOptions, run: Runner, root: str) -> None:
        self._options, self._run, self._root = options, run, root

    def read(self) -> dict[str, str]:
        """The output of `ethtool -a`, including autonegotiation."""
        found = read_state(self._options.interface, self._run, self._root).pause
        if not found:
            raise UnavailableError(f"the driver of {self._options.interface} has no configurable flow control")
        return _on_off(found)

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The same for both directions. The NIC advertises the new value; autonegotiation stays unchanged."""
        return {direction: self._options.flow_control for direction in found if direction != "autoneg"}

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One command for both directions."""
        return [_ethtool(self._run, "-A", self._options.interface, settings)]


class Offloads:
    """The NIC's offloads, by the names of `ethtool -K`."""

    name = "offloads"

    def __init__(self, options: TuningOptions, run: Runner, root: str) -> None:
        self._options, self._run, self._root = options, run, root

    def read(self) -> dict[str, str]:
        """The offloads that can be changed."""
        return _on_off(read_state(self._options.interface, self._run, self._root).offloads)

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The given offloads; a group is replaced by its members."""
        groups = feature_groups(read_features(self._options.interface, self._run))
        wanted = {}
        for name, on in self._options.offloads.items():
            members = [member for member in [name, *groups.get(name, ())] if member in found]
            if not members:
                raise UnavailableError(f"{self._options.interface} has no offload {name} that can be changed")
            wanted.update(_on_off(dict.fromkeys(members, on)))
        return wanted

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """One command for all offloads."""
        return [_ethtool(self._run, "-K", self._options.interface, settings)]


def _ethtool(run: Runner, option: str, interface: str, settings: Mapping[str, str]) -> Step:
    return command(run, "ethtool", option, interface, *(word for pair in settings.items() for word in pair))


def _on_off(settings: Mapping[str, bool]) -> dict[str, str]:
    return {name: "on" if on else "off" for name, on in settings.items()}
