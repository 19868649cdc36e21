"""The comparison of ways to send, as the report says and tabulates it."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.compare import Comparison, interval_text
from .text import clean

_SENTENCES = 4
"""More than this is no headline; the table has them all."""


def sentences(comparisons: Sequence[Comparison]) -> list[str]:
    """For each case what the best way to send is worth against the first, where nothing but the sender held the rate.

    Of several offered loads the one with the highest rate counts. Where both kept to the rate asked for there is no
    sentence: they agree by intent.
    """
    best: dict[str, tuple[float, str]] = {}
    for comparison in comparisons:
        base, last = comparison.members[0], comparison.members[-1]
        for pair in comparison.ratios:
            if pair.to == base.way and pair.of == last.way and not pair.paced:
                reached = last.pps.value if last.pps else 0.0
                if reached > best.get(comparison.case, (-1.0, ""))[0]:
                    best[comparison.case] = (reached, comparison.sentence(pair))
    found = [sentence for _, sentence in best.values()]
    return found[:_SENTENCES]


def ratio_rows(comparisons: Sequence[Comparison]) -> list[dict[str, str]]:
    """A row for each pair of ways, for each case and offered load."""
    return [
        {
            "case": clean(comparison.case),
            "frame": comparison.frame,
            "offered": comparison.offered,
            "of": pair.of,
            "to": pair.to,
            "ratio": pair.text,
            "repeats": " and ".join(str(count) for count in pair.ratio.repeats),
            "counted": f"{pair.counted} pps",
            "meaning": "pacing" if pair.paced else ", ".join(pair.lost_at) or "speed",
            "sent": interval_text(pair.sent),
        }
        for comparison in comparisons
        for pair in comparison.ratios
    ]
