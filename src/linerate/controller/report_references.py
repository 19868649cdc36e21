"""What a group's rates are held against in the plots: the offered rate and the line rate."""

from __future__ import annotations

from ..frames import line_rate_pps
from .report_axis import Reference
from .report_groups import Group


def references(group: Group) -> list[Reference]:
    """What the group's rates are held against, in packets/s: what was offered, and the line rate."""
    record = group.trials[0].record
    rate, length = record["line_rate"], record["case"]["mean_frame_length"]
    found = [] if group.offered_pps is None else [Reference("offered", "offered", group.offered_pps)]
    line = "line rate, assumed" if rate["source"] == "assumed" else "line rate"
    return [*found, Reference("line-rate", line, line_rate_pps(rate["bps"], length))]
