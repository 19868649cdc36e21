"""Where a receiving host can lose frames: counters of the interface, its driver, and the kernel's backlog."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Callable

from .counters import driver_statistics

# Documentation/networking/statistics.rst
_KERNEL = (
    "rx_packets", "rx_bytes", "rx_dropped", "rx_errors", "rx_missed_errors", "rx_crc_errors", "rx_fifo_errors",
    "rx_frame_errors", "rx_length_errors", "rx_over_errors", "rx_nohandler",
)  # fmt: skip
# /proc/net/softnet_stat, one line per CPU, hexadecimal (net/core/net-procfs.c)
_SOFTNET = ("processed", "dropped", "time_squeeze")


class DropCounters:
    """What each counter gained since this object was created, by source: ``sysfs``, ``ethtool -S``, ``softnet_stat``.

    The last source counts for the whole host, not for one interface. Missing counters are left out, and so are the
    driver's counters that did not move, since there may be hundreds, and counters that decreased: they were reset.
    """

    def __init__(
        self, interface: str, root: str = "/", statistics: Callable[[str], Mapping[str, int]] = driver_statistics
    ) -> None:
        self._interface, self._root, self._statistics = interface, root, statistics
        self._before = self._read()

    def moved(self) -> dict[str, dict[str, int]]:
        """The increase of each counter, for the sources that exist."""
        moved = {}
        for source, now in self._read().items():
            before = self._before.get(source, {})
            change = {name: value - before[name] for name, value in now.items() if name in before}
            if source == "softnet_stat":
                change = {name: _of_32_bits(by) for name, by in change.items()}
            increased = {name: by for name, by in change.items() if by >= 0}
            moved[source] = {name: by for name, by in increased.items() if by or source != "ethtool -S"}
        return {source: change for source, change in moved.items() if change}

    def _read(self) -> dict[str, dict[str, int]]:
        return {
            "sysfs": self._kernel(),
            "ethtool -S": dict(self._statistics(self._interface)),
            "softnet_stat": self._softnet(),
        }

    def _kernel(self) -> dict[str, int]:
        folder = Path(self._root, "sys/class/net", self._interface, "statistics")
        found = {}
        for name in _KERNEL:
            try:
                found[name] = int((folder / name).read_text())
            except (OSError, ValueError):
                continue
        return found

    def _softnet(self) -> dict[str, int]:
        try:
            lines = Path(self._root, "proc/net/softnet_stat").read_text().splitlines()
            rows = [[int(field, 16) for field in line.split()[: len(_SOFTNET)]] for line in lines]
        except (OSError, ValueError):
            return {}
        return {name: sum(row[place] for row in rows) for place, name in enumerate(_SOFTNET)} if rows else {}


def _of_32_bits(change: int) -> int:
    """The change of a sum of counters of 32 bits that may have wrapped; negative if one was reset or is missing."""
    return (change + (1 << 31)) % (1 << 32) - (1 << 31)
