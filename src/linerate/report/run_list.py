"""The runs of a results folder: a table for a terminal, and data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..results.groups import group_trials
from ..results.history import Entry
from ..results.run import Run
from .gates import gates, passed
from .text import NONE, bit_rate, clean, number

HEADER = ("When (UTC)", "Run", "Scenario", "Hosts", "Best pps", "Best L1", "Valid", "Result", "Hardware and software")
COMMON = ("Scenario", "Hosts", "Hardware and software")
"""Columns that are left out where all runs have the same: the table is to fit a terminal."""
RIGHT = {"Best pps", "Best L1", "Valid"}


def best(run: Run, unit: str) -> float | None:
    """The highest median of ``unit``, an attribute of Rates, over the groups with valid trials."""
    groups = [(group, side) for group in group_trials(run.trials) if (side := group.bits_side)]
    return max((group.median(side, unit) or 0.0 for group, side in groups), default=None)


def runs_text(entries: Sequence[Entry]) -> str:
    """A table with one row per run, what all have in common, and a line per folder that cannot be read."""
    every = [_row(entry.run) for entry in entries if entry.run]
    common = {
        title: row for title, row in zip(HEADER, zip(*every)) if title in COMMON and len(set(row)) == 1 < len(row)
    }
    shown = [column for column, title in enumerate(HEADER) if title not in common]
    rows = [[row[column] for column in shown] for row in (HEADER, *every)]
    sides = [str.rjust if HEADER[column] in RIGHT else str.ljust for column in shown]
    widths = [max(map(len, cells)) for cells in zip(*rows)]
    lines = ["  ".join(side(cell, wide) for side, cell, wide in zip(sides, row, widths)).rstrip() for row in rows]
    if common:
        lines.append(f"All: {', '.join(f'{title.lower()} {row[0]}' for title, row in common.items())}")
    lines += [f"{clean(entry.path.name)}: {clean(entry.problem)}" for entry in entries if not entry.run]
    return "\n".join(lines)


def runs_data(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """One object per run; of a folder that cannot be read, ``run_id`` and ``problem`` only."""
    return [
        _data(entry.run)
        if entry.run
        else {"run_id": entry.path.name, "path": str(entry.path), "problem": entry.problem}
        for entry in entries
    ]


def _row(run: Run) -> tuple[str, ...]:
    data = _data(run)
    pps, bits = data["best_pps"], data["best_l1_bps"]
    return (
        data["created_at"][:16].replace("T", " "),
        clean(run.path.name),
        clean(data["scenario"]),
        clean(" -> ".join(name for name in (data["sender"], data["receiver"]) if name)),
        NONE if pps is None else number(pps),
        NONE if bits is None else bit_rate(bits),
        f"{data['valid']}/{data['ended']}",
        _result(data),
        data["fingerprint"],
    )


def _result(data: dict[str, Any]) -> str:
    missing = data["missing"]
    return ("pass" if data["passed"] else "FAIL") + (f", partial: {missing} not run" if missing else "")


def _data(run: Run) -> dict[str, Any]:
    info, receiver = run.info, run.info.environment.receiver
    return {
        "run_id": run.run_id,
        "path": str(run.path),
        "created_at": info.created_at,
        "scenario": info.scenario,
        "sender": info.environment.sender.name,
        "receiver": receiver.name if receiver else None,
        "best_pps": best(run, "pps"),
        "best_l1_bps": best(run, "l1_bps"),
        "planned": len(info.plan.trials),
        "ended": len(run.trials),
        "valid": len(run.valid),
        "missing": len(run.missing),
        "partial": bool(run.missing),
        "passed": passed(gates(run)),
        "fingerprint": info.environment.fingerprint,
    }
