"""Keep the initramfs in step with the modules on the disk.

What the initramfs holds is loaded before the disk is looked at: a stock driver in it would be loaded at every boot,
and its patched build never.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...system.run import Runner, checked

OPTIONS = "etc/modprobe.d/linerate-netmap.conf"
"""Options of modules are copied into an initramfs as well (initramfs-tools(7), dracut.modules(7))."""

SECONDS = 1800
"""How long making one may take on a slow host."""

_MODULE = re.compile(r"(?:^|[/\s])lib/modules/(?P<kernel>[^/]+)/(?P<path>\S+\.ko)(?:\.(?:xz|zst|gz))?$", re.MULTILINE)


@dataclass(frozen=True)
class _Tool:
    """Where an initramfs is, by which command its files are listed, and by which it is made anew."""

    file: str
    listing: tuple[str, ...]
    rebuilding: tuple[str, ...]


_TOOLS = (
    _Tool("boot/initrd.img-{kernel}", ("lsinitramfs",), ("update-initramfs", "-u", "-k", "{kernel}")),
    _Tool("boot/initramfs-{kernel}.img", ("lsinitrd",), ("dracut", "-f", "--kver", "{kernel}")),
)


def refresh(
    wanted: Mapping[str, str], kernel: str, run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Make the initramfs of ``kernel`` anew where it holds another build of a module than ``wanted``.

    ``wanted`` has the path of each module below /lib/modules/<kernel>, empty where it is to be nowhere. One that
    the initramfs does not hold at all is loaded from the disk, later, and needs nothing. Returns the steps that
    were needed. Raises HostError where there is an initramfs, and no program to look into it or to make it.
    """
    for tool in _TOOLS:
        path = Path(root, tool.file.format(kernel=kernel))
        if path.exists() and _is_stale(path, checked(run([*tool.listing, str(path)])), wanted, root):
            argv = [word.format(kernel=kernel) for word in tool.rebuilding]
            if not check:
                checked(run(argv))
            return (" ".join(argv),)
    return ()


def _is_stale(initramfs: Path, listing: str, wanted: Mapping[str, str], root: str) -> bool:
    """Whether it holds a module from elsewhere than wanted, or one that was changed since, or had other options."""
    held = [found for found in _MODULE.finditer(listing) if Path(found["path"]).stem in wanted]
    if any(wanted[Path(found["path"]).stem] != found["path"] for found in held):
        return True
    made = initramfs.stat().st_mtime
    sources = [Path(root, "lib/modules", found["kernel"], found["path"]) for found in held]
    sources += [Path(root, OPTIONS)] if held else []
    return any(source.exists() and source.stat().st_mtime > made for source in sources)
