"""Keep the initramfs consistent with the modules on the disk.

Modules in the initramfs are loaded before the disk is mounted: a stock driver in it would be loaded at every boot
instead of its patched build.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...system.run import Runner, checked

OPTIONS = "etc/modprobe.d/linerate-netmap.conf"
"""The initramfs contains options of modules as well (initramfs-tools(7), dracut.modules(7))."""

SECONDS = 1800
"""How long regenerating it may take on a slow host."""

_MODULE = re.compile(r"(?:^|[/\s])lib/modules/(?P<kernel>[^/]+)/(?P<path>\S+\.ko)(?:\.(?:xz|zst|gz))?$", re.MULTILINE)


@dataclass(frozen=True)
class _Tool:
    """The path of an initramfs, and the commands that list its files and regenerate it."""

    file: str
    listing: tuple[str, ...]
    rebuilding: tuple[str, ...]


_TOOLS = (
    _Tool("boot/initrd.img-{kernel}", ("lsinitramfs",), ("update-initramfs", "-u", "-k", "{kernel}")),
    _Tool("boot/initramfs-{kernel}.img", ("lsinitrd",), ("dracut", "-f", "--kver", "{kernel}")),
)


def refresh(
    builds: Mapping[str, str], kernel: str, run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Regenerate the initramfs of ``kernel`` when it contains another build of a module than ``builds``.

    ``builds`` maps each module to its path below /lib/modules/<kernel>, or to an empty string when it must not be
    loaded. A module that the initramfs lacks is loaded from the disk later and needs nothing. Returns the steps that
    were needed. Raises HostError when there is an initramfs, but no program to list or regenerate it.
    """
    for tool in _TOOLS:
        path = Path(root, tool.file.format(kernel=kernel))
        if path.exists() and _is_stale(path, checked(run([*tool.listing, str(path)])), builds, root):
            argv = [word.format(kernel=kernel) for word in tool.rebuilding]
            if not check:
                checked(run(argv))
            return (" ".join(argv),)
    return ()


def _is_stale(initramfs: Path, listing: str, builds: Mapping[str, str], root: str) -> bool:
    """Whether a module in it has another path than in ``builds``, or the module or its options changed since."""
    contained = [match for match in _MODULE.finditer(listing) if Path(match["path"]).stem in builds]
    if any(builds[Path(match["path"]).stem] != match["path"] for match in contained):
        return True
    generated = initramfs.stat().st_mtime
    sources = [Path(root, "lib/modules", match["kernel"], match["path"]) for match in contained]
    sources += [Path(root, OPTIONS)] if contained else []
    return any(source.exists() and source.stat().st_mtime > generated for source in sources)
