"""Wait at a gate, then become another program. Its source is run by itself: `python3 -I -c SOURCE FIFO PROGRAM ...`.

It needs nothing but the standard library, since the files of linerate may be in an archive that it cannot import.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

MARK = "linerate-gate: started"
"""What it writes to stderr before it becomes the program, followed by the nanoseconds since the gate's instant."""
WAKE_UP_NS = 2_000_000
"""A sleep may end later than it should; the rest is waited for by reading the clock."""


def main(arguments: Sequence[str]) -> int:
    """Wait for the instant, in nanoseconds of the monotonic clock, that comes from the FIFO; 1 where none comes."""
    fifo, *program = arguments
    with open(fifo, encoding="ascii") as gate:
        line = gate.readline()
    if not line:
        return 1
    instant = int(line)
    while (left := instant - time.monotonic_ns()) > 0:
        if left > WAKE_UP_NS:
            time.sleep((left - WAKE_UP_NS) / 1e9)
    print(MARK, time.monotonic_ns() - instant, "ns", file=sys.stderr, flush=True)
    os.execvp(program[0], program)  # noqa: S606
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
