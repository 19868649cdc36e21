"""Missing privileges, and names with a meaning to a shell, a terminal or a path, which are refused or only names."""

from __future__ import annotations

import os
from functools import partial

from tests.faults.bench import STATE, Bench
from tests.faults.fault import TOP_SPEED, Fault, receiver

NOBODY = 65534
UNPRIVILEGED = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
NET_RAW = (*UNPRIVILEGED, "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw")
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


def give_state_to_nobody(bench: Bench) -> None:
    os.chown(STATE, NOBODY, NOBODY)


def shown(name: str) -> str:
    text = ascii(name)
    return text if len(text) < 40 else f"{text[:12]}... of {len(name.encode())} bytes"


FAULTS = [
    Fault("no right to send", "refused: .*Run as root", prefix=UNPRIVILEGED),
    Fault(
        "not root, with a state folder, without CAP_NET_RAW",
        "^not valid: tcpreplay ended with status 255; .*Operation not permitted",
        before=give_state_to_nobody,
        prefix=UNPRIVILEGED,
    ),
    Fault(
        "not root, with CAP_NET_RAW only",
        "^valid, 0 packets lost$",
        before=give_state_to_nobody,
        prefix=NET_RAW,
        witness=receiver,
    ),
    *(
        Fault(
            f"pcap called {shown(name)}",
            "^valid, 0 packets lost$",
            pcap=partial(Bench.pcap, name=name),
            witness=receiver,
        )
        for name in FILES
    ),
    *(
        Fault(
            f"interface called {shown(name)}",
            "^refused: interface .* is not a network interface name",
            options={**TOP_SPEED, "interface": name},
        )
        for name in INTERFACES
    ),
]
