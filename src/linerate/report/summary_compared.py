"""The summary's sections on comparisons: send methods, the reference experiment, and curves."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.compare import compare_methods
from ..results.curves import GroupCurve, group_curve
from ..results.groups import Group
from ..results.model import SENT
from ..results.reference import Ours, ReferenceRow, with_reference
from ..results.run import Run
from ..results.statistics import METHOD
from ..trial.curve import GRADES, LEAST_GRADED, LOWEST_GRADE
from .comparison import sentence
from .markdown import md, table
from .references import case_offered, why_not
from .text import NONE, clean, group_offered, interval_text, mbit, number, rate_text

_NAME = 40
"""A longer name would push every column of the tables off the screen; report.html has it whole."""

_METHODS_HEADER = (
    *("Case", "Offered", "Counted", "Send method", "pps, median (95 %)", "Compared with", "Ratio (95 %)"),
    *("Ratio of sent", "Valid"),
)
_METHODS_ALIGN = "lrllrlrrr"
_REFERENCE_HEADER = (
    *("Case", "Offered", "Reference pps", "pcap Mbit/s", "% of line rate"),
    *("Sent here by", "pps, median (95 %)", "pcap Mbit/s", "% of line rate", "Ratio of pps (95 %)"),
)
_REFERENCE_ALIGN = "lrrrrlrrrr"
_CURVES_HEADER = ("Case", "Offered", "Counted", "Samples of", "Mean pps", "Min pps", "Max pps", "CV %", "Stability")
_CURVES_ALIGN = "lrlrrrrrl"


def group_name(group: Group) -> str:
    """Case and send method, short enough for a table."""
    return f"{_short(group.case_name)}, {clean(group.method.name)}"


def sentences(groups: Sequence[Group]) -> list[str]:
    """The comparisons of pairs that did not both keep to the offered rate."""
    return [sentence(found, pair) for found in compare_methods(groups) for pair in found.ratios if not pair.paced]


def comparison_lines(groups: Sequence[Group]) -> list[str]:
    """The send methods side by side, and the ratio of each pair; nothing where there was only one."""
    rows = _comparison_rows(groups)
    if not rows:
        return []
    return [
        *table(_METHODS_HEADER, rows, _METHODS_ALIGN),
        "",
        "- Ratio: packets/s of the send method divided by those of the other, medians of the valid repeats; received, "
        "or sent where not both were witnessed. Where both kept to the offered rate, it does not show their speed.",
        "- Ratio of sent: the ratio of what was sent, where packets were lost beyond the sender, so that what was "
        "received shows the capacity of the path, the device or the receiver.",
        f"- Intervals of 95 %: {md(METHOD)}.",
        "- Send methods of the same load follow each other directly, in reversed order in every other repeat.",
    ]


def _comparison_rows(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for found in compare_methods(groups):
        case, load = _short(found.group.case_name), group_offered(found.group)
        for one in found.members:
            valid = f"{len(one.group.valid)}/{len(one.group.trials)}"
            start = (case, load, one.counted if one.pps else NONE, clean(one.method.name), rate_text(one.pps))
            pairs = [
                (clean(pair.to.name), interval_text(pair.ratio), interval_text(pair.sent))
                for pair in found.ratios
                if pair.of == one.method
            ]
            rows += [(*start, *pair, valid) for pair in pairs or [(NONE, NONE, NONE)]]
    return rows


def reference_lines(run: Run, groups: Sequence[Group]) -> list[str]:
    """The reference experiment's table with this run's results; nothing where the run sent none of its cases."""
    rows = with_reference(run, groups)
    if not rows:
        return []
    missing: dict[str, list[str]] = {}
    for row in rows:
        if not row.ours:
            missing.setdefault(why_not(row), []).append(f"{row.case.case} by {row.case.engine}")
    return [
        *table(
            _REFERENCE_HEADER,
            [_reference_row(row, ours, run.has_line_rate) for row in rows for ours in row.ours or (None,)],
            _REFERENCE_ALIGN,
        ),
        "",
        "- Reference: X520 10 Gbit/s, tcpreplay 4.4.2, measured once, rates as tcpreplay claims them. Here: received "
        "rates, or sent rates where they were not witnessed. The interval is of the repeats here alone.",
        "- pcap Mbit/s: 10^6 bit/s of frames without FCS, as tcpreplay counts. Line rate is counted in L1 bits.",
        *(f"- Not sent here: {md(', '.join(cases))}: {md(reason)}." for reason, cases in missing.items()),
    ]


def _reference_row(row: ReferenceRow, ours: Ours | None, has_line_rate: bool) -> tuple[str, ...]:
    case = row.case
    theirs = (
        f"{_short(case.case)}, {case.engine}",
        case_offered(case),
        number(case.pps),
        number(case.rated_mbps, 2),
        number(case.rates.line_rate_percent, 1),
    )
    if ours is None:
        return (*theirs, "not sent", *(NONE,) * 4)
    if ours.member.pps is None:
        return (*theirs, clean(ours.member.method.name), "no valid trial", *(NONE,) * 3)
    group, side = ours.member.group, ours.member.counted
    method = clean(ours.member.method.name) + (", not witnessed" if side == SENT else "")
    bits, percent = group.median(side, "pcap_bps"), group.median(side, "line_rate_percent") if has_line_rate else None
    return (*theirs, method, rate_text(ours.member.pps), mbit(bits), number(percent, 1), interval_text(ours.ratio))


def curve_lines(groups: Sequence[Group]) -> list[str]:
    """How steady each group's rate was over time; nothing where no trial has samples."""
    rows = [(group, curve) for group in groups if (curve := group_curve(group))]
    if not rows:
        return []
    limits = ", ".join(f"{name} up to {most:g} %" for name, most in GRADES)
    return [
        *table(_CURVES_HEADER, [_curve_row(group, curve) for group, curve in rows], _CURVES_ALIGN),
        "",
        f"- Stability by the coefficient of variation (CV) of the samples: {limits}, {LOWEST_GRADE} above; none with "
        f"fewer than {LEAST_GRADED} samples. Compare it only between samples of the same length.",
        "- Mean: median of the valid repeats. CV and stability: of the least steady one. Min and max: the lowest and "
        "the highest sample of any.",
    ]


def _curve_row(group: Group, curve: GroupCurve) -> tuple[str, ...]:
    rates = (number(pps) for pps in (curve.mean_pps, curve.min_pps, curve.max_pps))
    # An SNMP agent counts packets, and has no samples of them.
    unsampled = ", no samples at the receiver" if group.witnessed else ", not witnessed"
    witness = "" if group.counted == curve.counted else unsampled
    return (
        group_name(group),
        group_offered(group),
        curve.counted + witness,
        f"{curve.interval_seconds:.2g} s",
        *rates,
        number(curve.cv_percent, 2),
        curve.stability or NONE,
    )


def _short(name: str) -> str:
    shown = clean(name)
    return shown if len(shown) <= _NAME else f"{shown[: _NAME - 1]}…"
