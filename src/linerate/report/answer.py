"""The answer of a run: one sentence as the title of its report, and the tiles below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..results.compare_runs import RunsCompared
from ..results.groups import Group
from ..results.run import Run
from ..search.outcome import Outcome
from ..units import GBIT
from .caveats import NOT_APPLICABLE
from .findings import highest
from .gates import Gate, passed
from .run_comparison import verdict_counts
from .text import bit_rate, clean, count, group_offered, number

_LIMITS = {
    "line": "the line",
    "pacing": "the offered load",
    "sender core": "the sender's core",
    "sender core, shared": "the sender's core, shared with other processes",
    "unknown": "something unknown",
}
GOOD, MIXED, BAD = "good", "mixed", "bad"


@dataclass(frozen=True)
class Tile:
    """One number with its label. ``standing`` is GOOD, MIXED, BAD or empty."""

    label: str
    value: str
    notes: tuple[str, ...]
    standing: str = ""


def title(run: Run, groups: Sequence[Group], outcomes: Sequence[Outcome]) -> str:
    """What the run has shown: ``10G sender: 98.6 % of line rate with netmap-native, limited by the line``."""
    if not run.trials:
        return "No trial has ended yet"
    if not run.valid:
        return f"No valid result: {count(len(run.trials), 'trial')} ended, and none is valid"
    return _throughput(run, outcomes) or _best(run, groups)


def _throughput(run: Run, outcomes: Sequence[Outcome]) -> str:
    """The highest throughput that a search found; empty without one."""
    rated = [(outcome.rates.l1_bps, outcome, outcome.rates) for outcome in outcomes if outcome.rates]
    if not rated:
        return ""
    _, best, rates = max(rated, key=lambda entry: entry[0])
    word = "throughput" if best.of_device else "throughput of at least"
    amount = _amount(run, rates.pps, rates.l1_bps, rates.line_rate_percent)
    limit = f", limited by {clean(best.limited_by)}" if best.limited_by else ""
    return f"{_link(run)}: {word} {amount} with {clean(best.method.name)} ({clean(best.goal)}){limit}"


def _best(run: Run, groups: Sequence[Group]) -> str:
    best = highest(groups, "l1_bps")
    if best is None:
        return f"{_link(run)}: no rate is known"
    group, side = best
    values = (group.median(side, unit) for unit in ("pps", "l1_bps", "line_rate_percent"))
    return f"{_link(run)}: {_amount(run, *values)} with {clean(group.method.name)}, {_limit(group)}"


def _amount(run: Run, pps: float | None, bits: float | None, percent: float | None) -> str:
    if run.has_line_rate and percent is not None:
        return f"{number(percent, 1)} % of line rate"
    return f"{bit_rate(bits or 0)} ({number(pps)} pps)"


def _link(run: Run) -> str:
    rate = run.trials[0].line_rate
    if not run.has_line_rate:
        return "Virtual link"
    speed = f"{rate.bps / GBIT:g}G sender"
    return f"Sender on an assumed {rate.bps / GBIT:g}G link" if rate.source == "assumed" else speed


def _limit(group: Group) -> str:
    # Whether the core was shared may differ between the repeats.
    limits = [limit for limit in group.limits if limit != "sender core, shared" or "sender core" not in group.limits]
    return f"limited by {' or '.join(_LIMITS.get(limit, limit) for limit in limits)}"


def tiles(run: Run, groups: Sequence[Group], gates: Sequence[Gate], change: RunsCompared | None) -> list[Tile]:
    """The best rates, the loss, the validity, and the change against the previous run if there is one."""
    if not run.trials:
        return []
    return [*_rates(run, groups), _loss(run), _validity(run, gates), *([_change(change)] if change else [])]


def _rates(run: Run, groups: Sequence[Group]) -> list[Tile]:
    found = []
    for label, unit in (("Most packets", "pps"), ("Most bits, L1", "l1_bps")):
        best = highest(groups, unit)
        if best is None:
            continue
        group, side = best
        value = group.median(side, unit) or 0.0
        counted = side if group.witnessed else f"{side}, not witnessed"
        where = f"{clean(group.case_name)}, {clean(group.method.name)}, {group_offered(group)}"
        notes = [f"{counted}: {where}"]
        if unit == "l1_bps":
            percent = group.median(side, "line_rate_percent")
            notes.insert(0, f"{number(percent, 2)} % of line rate" if run.has_line_rate else NOT_APPLICABLE)
        found.append(Tile(label, f"{number(value)} pps" if unit == "pps" else bit_rate(value), tuple(notes)))
    return found


def _loss(run: Run) -> Tile:
    losses = [(trial.loss, trial.claim.successful) for trial in run.valid if trial.loss and trial.claim]
    if not losses:
        return Tile("Loss", "not witnessed", ("nothing independent counted what arrived",), MIXED)
    lost, sent = sum(max(0, loss.packets) for loss, _ in losses), sum(packets for _, packets in losses)
    worst = max(loss.percent for loss, _ in losses)
    notes = [f"of {number(sent)} in {count(len(losses), 'valid witnessed trial')}"]
    if lost:
        notes.append(f"worst trial {number(worst, 3)} %")
    return Tile("Loss", count(lost, "packet"), tuple(notes), "" if lost else GOOD)


def _validity(run: Run, gates: Sequence[Gate]) -> Tile:
    ended, failed = len(run.trials), sum(not gate.passed for gate in gates)
    notes = [f"FAIL: {count(failed, 'gate')}" if failed else "PASS"]
    if run.missing:
        notes.append(f"{len(run.missing):,} planned without a result")
    good = len(run.valid) == ended and passed(tuple(gates))
    return Tile("Valid trials", f"{len(run.valid):,} of {ended:,}", tuple(notes), GOOD if good else BAD)


def _change(found: RunsCompared) -> Tile:
    return Tile("Against the previous run", verdict_counts(found), (clean(found.before.path.name),))
