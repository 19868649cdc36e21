"""The load of a process and of its core."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from linerate.system.cpu import CpuMeter

TICK = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def note(tmp_path: Path):
    (tmp_path / "proc/7").mkdir(parents=True)
    now = [0.0]
    meter = CpuMeter(str(tmp_path), lambda: now[0])

    def at(seconds: float, used: float, core: int, *cores: tuple[float, float]) -> CpuMeter:
        now[0] = seconds
        fields = ["S", *["0"] * 10, str(int(used * TICK)), "0", *["0"] * 23, str(core)]
        (tmp_path / "proc/7/stat").write_text(f"7 (a) b) {' '.join(fields)}\n")
        lines = [
            f"cpu{n} {int(busy * TICK)} 0 0 {int(idle * TICK)} 0 0 0 0 0 0" for n, (busy, idle) in enumerate(cores)
        ]
        (tmp_path / "proc/stat").write_text("cpu  1 2 3\n" + "\n".join(lines) + "\nintr 5\n")
        meter.note(7)
        return meter

    return at


def test_process_alone_on_its_core(note):
    note(0, 10, 1, (0, 0), (0, 0))
    meter = note(2, 12, 1, (0, 2), (2, 0))
    assert (meter.process_percent(), meter.core_percent()) == (100.0, 100.0)


def test_core_shared_with_other_processes(note):
    note(0, 10, 0, (5, 5), (0, 0))
    meter = note(2, 11, 0, (7, 5), (0, 2))
    assert (meter.process_percent(), meter.core_percent()) == (50.0, 100.0)


def test_process_that_moves_to_another_core(note):
    note(0, 0, 0, (0, 0), (0, 0))
    note(1, 0.5, 0, (1, 0), (0, 1))
    meter = note(2, 1, 1, (1, 1), (0.5, 1.5))
    assert (meter.process_percent(), meter.core_percent()) == (50.0, 75.0)


def test_core_is_at_least_as_busy_as_a_process_that_moved_away(note):
    note(0, 0, 0, (0, 0), (0, 0))
    meter = note(2, 2, 0, (1, 1), (1, 1))
    assert meter.core_percent() == 100.0


def test_no_percentage_for_a_short_or_ended_process(note):
    meter = note(0, 0, 0, (0, 0))
    assert (meter.process_percent(), meter.core_percent()) == (None, None)
    meter.note(8)
    assert meter.process_percent() is None
