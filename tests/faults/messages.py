"""Output of tcpreplay that is not to be trusted: recorded, and printed by a stand-in for tcpreplay."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.fault import TOP_SPEED, Fault

RECORDED = Path(__file__).parents[1] / "fixtures"
NOTE = "a stand-in prints the recorded output, and its seconds are read"
NOT_SENT = "the sending interface counted 0"
NOT_COMPLETE = "^not valid: tcpreplay output holds no complete statistics"


def abort_inside_a_line(recorded: str) -> str:
    """The abort as a terminal once showed it, within the seconds: sent in 3.sendpacket_abort, 97 seconds."""
    return recorded.replace("sendpacket_abort\n", "", 1).replace("sent in 5.38", "sent in 5.sendpacket_abort\n38")


def printed(name: str, promised: str, file: str, change: Callable[[str], str] = str) -> Fault:
    """The fault that tcpreplay prints the stdout in ``file``, changed, and exits with 0."""

    def replace_tcpreplay(bench: Bench) -> None:
        parts = re.split(r"^(?:-----|=====) (?:stdout|stderr).*\n", (RECORDED / file).read_text(), flags=re.M | re.I)
        (bench.folder / "recorded").write_text(change(parts[1]))
        program = bench.folder / "tcpreplay"
        program.write_text(f'#!/bin/sh\nexec cat "{bench.folder}/recorded"\n')
        program.chmod(0o755)

    options = {**TOP_SPEED, "executable": "./tcpreplay"}
    return Fault(name, promised, options=options, before=replace_tcpreplay, note=NOTE)


LOOP = "tcpreplay/normal_K_loop_mbps.txt"
FAULTS = [
    printed(
        "sendpacket_abort inside a line",
        rf"interrupted.*{NOT_SENT}.*read: 10759 packets in 5.38 s",
        "tcpreplay-netmap/sig-kernel-INT.txt",
        abort_inside_a_line,
    ),
    printed(
        "statistics printed twice",
        rf"interrupted.*{NOT_SENT}.*read: 5858 packets in 2.95 s",
        "tcpreplay-netmap/sig-native-INT.txt",
    ),
    printed(
        "statistics that contradict themselves",
        "^not valid: tcpreplay output contradicts itself: 10063717 in",
        LOOP,
        lambda recorded: recorded.replace("(10063716 bytes)", "(10063717 bytes)"),
    ),
    printed("incomplete statistics", NOT_COMPLETE, LOOP, lambda recorded: recorded.partition("\tFailed packets")[0]),
    printed("no statistics, and exit 0", NOT_COMPLETE, LOOP, lambda recorded: ""),
    printed("failed packets, and exit 0", "^not valid: 150 packets failed", "tcpreplay/oversize_mixed_K_loop3.txt"),
]
