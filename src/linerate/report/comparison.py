"""The comparison of send methods in sentences and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..results.compare import Comparison, Ratio
from ..results.model import RECEIVED
from ..results.statistics import LEAST_REPEATS, Estimate
from .text import clean, frame, group_offered, interval_text

_SENTENCES = 4
"""A headline has at most this many; the table has all."""


def sentence(comparison: Comparison, pair: Ratio) -> str:
    """The ratio of one pair in a sentence."""
    group, (of, to) = comparison.group, pair.ratio.repeats
    case = f"{clean(group.case_name)} (frames of {frame(group.case)} without FCS) at {group_offered(group)}"
    counted = "sent packets/s" if pair.sent else "received packets/s"
    parts = [counted if pair.counted == RECEIVED else "sent packets/s, not witnessed"]
    parts.append(f"medians of {of} and {to} valid repeats" if (of, to) != (1, 1) else "one valid repeat each")
    parts.append(_interval_words(pair.ratio))
    names, ratio = (clean(pair.of.name), clean(pair.to.name)), interval_text(pair.sent or pair.ratio)
    verb = "sends" if pair.sent else "reaches"
    text = f"{names[0]} {verb} {ratio} times the rate of {names[1]} for {case}: {', '.join(parts)}"
    if pair.paced:
        text += "; both kept to the offered rate"
    if pair.sent:
        limit, arrived = ", ".join(pair.lost_at), interval_text(pair.ratio)
        text += f". What they could deliver cannot be compared: limit: {limit}; received packets/s: {arrived} times"
    return f"{text}."


def _interval_words(found: Estimate) -> str:
    if found.low is None:
        return "too few repeats for an interval"
    # With fewer, it is cut to what was observed, and covers less (results.statistics).
    return "95 % interval" if min(found.repeats) > LEAST_REPEATS else "interval within what was observed"


def headline_sentences(comparisons: Sequence[Comparison]) -> list[str]:
    """For each case how the last send method compares with the first, at the offered load with the highest rate.

    Where both kept to the offered rate there is no sentence: they agree by intent.
    """
    best: dict[str, tuple[float, str]] = {}
    for comparison in comparisons:
        base, last = comparison.members[0], comparison.members[-1]
        for pair in comparison.ratios:
            if pair.to == base.method and pair.of == last.method and not pair.paced:
                reached, case = last.pps.value if last.pps else 0.0, comparison.group.case_name
                if reached > best.get(case, (-1.0, ""))[0]:
                    best[case] = (reached, sentence(comparison, pair))
    return [text for _, text in best.values()][:_SENTENCES]


def estimate_data(found: Estimate | None) -> dict[str, Any] | None:
    """A value with its 95 % interval, null where the repeats are too few for one."""
    return None if found is None else {**asdict(found), "repeats": list(found.repeats)}


def meaning(pair: Ratio) -> str:
    """What a ratio shows: the speed, how well both kept their pace, or the places that lost packets."""
    return "pacing" if pair.paced else ", ".join(pair.lost_at) or "speed"


def ratio_rows(comparisons: Sequence[Comparison]) -> list[dict[str, str]]:
    """A row for each pair of send methods, for each case and offered load."""
    return [
        {
            "case": clean(comparison.group.case_name),
            "frame": frame(comparison.group.case),
            "offered": group_offered(comparison.group),
            "of": clean(pair.of.name),
            "to": clean(pair.to.name),
            "ratio": interval_text(pair.ratio),
            "repeats": " and ".join(str(count) for count in pair.ratio.repeats),
            "counted": f"{pair.counted} pps",
            "meaning": meaning(pair),
            "sent": interval_text(pair.sent),
        }
        for comparison in comparisons
        for pair in comparison.ratios
    ]
