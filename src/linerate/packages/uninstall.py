"""Remove from a host what the roles put there outside of packages."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import HostError
from .build_folders import remove_left

OWN = ("usr/local/lib/linerate", "var/cache/linerate", "var/lib/linerate", "opt/linerate")
"""Folders that are ours alone, below the root folder."""

IN_RUN = ("receive-*.sock", "interface-*.lock")
"""What processes that were killed leave in /run/linerate."""

IN_WORK = ("linerate-netmap-", "linerate-tcpreplay-")
"""How the names of the folders begin that builds, and clones of netmap, work in."""

BUILD_STAMP = "linerate-build.json"
"""Stands in the folder of every version of tcpreplay that was built."""


@dataclass(frozen=True)
class Places:
    """What the user may have placed elsewhere; of these folders only what is known to be ours is removed.

    ``prefix`` holds the versions of tcpreplay, ``link`` leads to one of them, ``pcaps`` holds pcaps, ``work`` are
    the folders that builds make theirs in.
    """

    prefix: str
    link: str
    pcaps: str
    work: tuple[str, ...] = ()


def remove_leftovers(places: Places, check: bool = False, root: str = "/") -> tuple[str, ...]:
    """Remove them; the steps that were needed. Raises HostError where something cannot be removed."""
    steps = [step for work in places.work for name in IN_WORK for step in remove_left(_inside(root, work), name, check)]
    found = [*_tcpreplay(places, root), *_pcaps(places, root)]
    found += [path for pattern in IN_RUN for path in _below(root, "run/linerate", pattern)]
    found += [path for path in (Path(root, name) for name in OWN) if path.exists()]
    for path in found:
        if not check:
            _remove(path)
    return (*steps, *(f"remove /{path.relative_to(root)}" for path in found))


def _tcpreplay(places: Places, root: str) -> list[Path]:
    """The link, where it leads to a version of ours, and the versions."""
    prefix, link = _inside(root, places.prefix), _inside(root, places.link)
    leads_to_ours = link.is_symlink() and Path(places.prefix) in Path(link.readlink()).parents
    versions = sorted(stamp.parent for stamp in prefix.glob(f"*/{BUILD_STAMP}"))
    return [*([link] if leads_to_ours else []), *versions]


def _pcaps(places: Places, root: str) -> list[Path]:
    """Pcaps with a manifest, and these after them: what is cut off here is found again."""
    manifests = sorted(_inside(root, places.pcaps).glob("*.pcap.json"))
    pcaps = (manifest.with_suffix("") for manifest in manifests)
    return [*(pcap for pcap in pcaps if pcap.exists()), *manifests]


def _below(root: str, folder: str, pattern: str) -> list[Path]:
    return sorted(Path(root, folder).glob(pattern))


def _inside(root: str, path: str) -> Path:
    return Path(root, path.lstrip("/"))


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise HostError("path", str(path), f"cannot be removed: {error.strerror}", "Remove it by hand.") from error
