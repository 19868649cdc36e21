"""Look before anything is sent: what cannot give a true number, or could do harm, is refused. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError, PcapError
from ..nic.read import read_nic, refuse_small_mtu, refuse_unready
from ..nic.use import refuse_management, refuse_type
from ..packages.archive import check_sha256
from ..pcap.destinations import AllowedDestinations
from ..pcap.reader import PcapSummary, read_summary
from ..system.run import Runner
from ..system.ssh_client import session_environment
from ..tcpreplay.preload import refuse_preload
from ..tuning.pin import refuse_cpu


@dataclass(frozen=True)
class FarEnd:
    """What a sender is told of where its frames go: where they may, and the receiver's MTU (bytes, None: not known)."""

    allowed: AllowedDestinations
    mtu: int | None = None


def refuse_interface(interface: str, far_end: FarEnd, run: Runner) -> int:
    """The interface's MTU. Raises InputError or HostError where it must not be sent on, or cannot be."""
    nic = read_nic(interface, run)
    refuse_type(interface)
    refuse_management(interface, session_environment(os.environ), run, benchmark=far_end.allowed.holds)
    refuse_unready(interface)
    return nic.mtu


def preflight(
    interface: str,
    pcaps: Sequence[tuple[str, str | None]],
    far_end: FarEnd,
    run: Runner,
    cpu: int | None = None,
    preloading: int = 0,
) -> list[PcapSummary]:
    """What the ``pcaps`` hold, each given by its path and the SHA-256 (hex) that was planned with, where one was.

    Raises LinerateError for an interface that is in use or not ready, a pcap that is damaged or another than planned,
    goes where it must not, or has frames that one of the two ends is too small for; for a ``cpu`` that is none; and for
    a pcap that the memory has no room for, where so many processes are ``preloading`` it.
    """
    if cpu is not None:
        refuse_cpu(cpu)
    mtu = refuse_interface(interface, far_end, run)
    found = []
    for path, sha256 in pcaps:
        summary = read_summary(path, far_end.allowed)
        if sha256 is not None and summary.sha256 != sha256:
            rule = "is another than planned: its SHA-256 is not the one of its manifest"
            raise PcapError("pcap", path, rule, "Make the pcaps again (playbooks/pcaps.yml).")
        refuse_small_mtu(f"interface {interface!r}", mtu, summary.longest_payload)
        if far_end.mtu is not None:
            refuse_small_mtu("the receiver's interface", far_end.mtu, summary.longest_payload)
        if preloading:
            refuse_preload(path, summary.packets, summary.bytes, processes=preloading)
        found.append(summary)
    return found


def is_planned(path: str, sha256: str | None) -> bool:
    """Whether the pcap ``path`` exists and has the SHA-256 (hex) that was planned with, where one was."""
    if sha256 is None:
        return os.path.exists(path)
    try:
        check_sha256("pcap", path, sha256)
    except (OSError, InputError):
        return False
    return True
