"""The comparison of two runs: as Markdown, and as data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..results.compare import Ratio
from ..results.compare_runs import Effect, RunsCompared
from ..results.groups import Group
from ..results.statistics import METHOD
from .markdown import md, table
from .summary_data import estimate_data
from .text import clean, group_offered, group_title, interval_text, rate_text

HEADER = ("Case", "Offered", "Before, pps (95 %)", "After, pps (95 %)", "After / before (95 %)", "Counted", "Valid")
ALIGN = "lrrrrlr"


def comparison_markdown(found: RunsCompared) -> str:
    """The ratios of both runs, and what differs between them."""
    lines = [f"# {md(found.before.run_id)} to {md(found.after.run_id)}", ""]
    if found.effects:
        lines += [*table(HEADER, [_row(effect) for effect in found.effects], ALIGN), ""]
    lines.append(f"- Intervals of 95 %: {md(METHOD)}.")
    lines.append("- The runs were not interleaved, so the ratios include any drift between them.")
    for which, groups in (("first", found.only_before), ("second", found.only_after)):
        names = "; ".join(_titles(groups))
        lines += [f"- Only the {which} run has: {md(names)}."] if names else []
    for title, differing in (("in the environment", _environment(found)), ("in what was sent", _sending(found))):
        lines += ["", f"## Differences {title}", ""]
        for one in differing:
            before, after = (json.dumps(one[side], ensure_ascii=False) for side in ("before", "after"))
            lines.append(f"- {md(one['field'])}: {md(before)} before, {md(after)} after")
        lines += [] if differing else ["- None."]
    return "\n".join(lines)


def comparison_json(found: RunsCompared) -> dict[str, Any]:
    """The same as data."""
    return {
        "before": found.before.run_id,
        "after": found.after.run_id,
        "interval": {"level_percent": 95, "method": METHOD},
        "effects": [_effect(effect) for effect in found.effects],
        "environment": _environment(found),
        "sending": _sending(found),
        "only_before": _titles(found.only_before),
        "only_after": _titles(found.only_after),
    }


def _row(effect: Effect) -> tuple[str, ...]:
    sides, ratio, group = (effect.before, effect.after), effect.ratio, effect.before.group
    return (
        f"{clean(group.case_name)}, {clean(group.method.name)}",
        group_offered(group),
        *(rate_text(side.pps) for side in sides),
        interval_text(ratio.ratio) if ratio else "no valid trial",
        _counted(ratio) if ratio else "",
        " and ".join(f"{len(side.group.valid)}/{len(side.group.trials)}" for side in sides),
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
        "before_pps": estimate_data(effect.before.pps),
        "after_pps": estimate_data(effect.after.pps),
        "after_over_before": estimate_data(ratio.ratio) if ratio else None,
        "lost_at": list(ratio.lost_at) if ratio else [],
        "sent_after_over_before": estimate_data(ratio.sent) if ratio else None,
    }


def _titles(groups: Sequence[Group]) -> list[str]:
    return [group_title(group) for group in groups]


def _environment(found: RunsCompared) -> list[dict[str, Any]]:
    return [asdict(one) for one in found.environment]


def _sending(found: RunsCompared) -> list[dict[str, Any]]:
    return [{**asdict(one), "field": f"{group_title(group)}: {one.field}"} for group, one in found.sending]
