"""The sentences at the top of a report: the verdict on the run, and what its valid trials show."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.groups import Group
from ..results.model import TrialResult
from ..results.run import Run
from ..results.searches import THROUGHPUT
from ..trial.verdict import kept_pps
from .text import bit_rate, clean, count, group_offered, number
from .witness_text import agreement, loss_places


def verdict(run: Run) -> str:
    """The first sentence of a report."""
    planned = len(run.info.plan.trials)
    if not run.trials:
        return f"No trial has ended yet; {count(planned, 'trial')} planned."
    missing = f" {len(run.missing):,} of {planned:,} planned trials have no result." if run.missing else ""
    return f"{len(run.valid):,} of {count(len(run.trials), 'trial')} valid.{missing}"


def findings(run: Run, groups: Sequence[Group]) -> list[str]:
    """What the valid trials show, in sentences: pacing, loss, agreement of witnesses, the highest rates."""
    notices = [clean(line) for line in run.info.plan.notices]
    sentences = (*notices, _pacing(run.valid), _loss(run.valid), *agreement(run.trials))
    return [line for line in (*sentences, *headline(run, groups), *_not_measured(run)) if line]


def _not_measured(run: Run) -> list[str]:
    """What a reader may look for and not find."""
    kinds = {search.kind for search in run.info.searches}
    missing = {
        "latency": True,
        "order of packets": True,
        "throughput as RFC 2544 defines it (no search in this scenario)": THROUGHPUT not in kinds,
        "what arrived (no witness)": not any(trial.witnessed for trial in run.trials),
    }
    return [f"Not measured: {', '.join(name for name, absent in missing.items() if absent)}."] if run.trials else []


def headline(run: Run, groups: Sequence[Group]) -> list[str]:
    """The highest rates, in packets and in bits, each with the side that counted it and what limited it."""
    packets, bits = _highest(run, groups, "pps"), _highest(run, groups, "l1_bps")
    if packets == bits:
        return [f"Most packets and bits: {packets}"] if packets else []
    return [f"Most packets: {packets}", f"Most bits: {bits}"]


def _pacing(valid: Sequence[TrialResult]) -> str:
    kept = [
        kept_pps(trial.offered.pacing[0], trial.claim, max(1, len(trial.parts))) / trial.offered.paced_pps
        for trial in valid
        if trial.offered.paced_pps and trial.claim
    ]
    if not kept:
        return ""
    off = 100 * max(abs(share - 1) for share in kept)
    return f"Pacing: {count(len(kept), 'valid paced trial')} sent within {number(off, 2)} % of the offered rate."


def _loss(valid: Sequence[TrialResult]) -> str:
    losses = [trial.loss for trial in valid if trial.loss is not None]
    if not losses:
        return ""
    places = loss_places(losses)
    lost = count(sum(loss.packets for loss in losses), "packet")
    where = f"; {places}" if places else ""
    return f"Loss: {lost} in {count(len(losses), 'valid witnessed trial')}{where}."


def highest(groups: Sequence[Group], unit: str) -> tuple[Group, str] | None:
    """The group with the highest median of ``unit``, an attribute of Rates, and the side whose rate it is."""
    rated = [(group.median(side, unit) or 0.0, group, side) for group in groups if (side := group.bits_side)]
    return max(rated, key=lambda entry: entry[0])[1:] if rated else None


def _highest(run: Run, groups: Sequence[Group], unit: str) -> str:
    best = highest(groups, unit)
    if best is None:
        return ""
    group, side = best
    counted = side if group.witnessed else f"{side}, not witnessed"
    percent = group.median(side, "line_rate_percent") if run.has_line_rate else None
    share = "" if percent is None else f" ({number(percent, 2)} % of line rate)"
    return (
        f"{number(group.median(side, 'pps'))} pps {counted}, {bit_rate(group.median(side, 'l1_bps') or 0)} L1{share}, "
        f"{clean(group.case_name)} at {group_offered(group)}, sent by {clean(group.method.name)}; "
        f"limit: {', '.join(group.limits)}."
    )
