"""Remove from a host what the roles installed outside of the distribution's packages."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from .build_folders import remove_unused
from .paths import usable
from .tcpreplay.install import STAMP

OWN = ("usr/local/lib/linerate", "var/cache/linerate", "var/lib/linerate", "opt/linerate")
"""Folders that belong to linerate alone, below the root folder."""

IN_RUN = (
    "linerate/receive-*.sock",
    "linerate/receive-*.json",
    "linerate/interface-*.lock",
    "linerate/programs",
    "linerate/events",
    "linerate/gate-*",
    "linerate-netmap.lock",
)
"""What runs, killed processes and the installation of netmap leave in /run."""

EMPTY_IN_RUN = "run/linerate/trial"
"""Removed if it is empty: otherwise another interface of this host is still to be restored."""

IN_WORK = ("linerate-netmap-", "linerate-tcpreplay-")
"""How the names of the folders of builds, and of clones of netmap, begin."""


@dataclass(frozen=True)
class Places:
    """Folders that the user may have chosen; only files that are known to be linerate's are removed from them.

    ``prefix`` holds the versions of tcpreplay, ``link`` leads to one of them, ``pcaps`` holds pcaps, ``work`` are
    the folders that builds create theirs in.
    """

    prefix: str
    link: str
    pcaps: str
    work: tuple[str, ...] = ()


def remove_leftovers(places: Places, check: bool = False, root: str = "/") -> tuple[str, ...]:
    """Remove them; the steps that were needed. Raises HostError when something cannot be removed."""
    steps = [
        step for work in places.work for name in IN_WORK for step in remove_unused(_inside(root, work), name, check)
    ]
    found = [*_tcpreplay(places, root), *_pcaps(places, root)]
    found += [path for pattern in IN_RUN for path in _below(root, "run", pattern)]
    found += [path for path in [Path(root, EMPTY_IN_RUN)] if path.is_dir() and not any(path.iterdir())]
    found += [path for path in (Path(root, name) for name in OWN) if path.exists()]
    for path in found:
        if not check:
            _remove(path)
    return (*steps, *(f"remove /{path.relative_to(root)}" for path in found))


def _tcpreplay(places: Places, root: str) -> list[Path]:
    """The link, when it leads to a version that was built, and those versions."""
    prefix, link = _inside(root, places.prefix), _inside(root, places.link)
    leads_to_ours = link.is_symlink() and Path(places.prefix) in Path(link.readlink()).parents
    versions = sorted(stamp.parent for stamp in prefix.glob(f"*/{STAMP}"))
    return [*([link] if leads_to_ours else []), *versions]


def _pcaps(places: Places, root: str) -> list[Path]:
    """Pcaps with a manifest, and then the manifests: an interrupted removal finds them again."""
    manifests = sorted(_inside(root, places.pcaps).glob("*.pcap.json"))
    pcaps = (manifest.with_suffix("") for manifest in manifests)
    return [*(pcap for pcap in pcaps if pcap.exists()), *manifests]


def _below(root: str, folder: str, pattern: str) -> list[Path]:
    return sorted(Path(root, folder).glob(pattern))


def _inside(root: str, path: str) -> Path:
    return Path(root, path.lstrip("/"))


def _remove(path: Path) -> None:
    with usable(str(path), "cannot be removed", "Remove it by hand."):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
