"""The tcpreplay command line: options that exclude or need each other, refused by name, then an argv list.

tcpreplay itself accepts ``--mbps abc``, ``0`` and ``-5`` and sends as fast as it can, so every number
is checked here. Rules: src/tcpreplay_opts.def of tcpreplay 4.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InputError
from ..validate import LEAST_RATE, MOST_SECONDS, check_rate, check_whole, number_text

PACING = ("pps", "mbps", "multiplier", "topspeed")
TIMERS = ("select", "gtod", "nano")
NM_DELAY = 10
"""tcpreplay's own default, in seconds."""
BOUNDS = {
    "loop": (0, 2**31 - 1),
    "limit": (1, 2**53),
    "duration": (1, MOST_SECONDS),
    "pps_multi": (1, 1_000_000),
    "nm_delay": (0, 600),
}
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}")


@dataclass(frozen=True)
class ReplayOptions:
    """Options of one tcpreplay run, named as tcpreplay names them.

    ``pps`` packets/s, ``mbps`` 10^6 bit/s of pcap bytes (no FCS), ``duration`` whole seconds,
    ``limit`` packets over all loops, ``nm_delay`` seconds netmap waits for the link at open and close.
    """

    interface: str
    pcap: str
    pps: float | None = None
    mbps: float | None = None
    multiplier: float | None = None
    topspeed: bool = False
    pps_multi: int | None = None
    loop: int = 1
    limit: int | None = None
    duration: int | None = None
    preload_pcap: bool = False
    flow_stats: bool = True
    timer: str | None = None
    netmap: bool = False
    nm_delay: int = NM_DELAY

    def __post_init__(self) -> None:
        _check_pacing(self)
        _check_bounds(self)
        if not _INTERFACE.fullmatch(self.interface):
            raise InputError(
                "interface", self.interface, "is not a network interface name", "Give a name that `ip link` shows."
            )
        if not self.pcap or "\0" in self.pcap:
            raise InputError("pcap", self.pcap, "is not a file name", "Give the path of a pcap file.")
        if self.timer is not None and self.timer not in TIMERS:
            raise InputError(
                "timer", self.timer, f"must be one of {', '.join(TIMERS)}", "Leave it out for the default."
            )


def _check_pacing(options: ReplayOptions) -> None:
    # By identity: a rate of 0 equals False, and is one that was given.
    given = [name for name in PACING if not any(getattr(options, name) is no for no in (None, False))]
    if len(given) != 1:
        rule = f"{' and '.join(given)} exclude each other" if given else "none is given"
        raise InputError("pacing", given, rule, f"Give exactly one of {', '.join(PACING)}.")
    for name in ("pps", "mbps", "multiplier"):
        value = getattr(options, name)
        if value is not None:
            check_rate(name, value, LEAST_RATE)
    if options.pps_multi is not None and options.pps is None:
        raise InputError("pps_multi", options.pps_multi, "needs pps", "Give pps, or leave pps_multi out.")


def _check_bounds(options: ReplayOptions) -> None:
    for name, (least, most) in BOUNDS.items():
        value = getattr(options, name)
        if value is not None:
            check_whole(name, value, least, most)
    if options.loop == 0 and options.duration is None and options.limit is None:
        raise InputError("loop", 0, "would never end", "Give a duration or a limit with it, or a number of loops.")


def build_argv(options: ReplayOptions, executable: str = "tcpreplay") -> list[str]:
    """The argument list to execute; no shell ever sees it."""
    argv = [executable, f"--intf1={options.interface}"]
    for name in ("pps", "mbps", "multiplier"):
        value = getattr(options, name)
        if value is not None:
            argv.append(f"--{name}={number_text(float(value))}")
    argv += ["--topspeed"] if options.topspeed else []
    argv.append(f"--loop={options.loop}")
    for option, number in (
        ("pps-multi", options.pps_multi),
        ("limit", options.limit),
        ("duration", options.duration),
        ("timer", options.timer),
    ):
        argv += [f"--{option}={number}"] if number is not None else []
    for option, wanted in (
        ("preload-pcap", options.preload_pcap),
        ("no-flow-stats", not options.flow_stats),
        ("netmap", options.netmap),
    ):
        argv += [f"--{option}"] if wanted else []
    argv += [f"--nm-delay={options.nm_delay}"] if options.netmap else []
    # A path is never taken for an option, and never for tcpreplay's "-" (standard input).
    return [*argv, options.pcap if options.pcap.startswith("/") else f"./{options.pcap}"]
