"""Formats of the view: durations, rates, bars, and the line of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..report.text import clean, count, offered
from ..trial.model import SendMethod

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-=+*%#"
BAR = 24
CURVE = 12
"""The newest intervals that are drawn."""

LONGEST_NAME = 32

Json = Mapping[str, Any]
Widths = tuple[int, int]
"""The columns of the names of cases and of send methods."""


def duration(seconds: float) -> str:
    """``18 s``, ``3 min 20 s``, ``1 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def clock(seconds: float) -> str:
    """``1:12``, ``1:02:03``."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def rate(pps: float) -> str:
    """``20,000 pps``."""
    return f"{pps:,.0f} pps"


def bar(share: float) -> str:
    """``[######..................]``."""
    full = max(0, min(BAR, int(share * BAR)))
    return "[" + "#" * full + "." * (BAR - full) + "]"


def curve(rates: Sequence[float], ascii_only: bool = False) -> str:
    """The newest rates as a row of blocks; the highest of them is the highest block."""
    newest = rates[-CURVE:]
    blocks = ASCII_BLOCKS if ascii_only else BLOCKS
    top = max(newest, default=0.0)
    return "".join(blocks[round((len(blocks) - 1) * one / top)] if top > 0 else blocks[0] for one in newest)


def widths(trials: Sequence[Json]) -> Widths:
    """The widths of the columns for these trials."""
    names = max((len(clean(trial["case"]["name"])) for trial in trials), default=0)
    return min(names, LONGEST_NAME), max((len(method(trial)) for trial in trials), default=0)


def what(trial: Json, columns: Widths) -> str:
    """Case, send method, offered load and repeat of a planned trial or of a result, in columns."""
    load = trial["offered"]
    return (
        f"{clean(trial['case']['name']):<{columns[0]}}  {method(trial):<{columns[1]}}  "
        f"{offered(load['mode'], load['value']):>10}  #{trial['repeat']}"
    )


def method(trial: Json) -> str:
    """The send method of a planned trial or of a result."""
    found = trial.get("method") or {**trial, "adapter": trial["adapter"].get("kind")}
    return clean(SendMethod(found["engine"], found.get("adapter"), found.get("processes", 1)).name)


def outcome(trial: Json) -> str:
    """The rate, the loss and the limit of a result."""
    rates = trial["rates"]
    best = rates["received"] or rates["sent"]
    shown = rate(best["pps"]) if best else "no rate"
    return f"{shown:>13}  {_loss(trial):<6}  {clean(trial['verdict']['limit'])}"


def _loss(trial: Json) -> str:
    loss = trial["loss"]
    if loss is None:
        return "not witnessed"
    if not loss["packets"]:
        return "loss 0"
    where = f" at: {clean(loss['where'])}" if loss.get("where") else ""
    return f"loss {loss['packets']:,} ({loss['percent']:.3g} %){where}"


def notes(trial: Json) -> list[str]:
    """Why a result is not valid, and the witnesses that could not count or that disagree."""
    found = [] if trial["verdict"]["valid"] else [clean(reason) for reason in trial["verdict"]["reasons"]]
    for one in trial["witnesses"]:
        if not one["usable"]:
            found.append(f"{clean(one['name'])} could not count: {clean(one['reason'])}")
    for pair in trial["witness_disagreement"]:
        if not pair["within"]:
            found.append(f"{clean(pair['first'])} and {clean(pair['second'])} differ by {pair['packets']:+,} packets")
    return found


def header(trials: Sequence[Json], seconds: float) -> str:
    """Who sends to whom, and how much."""
    bench = trials[0]["bench"]
    ends = [f"{clean(end['host'])} {clean(end['interface'])}" for end in (bench["sender"], bench["receiver"]) if end]
    return f"{' -> '.join(ends)}    {count(len(trials), 'trial')}, about {duration(seconds)}"
