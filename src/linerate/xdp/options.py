"""The command line of the AF_XDP sender, written by the engine and read by the program."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields

from ..errors import InputError
from ..validate import LEAST_RATE, MOST_SECONDS, check_rate, check_whole, number_text

MODES = ("pps", "mbps", "multiplier", "topspeed", "line_percent")


@dataclass(frozen=True)
class SenderOptions:
    """One run of the sender. Exactly one of the :data:`MODES` is given.

    ``mbps`` is 10^6 bit/s of pcap bytes, ``line_percent`` the share of the line rate of ``link_bps`` bit/s. ``loop`` is
    how often the pcap is sent (0: without end), ``limit`` the packets in all, ``duration`` seconds. ``zerocopy``
    attaches an XDP program to the interface while it sends; with ``join`` another process does. ``memory_limit`` is in
    bytes, by default half of the free memory. ``cpu`` is the one CPU to run on. ``gate`` is the path of a FIFO: the
    sender prepares, prints an event, and begins at the time that it reads there, in nanoseconds of the monotonic clock.
    """

    interface: str
    pcap: str
    pps: float | None = None
    mbps: float | None = None
    multiplier: float | None = None
    topspeed: bool = False
    line_percent: float | None = None
    link_bps: float | None = None
    loop: int = 1
    limit: int | None = None
    duration: int | None = None
    zerocopy: bool = False
    join: bool = False
    queue: int = 0
    cpu: int | None = None
    gate: str | None = None
    memory_limit: int | None = None

    def __post_init__(self) -> None:
        given = [name for name in MODES if not any(getattr(self, name) is no for no in (None, False))]
        if len(given) != 1:
            rule = f"{' and '.join(given)} exclude each other" if given else "none is given"
            raise InputError("pacing", given, rule, f"Give exactly one of {', '.join(MODES)}.")
        for name in ("pps", "mbps", "multiplier", "line_percent"):
            if getattr(self, name) is not None:
                check_rate(name, getattr(self, name), LEAST_RATE)
        if (self.line_percent is None) != (self.link_bps is None):
            raise InputError("line_percent", self.line_percent, "needs link_bps", "Give both, or neither.")
        for name, least, most in (("loop", 0, 2**31 - 1), ("limit", 1, 2**53), ("duration", 1, MOST_SECONDS)):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), least, most)
        check_whole("queue", self.queue, 0, 65535)
        if self.loop == 0 and self.duration is None and self.limit is None:
            raise InputError("loop", 0, "would never end", "Give a duration or a limit with it, or a number of loops.")

    def to_argv(self) -> list[str]:
        """The options as arguments; those with their defaults are left out."""
        argv = []
        for field in fields(self):
            value, name = getattr(self, field.name), f"--{field.name.replace('_', '-')}"
            if value is True:
                argv.append(name)
            elif value is not None and value is not False and value != field.default:
                argv.append(f"{name}={number_text(value) if isinstance(value, float) else value}")
        return argv

    @classmethod
    def of_argv(cls, argv: Sequence[str]) -> SenderOptions:
        """The options of a command line; ends the program with a usage message where one is not known."""
        parser = argparse.ArgumentParser(prog="linerate-xdp", description="Send a pcap through an XDP socket.")
        for field in fields(cls):
            name = f"--{field.name.replace('_', '-')}"
            kind = next((kind for kind in (float, int) if kind.__name__ in str(field.type)), str)
            if "bool" in str(field.type):
                parser.add_argument(name, action="store_true")
            else:
                required = field.name in ("interface", "pcap")
                parser.add_argument(name, type=kind, required=required, default=None if required else field.default)
        return cls(**vars(parser.parse_args(argv)))
