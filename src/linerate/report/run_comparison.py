"""The comparison of two runs: as Markdown, as data, and as gates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from ..results import significance
from ..results.compare import Ratio
from ..results.compare_runs import FASTER, NOT_VALID, SAME, SLOWER, TOO_FEW, Difference, Effect, RunsCompared
from ..results.groups import Group
from ..results.statistics import METHOD, Estimate
from .comparison import estimate_data
from .gates import Gate
from .markdown import md, table
from .text import NONE, clean, group_offered, group_title, interval_text, number, rate_text

HEADER = (
    *("Case", "Offered", "Before, pps (95 %)", "After, pps (95 %)", "After / before (95 %)"),
    *("Change", "Verdict", "n", "Counted"),
)
ALIGN = "lrrrrrlrl"
_VERDICTS = (FASTER, SLOWER, SAME, TOO_FEW, NOT_VALID)
_CHANGES = 4
"""More changes than this are in the table alone."""


def comparison_markdown(found: RunsCompared) -> str:
    """The ratios of both runs, and what differs between them."""
    lines = [f"# {md(found.before.run_id)} to {md(found.after.run_id)}", ""]
    if found.effects:
        lines += [*change_table(found), ""]
    if found.hardware:
        lines.append(f"- **Different hardware**, so the ratios compare hosts: {md('; '.join(_words(found.hardware)))}.")
    lines.append("- n: valid of all repeats, before and after.")
    lines.append(f"- {SAME}: no significant difference. {md(significance.METHOD)}.")
    lines.append(f"- Intervals of 95 %: {md(METHOD)}.")
    lines.append("- The runs were not interleaved, so the ratios include any drift between them.")
    for which, groups in (("first", found.only_before), ("second", found.only_after)):
        names = "; ".join(_titles(groups))
        lines += [f"- Only the {which} run has: {md(names)}."] if names else []
    for title, differing in (("in the environment", found.environment), ("in what was sent", _sending(found))):
        lines += ["", f"## Differences {title}", ""]
        lines += [f"- {md(text)}" for text in _words(differing)] or ["- None."]
    return "\n".join(lines)


def verdict_counts(found: RunsCompared) -> str:
    """How many rows have which verdict: ``1 slower, 7 ~``, or that none has changed."""
    counts = Counter(effect.verdict for effect in found.effects)
    if set(counts) == {SAME}:
        return "no significant change"
    return ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in _VERDICTS if counts[verdict])


def change_lines(found: RunsCompared) -> list[str]:
    """The second run against the first in a few lines: the verdicts, and the largest significant changes."""
    lines = [f"Against {clean(found.before.path.name)}: {verdict_counts(found)}"]
    changed = [(effect.ratio.ratio, effect) for effect in found.effects if effect.ratio and _significant(effect)]
    changed.sort(key=lambda entry: -abs(entry[0].value - 1))
    return lines + [
        f"{group_title(effect.before.group)}: {_percent(value)} ({interval_text(value)} times the rate)"
        for value, effect in changed[:_CHANGES]
    ]


def change_table(found: RunsCompared) -> list[str]:
    """A row for each case, send method and offered load of both runs, in Markdown."""
    return table(HEADER, [_row(found, effect) for effect in found.effects], ALIGN)


def change_rows(found: RunsCompared) -> list[dict[str, str]]:
    """The rows of the comparison by the headings of HEADER."""
    return [dict(zip(HEADER, _row(found, effect))) for effect in found.effects]


def change_json(found: RunsCompared) -> dict[str, Any]:
    """The comparison with the previous run as the summary holds it."""
    return {
        "run": found.before.path.name,
        "lines": change_lines(found),
        "effects": [_effect(effect) for effect in found.effects],
    }


def _significant(effect: Effect) -> bool:
    return effect.verdict in (FASTER, SLOWER)


def _percent(ratio: Estimate) -> str:
    return f"{100 * (ratio.value - 1):+.1f} %".replace("-0.0 %", "+0.0 %")


def fail_below(found: RunsCompared, least: float) -> list[Gate]:
    """A gate per case, send method and offered load of the first run: the second reaches ``least`` times its rate.

    A lower rate passes if the difference is not significant, and fails if the repeats are too few to tell. What the
    second run lacks fails, and so does what has no valid trial there.
    """
    limit = f"at least {number(least, 3)} expected"
    gates = [_gate(effect, least, limit) for effect in found.effects if effect.before.group.valid]
    return gates + [
        Gate(group_title(one), False, "only the first run has it") for one in found.only_before if one.valid
    ]


def _gate(effect: Effect, least: float, limit: str) -> Gate:
    title = group_title(effect.before.group)
    if effect.ratio is None:
        return Gate(title, False, f"{NOT_VALID} in the second run, {limit}")
    value, passed = effect.ratio.ratio, effect.ratio.ratio.value >= least or effect.verdict == SAME
    return Gate(title, passed, f"{interval_text(value)} times the rate ({effect.verdict}), {limit}")


def comparison_json(found: RunsCompared) -> dict[str, Any]:
    """The same as data."""
    return {
        "before": found.before.run_id,
        "after": found.after.run_id,
        "interval": {"level_percent": 95, "method": METHOD},
        "significance": significance.METHOD,
        "effects": [_effect(effect) for effect in found.effects],
        "fingerprints": [run.info.environment.fingerprint for run in (found.before, found.after)],
        "different_hardware": [asdict(one) for one in found.hardware],
        "environment": [asdict(one) for one in found.environment],
        "sending": [asdict(one) for one in _sending(found)],
        "only_before": _titles(found.only_before),
        "only_after": _titles(found.only_after),
    }


def _row(found: RunsCompared, effect: Effect) -> tuple[str, ...]:
    sides, ratio, group = (effect.before, effect.after), effect.ratio, effect.before.group
    return (
        f"{clean(group.case_name)}, {clean(group.method.name)}",
        group_offered(group),
        *(rate_text(side.pps) for side in sides),
        interval_text(ratio.ratio if ratio else None),
        _percent(ratio.ratio) if ratio else NONE,
        effect.verdict + (", different hardware" if found.hardware else ""),
        " and ".join(f"{len(side.group.valid)}/{len(side.group.trials)}" for side in sides),
        _counted(ratio) if ratio else "",
    )


def _counted(ratio: Ratio) -> str:
    if ratio.lost_at:
        return f"{ratio.counted}, limit: {', '.join(ratio.lost_at)}; ratio of sent: {interval_text(ratio.sent)}"
    return ratio.counted + (", both paced" if ratio.paced else "")


def _effect(effect: Effect) -> dict[str, Any]:
    ratio, group = effect.ratio, effect.before.group
    return {
        "case": group.case_name,
        "send_method": group.method.name,
        "offered": group_offered(group),
        "counted": ratio.counted if ratio else None,
        "paced": ratio.paced if ratio else None,
        "verdict": effect.verdict,
        "significant": _significant(effect),
        "before_pps": estimate_data(effect.before.pps),
        "after_pps": estimate_data(effect.after.pps),
        "after_over_before": estimate_data(ratio.ratio) if ratio else None,
        "lost_at": list(ratio.lost_at) if ratio else [],
        "sent_after_over_before": estimate_data(ratio.sent) if ratio else None,
    }


def _titles(groups: Sequence[Group]) -> list[str]:
    return [group_title(group) for group in groups]


def _sending(found: RunsCompared) -> list[Difference]:
    return [replace(one, field=f"{group_title(group)}: {one.field}") for group, one in found.sending]


def _words(differing: Sequence[Difference]) -> list[str]:
    shown = [
        (one.field, *(json.dumps(side, ensure_ascii=False) for side in (one.before, one.after))) for one in differing
    ]
    return [f"{field}: {before} before, {after} after" for field, before, after in shown]
