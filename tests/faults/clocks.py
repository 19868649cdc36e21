"""A clock that is wrong while packets are sent. The machine's own clock is never set."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.faults.bench import STATE, Bench
from tests.faults.fault import TOP_SPEED, Fault

LIBRARY, TRIGGER = "stepped_clock.so", Path(STATE, "stepped")
FOR_2_SECONDS = {**TOP_SPEED, "loop": 1_000_000, "duration": 2}


def build(bench: Bench) -> None:
    """Compile the library that replaces the wall clock of the programs that load it."""
    source = Path(__file__).with_name("stepped_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(bench.folder / LIBRARY), str(source)], check=True)


def step(bench: Bench) -> None:
    TRIGGER.touch()


def with_wrong_clock(bench: Bench) -> None:
    """A tcpreplay whose wall clock is not that of linerate."""
    build(bench)
    program = bench.folder / "tcpreplay"
    setting = f"LD_PRELOAD={bench.folder / LIBRARY} STEPPED={TRIGGER}"
    program.write_text(f'#!/bin/sh\n{setting} exec tcpreplay "$@"\n')
    program.chmod(0o755)


SET_BACK = r"the sender claims 2\.\d+ s by its wall clock, but the sending interface counted for 2\.\d+ "
FAULTS = [
    Fault(
        "wall clock set back by 0.7 s mid-run",
        rf"^not valid: the sender's wall clock moved by -0\.7\d\d s against its monotonic clock.*; {SET_BACK}",
        options=FOR_2_SECONDS,
        before=build,
        during=step,
        prefix=["env", f"LD_PRELOAD=./{LIBRARY}", f"STEPPED={TRIGGER}"],
    ),
    Fault(
        "wall clock of tcpreplay alone is wrong",
        rf"^not valid: {SET_BACK}",
        options={**FOR_2_SECONDS, "executable": "./tcpreplay"},
        before=with_wrong_clock,
        during=step,
        alone=("--topspeed", "--loop=0", "--duration=2"),
    ),
]
