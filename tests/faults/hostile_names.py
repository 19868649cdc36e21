"""Names that mean something to a shell, a terminal or a path: they are names, or are refused, and do nothing else."""

from __future__ import annotations

from functools import partial

from tests.faults.bench import Bench
from tests.faults.fault import Fault

FILES = (
    "two words.pcap",
    "a;touch canary.pcap",
    "$(touch canary).pcap",
    "`touch canary`.pcap",
    "quo'te\".pcap",
    "two\nlines.pcap",
    "-rf.pcap",
    "--help",
    "{{ 7 * 7 }}.pcap",
    "\u00fc\u4e2d\u202e.pcap",
    "x" * 250 + ".pcap",
)
INTERFACES = ("lrs0;touch canary", "$(touch canary)", "-h", "../lrs0", "lr\ns0", "l\u00fc0", "x" * 255, "")


def named(name: str, bench: Bench) -> str:
    return bench.pcap(name)


def _shown(name: str) -> str:
    text = ascii(name)
    return text if len(text) < 40 else f"{text[:12]}... of {len(name.encode())} bytes"


FAULTS = [
    *(Fault(f"pcap called {_shown(name)}", "^valid$", pcap=partial(named, name), witness=True) for name in FILES),
    *(
        Fault(
            f"interface called {_shown(name)}",
            "^refused: interface .* is not a network interface name",
            bare=(f"--intf1={name}", "--topspeed"),
            ours={"topspeed": True, "interface": name},
        )
        for name in INTERFACES
    ),
]
