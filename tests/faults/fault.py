"""One row of the table: a fault, how it comes about, and what is promised of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from tests.faults.bench import Bench

Step = Callable[[Bench], None]


def nothing(bench: Bench) -> None:
    """No step."""


@dataclass(frozen=True)
class Fault:
    """``promised`` and ``after`` are regular expressions: of what we say, and of the interface afterwards.

    ``pcap`` makes the file that is sent. ``bare`` are tcpreplay's own options and ``ours`` those of linerate_replay;
    ``asked`` is what a verdict is held against, as mode and value. ``before`` is done before either runs and
    ``during`` once it sends. ``witness`` has the receiver count. Without ``bare`` there is no counterpart, which
    ``note`` explains.
    """

    name: str
    promised: str
    pcap: Callable[[Bench], str] = lambda bench: bench.pcap()
    bare: Sequence[str] | None = ("--topspeed",)
    ours: Mapping[str, Any] = field(default_factory=lambda: {"topspeed": True})
    before: Step = nothing
    during: Step | None = None
    prefix: Sequence[str] = ()
    witness: bool = False
    after: str = "as before"
    note: str = ""
