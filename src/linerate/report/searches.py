"""The searches of a run: their sentences, their table, and their charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..results.run import Run
from ..results.searches import FRAME_LOSS, THROUGHPUT
from ..search.frame_loss import STEPS
from ..search.outcome import Outcome, sentence
from ..search.steps import outcomes as outcomes_of
from ..units import FCS, line_rate_pps
from . import back_to_back
from .axis import axis
from .chart import Chart, Scales, chart
from .loads import OFFERED, loss_chart
from .text import NONE, clean, number

TITLE = "Throughput, loss and bursts"
_SENTENCES = 4
"""More outcomes than this are in the table alone."""
STANDARD = (
    "Searched by MLRsearch (RFC 9971) with the goals in run.json. Loads are packets/s of the one sending interface; "
    "the width of the bounds is a ratio to the upper one; a trial's effective duration is the time it offers the load; "
    "the relevant lower bound is the throughput where the goal allows no loss. Deviations from RFC 2544: trials may be "
    "shorter than 60 s, and the load is paced by the sender's clock."
)


def outcomes(run: Run) -> list[Outcome]:
    """The outcomes of all searches of the run, by its stored trials."""
    return outcomes_of(run.info.searches, run.trials)


def shown_outcomes(run: Run) -> list[Outcome]:
    """The outcomes for a reader, without % of line rate on a link that has none."""
    found = outcomes(run)
    if run.has_line_rate:
        return found
    return [_without_line_rate(one) for one in found]


def _without_line_rate(outcome: Outcome) -> Outcome:
    return replace(
        outcome,
        rates=replace(outcome.rates, line_rate_percent=None) if outcome.rates else None,
        bursts=replace(outcome.bursts, line_rate_percent=None) if outcome.bursts else None,
    )


def searches_data(run: Run) -> list[dict[str, Any]]:
    """The outcomes as plain data, each with its sentence."""
    return [{**outcome.to_json(), "sentence": sentence(outcome)} for outcome in shown_outcomes(run)]


def searches_view(run: Run) -> dict[str, Any]:
    """What the report's template shows of the searches; nothing where the run has none."""
    found = shown_outcomes(run)
    return {
        "title": TITLE,
        "sentences": [clean(sentence(outcome)) for outcome in found if outcome.kind == THROUGHPUT][:_SENTENCES],
        "rows": [_row(outcome) for outcome in found if outcome.kind == THROUGHPUT],
        "standard": STANDARD,
        "losses": [_loss_row(outcome) for outcome in found if outcome.kind == FRAME_LOSS],
        "loss_steps": [f"{100 * step // STEPS} %" for step in range(STEPS, 0, -1)],
        "bursts": back_to_back.rows(found),
        "bursts_standard": back_to_back.STANDARD,
        "charts": [*_over_size(found), *_losses_over_load(found, THROUGHPUT)],
        "loss_charts": _losses_over_load(found, FRAME_LOSS),
        "burst_charts": back_to_back.charts(found),
    }


def _row(outcome: Outcome) -> tuple[str, ...]:
    bounds, rates = outcome.bounds, outcome.rates
    size = number(outcome.case.mean_frame_length + FCS)
    if bounds is None or rates is None:
        return (clean(outcome.case.name), size, clean(outcome.goal), *(NONE,) * 5, clean(outcome.problem or ""))
    of_line = NONE if rates.line_rate_percent is None else number(rates.line_rate_percent, 2)
    return (
        clean(outcome.case.name),
        size,
        clean(outcome.goal),
        number(rates.pps),
        number(bounds.upper_pps),
        number(rates.l1_bps / 1e6, 1),
        of_line,
        number(len(outcome.points)),
        clean(outcome.limited_by or NONE),
    )


def _losses_over_load(found: Sequence[Outcome], kind: str) -> list[Chart]:
    """A chart for each search of that kind: the goals of a search share its trials."""
    each = {outcome.search: outcome for outcome in found if outcome.kind == kind}
    return [_loss_over_load(one) for one in each.values() if one.points]


def _loss_row(outcome: Outcome) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Case, frame size, the greatest load and what set it; and the loss in percent at each step down from it."""
    losses = [number(point.loss_percent, 3) for point in outcome.points]
    case = (clean(outcome.case.name), number(outcome.case.mean_frame_length + FCS), number(outcome.most_pps))
    return (*case, clean(outcome.ceiling or outcome.problem or NONE)), (*losses, *(NONE,) * (STEPS - len(losses)))


def _over_size(found: Sequence[Outcome]) -> list[Chart]:
    """Throughput over frame size, one chart for each goal that has several sizes; without mixed sizes."""
    goals: dict[str, list[Outcome]] = {}
    for outcome in found:
        one_size = outcome.case.min_frame_length == outcome.case.max_frame_length
        if outcome.kind == THROUGHPUT and outcome.rates is not None and one_size:
            goals.setdefault(outcome.goal, []).append(outcome)
    return [_size_chart(goal, some) for goal, some in goals.items() if len(some) > 1]


def _size_chart(goal: str, found: Sequence[Outcome]) -> Chart:
    ordered = sorted(found, key=lambda one: one.case.mean_frame_length)
    sizes = [one.case.mean_frame_length + FCS for one in ordered]
    measured = [one.rates.pps if one.rates else 0.0 for one in ordered]
    line = [_line_rate(one) for one in ordered]
    x_axis, y_axis = axis(max(sizes)), axis(1.02 * max(measured))
    shown = [(size, rate) for size, rate in zip(sizes, line) if rate <= y_axis.top]
    known = any(rate < float("inf") for rate in line)
    note = "Line: throughput; dotted: theoretical line rate" if known else "Line: throughput; no line rate on this link"
    beyond = ", which is beyond this chart for some sizes" if known and len(shown) < len(line) else ""
    return chart(
        f"Throughput over frame size, goal {clean(goal)}",
        Scales(x_axis, "frame size with FCS, bytes", y_axis, "pps"),
        [("received c0", list(zip(sizes, measured))), ("reference line-rate", shown)],
        [
            ((size, rate), f"{clean(one.case.name)}: {number(rate)} pps")
            for one, size, rate in zip(ordered, sizes, measured)
        ],
        f"{note}{beyond}.",
    )


def _line_rate(outcome: Outcome) -> float:
    rates = outcome.rates
    if rates is None or not rates.line_rate_percent:
        return float("inf")
    return line_rate_pps(100 * rates.l1_bps / rates.line_rate_percent, outcome.case.mean_frame_length)


def _loss_over_load(outcome: Outcome) -> Chart:
    measured = sorted((point.pps, point.loss_percent, point.seconds) for point in outcome.points)
    points = [
        ((pps, loss), f"{number(pps)} pps for {seconds:g} s: loss {number(loss, 4)} %")
        for pps, loss, seconds in measured
    ]
    name = f"{clean(outcome.case.name)} by {clean(outcome.method.name)}"
    return loss_chart(f"Loss over offered load: {name}", OFFERED, points, "Each point is a trial.")
