"""The output of `tcpreplay -V` (tcpreplay src/tcpreplay.c and tcpreplay_opts.def, doOptVersion)."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import Callable

from ..errors import HostError
from ..system.run import Runner

BROKEN_NETMAP = ((4, 4, 4), (4, 5, 2))
"""First and last release whose --netmap does not work, although compiled in (`nm_do_ioctl: No such file`)."""

_FIRST_LINE = re.compile(r"^tcpreplay version: (?P<version>\d+(?:\.\d+)+\S*) \(build (?P<build>[^)]*)\)", re.MULTILINE)
_LIBPCAP = re.compile(r"^Compiled against (?:PF_RING )?libpcap: (\S+)", re.MULTILINE)
_DEFAULT_METHOD = re.compile(r"^(?:Default i|I)njection method: (.+?)\s*$", re.MULTILINE)
_OPTIONAL_METHOD = re.compile(r"^Optional injection method: (.+?)\s*$", re.MULTILINE)


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparison: (4, 4, 3); () when it does not begin with one."""
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()


def why_netmap_is_broken(version: str) -> str | None:
    """Why --netmap does not work in this version, although it can be compiled in; None when it works."""
    first, last = BROKEN_NETMAP
    if first <= release(version) <= last:
        return f"netmap does not work in tcpreplay {version} (broken from 4.4.4 to 4.5.2)"
    return None


@dataclass(frozen=True)
class Version:
    """How a tcpreplay was built. ``optional_methods`` are injection methods that need an option."""

    version: str
    build: str
    default_method: str
    optional_methods: tuple[str, ...]
    libpcap: str | None

    @property
    def release(self) -> tuple[int, ...]:
        """The numbers of the version, for comparison: (4, 4, 3)."""
        return release(self.version)

    @property
    def netmap(self) -> bool:
        """Whether --netmap is compiled in."""
        return "netmap" in self.optional_methods

    @property
    def af_xdp(self) -> bool:
        """Whether --xdp is compiled in."""
        return "AF_XDP" in self.optional_methods

    @property
    def why_no_netmap(self) -> str | None:
        """Why this tcpreplay cannot send through netmap; None when it can."""
        if not self.netmap:
            return f"tcpreplay {self.version} is not compiled with netmap"
        return why_netmap_is_broken(self.version)


@dataclass(frozen=True)
class Installation:
    """A tcpreplay on this host: its path and its version."""

    path: str
    version: Version


def parse_version(text: str) -> Version:
    """The version in the whole output of `tcpreplay -V`. Raises :class:`HostError` for any other text."""
    first = _FIRST_LINE.search(text)
    method = _DEFAULT_METHOD.search(text)
    if first is None or method is None:
        lines = text.strip().splitlines()
        raise HostError(
            "tcpreplay -V",
            lines[0] if lines else "",
            "is not the version output of tcpreplay",
            "Check that the executable is tcpreplay, and that it runs by hand.",
        )
    libpcap = _LIBPCAP.search(text)
    return Version(
        version=first["version"],
        build=first["build"],
        default_method=method[1],
        optional_methods=tuple(_OPTIONAL_METHOD.findall(text)),
        libpcap=libpcap[1] if libpcap else None,
    )


def find(
    run: Runner, executable: str = "tcpreplay", which: Callable[[str], str | None] = shutil.which
) -> Installation | None:
    """The tcpreplay with a name or path, and its version; None when there is none.

    Raises :class:`HostError` when it does not run, or is another program.
    """
    path = which(executable)
    if path is None:
        return None
    done = run((path, "-V"))
    # Releases before 4.5 print it to stderr, later ones to stdout.
    text = done.stdout + done.stderr
    if done.returncode != 0:
        lines = text.strip().splitlines()
        complaint = lines[0] if lines else "no output"
        hint = "Run it by hand to see the reason, or install tcpreplay again."
        raise HostError("tcpreplay", path, f"does not run: `-V` ended with {done.returncode} ({complaint})", hint)
    return Installation(path, parse_version(text))
