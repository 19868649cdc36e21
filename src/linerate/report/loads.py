"""What was received, and lost, over the offered load, for each case and send method that has several loads."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.groups import Group
from ..results.model import RECEIVED
from ..trial.model import SendMethod
from .axis import axis
from .chart import Chart, Place, Scales, chart
from .text import clean, group_offered, number

OFFERED = "offered load, pps"
LEAST_LOADS = 3
"""Fewer loads make no line."""


def load_charts(groups: Sequence[Group]) -> list[Chart]:
    """Two charts for each case and send method with at least LEAST_LOADS offered loads, by their valid trials."""
    found: dict[tuple[str, SendMethod], dict[float, Group]] = {}
    for group in groups:
        if group.valid and group.offered_pps:
            # Loads of several modes may be equal, such as 100 pps and a percentage.
            found.setdefault((group.case_name, group.method), {}).setdefault(group.offered_pps, group)
    charts = []
    for (case, method), loads in found.items():
        if len(loads) >= LEAST_LOADS:
            ordered = sorted(loads.items())
            name = f"{clean(case)} by {clean(method.name)}"
            charts += [_rates(name, ordered), *_losses(name, ordered)]
    return charts


def _rates(name: str, loads: Sequence[tuple[float, Group]]) -> Chart:
    """Received over offered; sent, where it was not counted what arrived."""
    measured = [(load, group.median(group.counted, "pps") or 0.0, group) for load, group in loads]
    offered = [load for load, _ in loads]
    x_axis, y_axis = axis(max(offered)), axis(max(*offered, *(rate for _, rate, _ in measured)))
    witnessed = all(group.counted == RECEIVED for _, group in loads)
    kind = "received" if witnessed else "sent (not witnessed)"
    return chart(
        f"Offered and {kind}: {name}",
        Scales(x_axis, OFFERED, y_axis, "pps"),
        [
            ("received c0", [(load, rate) for load, rate, _ in measured]),
            ("reference line-rate", [(load, load) for load in offered]),
        ],
        [((load, rate), f"{group_offered(group)}: {number(rate)} pps {kind}") for load, rate, group in measured],
        f"Line: {kind}; dotted: the offered load.",
    )


def _losses(name: str, loads: Sequence[tuple[float, Group]]) -> list[Chart]:
    """Loss over offered load; none without a witness."""
    measured = [(load, group.worst_loss_percent, group) for load, group in loads]
    losses = [(load, loss, group) for load, loss, group in measured if loss is not None]
    if len(losses) < LEAST_LOADS:
        return []
    points = [((load, loss), f"{group_offered(group)}: loss {number(loss, 4)} %") for load, loss, group in losses]
    return [loss_chart(f"Loss over offered load: {name}", OFFERED, points, "Each point is an offered load.")]


def loss_chart(title: str, load: str, points: Sequence[tuple[Place, str]], note: str) -> Chart:
    """Loss in percent over the ``load`` that its axis names, by ``points`` in the order of their loads."""
    places = [place for place, _ in points]
    # More counted than sent is no loss; the table has the number.
    y_axis = axis(max(0.1, *(loss for _, loss in places)))
    scales = Scales(axis(places[-1][0]), load, y_axis, "loss, %")
    return chart(title, scales, [("received c0", places)], points, note)
