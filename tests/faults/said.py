"""What tcpreplay said, when that is not to be believed: recorded outputs, printed by a stand-in for tcpreplay."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.fault import Fault

RECORDED = Path(__file__).parents[1] / "fixtures"
STAND_IN = "a stand-in prints the recorded output, and its seconds are read"


def inside_a_line(recorded: str) -> str:
    """The abort where it was seen on a terminal: within the seconds (sent in 3.sendpacket_abort, 97 seconds)."""
    return recorded.replace("sendpacket_abort\n", "", 1).replace("sent in 5.38", "sent in 5.sendpacket_abort\n38")


def contradiction(recorded: str) -> str:
    return recorded.replace("(10063716 bytes)", "(10063717 bytes)")


def cut(recorded: str) -> str:
    return recorded.partition("\tFailed packets")[0]


def nothing(recorded: str) -> str:
    return ""


def stand_in(file: str, change: Callable[[str], str], bench: Bench) -> None:
    """Put a program in the way that prints what tcpreplay once printed, and ends with 0."""
    text = (RECORDED / file).read_text()
    stdout = re.split(r"^(?:-----|=====) STDOUT.*\n|^----- stdout.*\n", text, flags=re.MULTILINE)[1]
    stdout = re.split(r"^(?:-----|=====) stderr", stdout, flags=re.MULTILINE | re.IGNORECASE)[0]
    (bench.folder / "said").write_text(change(stdout))
    program = bench.folder / "tcpreplay"
    program.write_text(f'#!/bin/sh\nexec cat "{bench.folder}/said"\n')
    program.chmod(0o755)


def said(name: str, promised: str, file: str, change: Callable[[str], str] = str) -> Fault:
    """The fault that this is what tcpreplay prints."""
    before = partial(stand_in, file, change)
    ours = {"topspeed": True, "executable": "./tcpreplay"}
    return Fault(name, promised, ours=ours, before=before, bare=None, note=STAND_IN)


NOT_SENT = "the sending interface counted 0"
FAULTS = [
    said(
        "sendpacket_abort inside a line",
        rf"interrupted.*{NOT_SENT}.*read: 10759 packets in 5.38 s",
        "tcpreplay-netmap/sig-kernel-INT.txt",
        inside_a_line,
    ),
    said(
        "statistics printed twice",
        rf"interrupted.*{NOT_SENT}.*read: 5858 packets in 2.95 s",
        "tcpreplay-netmap/sig-native-INT.txt",
    ),
    said(
        "statistics that contradict themselves",
        "^not valid: tcpreplay output contradicts itself: 10063717 in",
        "tcpreplay/normal_K_loop_mbps.txt",
        contradiction,
    ),
    said(
        "statistics cut",
        "^not valid: tcpreplay output holds no complete statistics",
        "tcpreplay/normal_K_loop_mbps.txt",
        cut,
    ),
    said(
        "no statistics, and exit 0",
        "^not valid: tcpreplay output holds no complete statistics",
        "tcpreplay/normal_K_loop_mbps.txt",
        nothing,
    ),
    said("packets that failed, and exit 0", "^not valid: 150 packets failed", "tcpreplay/oversize_mixed_K_loop3.txt"),
]
