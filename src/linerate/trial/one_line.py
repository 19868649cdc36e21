"""A trial's result in one line, for the one who watches the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..units import megabits


def one_line(trial: Mapping[str, Any]) -> str:
    """Rates in packets/s and L2 Mbit/s (with FCS), loss, stability, limit, and valid or why not."""
    verdict, sent, received, loss = trial["verdict"], trial["rates"]["sent"], trial["rates"]["received"], trial["loss"]
    parts = [trial["trial_id"]]
    asked = trial["achieved"]["requested_pps"]
    if sent:
        wanted = f"asked for {asked:,.0f} pps, " if asked else ""
        parts.append(f"{wanted}sent {sent['pps']:,.0f} pps ({megabits(sent['l2_bps']):,.1f} Mbit/s L2)")
    if received:
        parts.append(f"received {received['pps']:,.0f} pps")
    elif sent:
        parts.append("not witnessed")
    if loss:
        where = f" at: {loss['where']}" if loss["where"] else ""
        parts.append(f"loss {loss['packets']:,} packets ({loss['percent']:.3g} %){where}")
    parts += _stability(trial["curve"]["received"] or trial["curve"]["sent"])
    parts += _witnesses(trial)
    if trial["sender_nic"]["tx_packets"] is None:
        parts.append("the sending interface counts nothing and is no witness")
    parts.append(f"limit: {verdict['limit']}")
    parts.append("valid" if verdict["valid"] else "NOT VALID: " + "; ".join(verdict["reasons"]))
    return ", ".join(parts)


def _stability(curve: Mapping[str, Any] | None) -> list[str]:
    if curve is None or curve["grade"] is None:
        return []
    return [f"{curve['grade']} (CV {curve['cv_percent']:.1f} % over samples of {curve['interval_seconds']:.2g} s)"]


def _witnesses(trial: Mapping[str, Any]) -> list[str]:
    """Who could not count, and who of several disagrees."""
    unusable = [f"{one['name']} is no witness ({one['reason']})" for one in trial["witnesses"] if not one["usable"]]
    apart = [
        f"{pair['first']} less {pair['second']} {pair['packets']:+,} packets"
        + ("" if pair["within"] else " (DISAGREE)")
        for pair in trial["witness_disagreement"]
    ]
    return unusable + apart
