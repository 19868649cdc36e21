"""The summary's sections on what was compared: ways to send, the reference experiment, and curves."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.compare import SENT, compare_ways, interval_text, member, rate_text
from ..results.curves import GroupCurve, group_curve
from ..results.groups import Group
from ..results.model import Run
from ..results.reference import Ours, ReferenceRow, against_reference
from ..results.statistics import METHOD
from ..trial.curve import GRADES, LEAST_GRADED, LOWEST_GRADE
from .markdown import md, table
from .text import NONE, clean, mbit, number

_NAME = 40
"""A longer name would push every column of the tables off the screen; report.html has it whole."""

_WAYS_HEADER = ("Case", "Offered", "Counted", "Way", "pps, median (95 %)", "Over", "Ratio (95 %)", "Of sent", "Valid")
_WAYS_ALIGN = "lrllrlrrr"
_REFERENCE_HEADER = (
    *("Case", "Offered", "Reference pps", "pcap Mbit/s", "% of line rate"),
    *("Here by", "pps, median (95 %)", "pcap Mbit/s", "% of line rate", "Ratio of pps (95 %)"),
)
_REFERENCE_ALIGN = "lrrrrlrrrr"
_CURVES_HEADER = ("Case", "Offered", "Counted", "Samples of", "Mean pps", "Min pps", "Max pps", "CV %", "Stability")
_CURVES_ALIGN = "lrlrrrrrl"


def group_name(group: Group) -> str:
    """Case and way to send, no longer than a table bears."""
    return f"{_short(group.case)}, {group.engine}"


def sentences(groups: Sequence[Group]) -> list[str]:
    """What the comparison shows, the pairs that only kept to a rate asked for left out."""
    return [found.sentence(pair) for found in compare_ways(groups) for pair in found.ratios if not pair.paced]


def comparison_lines(groups: Sequence[Group]) -> list[str]:
    """Every way to send beside the others, and each pair's ratio; nothing where there was one way alone."""
    rows = []
    for found in compare_ways(groups):
        for one in found.members:
            valid = f"{len(one.group.valid)}/{len(one.group.trials)}"
            begin = (_short(found.case), found.offered, one.counted if one.pps else NONE, one.way, rate_text(one.pps))
            pairs = [(pair.to, pair.text, interval_text(pair.sent)) for pair in found.ratios if pair.of == one.way]
            rows += [(*begin, *pair, valid) for pair in pairs or [(NONE, NONE, NONE)]]
    if not rows:
        return []
    return [
        *table(_WAYS_HEADER, rows, _WAYS_ALIGN),
        "",
        "- Ratio: packets/s of the way over those of the other, medians of the valid repeats; received, or sent where "
        "not both were witnessed. Where both kept to the rate asked for, it shows that and not how fast they are.",
        "- Of sent: the ratio of what was sent, where packets were lost beyond the sender and what was received shows "
        "how much the path, the device or the receiver bears.",
        f"- Intervals of 95 %: {md(METHOD)}.",
        "- Ways to send the same load follow each other directly, in turned order from repeat to repeat.",
    ]


def reference_lines(run: Run, groups: Sequence[Group]) -> list[str]:
    """The reference experiment's table beside this run's; nothing where the run sent none of its cases."""
    rows = against_reference(run, groups)
    if not rows:
        return []
    missing: dict[str, list[str]] = {}
    for row in rows:
        if not row.ours:
            missing.setdefault(row.why_not, []).append(f"{row.case.case} by {row.case.engine}")
    return [
        *table(
            _REFERENCE_HEADER,
            [line for row in rows for line in (_reference_row(row, ours) for ours in row.ours or (None,))],
            _REFERENCE_ALIGN,
        ),
        "",
        "- Reference: X520 10 Gbit/s, tcpreplay 4.4.2, measured once, rates as tcpreplay claims them. Here: the rates "
        "received, or sent where they were not witnessed. The interval is of the repeats here alone.",
        "- pcap Mbit/s: 10^6 bit/s of frames without FCS, as tcpreplay counts. Line rate is counted in L1 bits.",
        *(f"- Not sent here: {md(', '.join(cases))}: {md(reason)}." for reason, cases in missing.items()),
    ]


def _reference_row(row: ReferenceRow, ours: Ours | None) -> tuple[str, ...]:
    case = row.case
    theirs = (
        f"{_short(case.case)}, {case.engine}",
        case.offered,
        number(case.pps),
        number(case.rated_mbps, 2),
        number(case.rates.line_rate_percent, 1),
    )
    if ours is None:
        return (*theirs, "not sent", *(NONE,) * 4)
    if ours.member.pps is None:
        return (*theirs, ours.member.way, "no valid trial", *(NONE,) * 3)
    group, side = ours.member.group, ours.member.counted
    way = ours.member.way + (", not witnessed" if side == SENT else "")
    bits, percent = group.median(side, "pcap_bps"), group.median(side, "line_rate_percent")
    return (*theirs, way, rate_text(ours.member.pps), mbit(bits), number(percent, 1), interval_text(ours.ratio))


def curve_lines(groups: Sequence[Group]) -> list[str]:
    """How steady each group's rate was over time; nothing where no curve was recorded."""
    rows = [(group, curve) for group in groups if (curve := group_curve(group))]
    if not rows:
        return []
    limits = ", ".join(f"{name} up to {most:g} %" for name, most in GRADES)
    return [
        *table(_CURVES_HEADER, [_curve_row(group, curve) for group, curve in rows], _CURVES_ALIGN),
        "",
        f"- Stability by the coefficient of variation (CV) of the samples: {limits}, {LOWEST_GRADE} above; none with "
        f"fewer than {LEAST_GRADED} samples. Compare it only between samples of the same length.",
        "- Mean and CV: medians of the valid repeats. Min and max: the lowest and the highest sample of any of them.",
    ]


def _curve_row(group: Group, curve: GroupCurve) -> tuple[str, ...]:
    rates = (number(pps) for pps in (curve.mean_pps, curve.min_pps, curve.max_pps))
    witness = "" if member(group).counted == curve.counted else ", not witnessed"
    return (
        group_name(group),
        group.offered,
        curve.counted + witness,
        f"{curve.interval_seconds:.2g} s",
        *rates,
        number(curve.cv_percent, 2),
        curve.stability or NONE,
    )


def _short(name: str) -> str:
    shown = clean(name)
    return shown if len(shown) <= _NAME else f"{shown[: _NAME - 1]}…"
