"""What rates are held against: the offered rate, the line rate, and what the reference experiment measured."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.compare import interval_text, rate_text
from ..results.groups import Group
from ..results.reference import CASES, LINK_BPS, Ours, ReferenceCase, ReferenceRow, matches
from ..units import MBIT, line_rate_pps
from .axis import Reference
from .text import NONE, clean, number


def references(groups: Sequence[Group]) -> list[Reference]:
    """The lines of a plot of ``groups``, in packets/s: those that all of them share, and the experiment's."""
    first, *others = [_own(group) for group in groups]
    shared = [line for line in first if all(line in other for other in others)]
    if len({group.case for group in groups}) > 1:
        return shared
    found = [case for case in CASES if any(_comparable(case, group) for group in groups)]
    return shared + [Reference("experiment", f"reference experiment, {case.engine}", case.pps) for case in found]


def _own(group: Group) -> list[Reference]:
    """What was offered, unless a line carries less, and the line rate."""
    trial = group.trials[0]
    rate, length = trial.record["line_rate"], trial.record["case"]["mean_frame_length"]
    found = [] if trial.paced_pps is None else [Reference("offered", "offered", trial.paced_pps)]
    line = "line rate, assumed" if rate["source"] == "assumed" else "line rate"
    return [*found, Reference("line-rate", line, line_rate_pps(rate["bps"], length))]


def _comparable(case: ReferenceCase, group: Group) -> bool:
    """The same pcap, engine and load; what the experiment's line could not carry is top speed by another name."""
    if matches(case, group):
        return True
    same = (group.case, group.engine.partition(" ")[0]) == (case.case, case.engine)
    most = line_rate_pps(LINK_BPS, case.frame_length) * 8 * case.frame_length
    return same and group.mode == "topspeed" and case.mbps * MBIT > most


def reference_rows(rows: Sequence[ReferenceRow]) -> list[dict[str, str]]:
    """A row for each case of the experiment and each way it was sent here; one with the reason where it was not."""
    return [_row(row, ours) for row in rows for ours in (row.ours or (None,))]


def _row(row: ReferenceRow, ours: Ours | None) -> dict[str, str]:
    case = row.case
    return {
        "case": case.case,
        "engine": case.engine,
        "frame": f"{case.frame_length} B",
        "offered": case.offered,
        "pps": number(case.pps),
        "mbps": number(case.rated_mbps, 2),
        "line": number(case.rates.line_rate_percent, 1),
        "way": ours.member.way if ours else NONE,
        "ours": rate_text(ours.member.pps) if ours else NONE,
        "counted": ours.member.counted if ours and ours.member.pps else NONE,
        "ours_line": number(_line(ours), 1),
        "ratio": interval_text(ours.ratio) if ours else NONE,
        "why_not": clean(row.why_not),
    }


def _line(ours: Ours | None) -> float | None:
    return ours.member.group.median(ours.member.counted, "line_rate_percent") if ours else None
