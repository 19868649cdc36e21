"""What the witnesses of a run say beside each other, in sentences and in the words of one trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..results.model import Run, Trial
from .text import clean, count, number, signed


def agreement(trials: Sequence[Trial]) -> list[str]:
    """For each two witnesses, how far apart they were at most, and in how many trials that was tolerable."""
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for trial in trials:
        for pair in trial.witness_disagreement:
            pairs.setdefault((pair["first"], pair["second"]), []).append(pair)
    lines = []
    for (first, second), found in pairs.items():
        worst = max(found, key=lambda pair: abs(pair["packets"]))
        within = sum(pair["within"] for pair in found)
        lines.append(
            f"Witnesses {clean(first)} and {clean(second)}: at most {signed(worst['packets'])} packets apart "
            f"({number(worst['percent'], 3)} %), within the tolerance in {within:,} of {count(len(found), 'trial')}."
        )
    return lines


def loss_places(trials: Sequence[Trial]) -> str:
    """``path or device 1,000, receiver NIC 3``: where packets were lost, the most first; empty where none were."""
    lost: dict[str, int] = {}
    for trial in trials:
        for place, packets in (trial.record["loss"] or {}).get("by_place", {}).items():
            lost[place] = lost.get(place, 0) + packets
    return ", ".join(f"{place} {number(lost[place])}" for place in sorted(lost, key=lambda place: -lost[place]))


def witness_doubts(run: Run) -> list[str]:
    """Witnesses that could not count, each with its reasons, and those that contradict each other."""
    failed: dict[tuple[str, str], int] = {}
    for trial in run.trials:
        for witness in trial.witnesses:
            if not witness["usable"]:
                key = (clean(witness["name"]), clean(witness["reason"]))
                failed[key] = failed.get(key, 0) + 1
    lines = [
        f"Witness {name} could not count in {count(times, 'trial')}: {why}." for (name, why), times in failed.items()
    ]
    apart = [trial.trial_id for trial in run.trials if not all(pair["within"] for pair in trial.witness_disagreement)]
    if apart:
        lines.append(f"Witnesses disagree in {count(len(apart), 'trial')}: {', '.join(map(clean, apart[:6]))}.")
    return lines


def plan_notices(run: Run) -> list[str]:
    """What was planned otherwise than asked for."""
    return [clean(line) for line in run.info["plan"].get("notices", [])]


def witness_words(witness: dict[str, Any]) -> str:
    """One witness of one trial, whole."""
    who = f"{witness['name']} ({witness['kind']}, {witness['host']} {witness['interface']})"
    if not witness["usable"]:
        return clean(f"{who}: no witness, {witness['reason']}")
    counted = f"{number(witness['packets'])} packets ({witness['method']}, {witness['matches']})"
    if witness["refresh_seconds"]:
        settled = "settled" if witness["settled"] else "not settled"
        counted += f", counters renewed every {witness['refresh_seconds']:g} s, {settled}"
    moved = [
        f"{source} {name} {number(value)}"
        for source, group in witness["counters"].items()
        for name, value in group.items()
        if value
    ]
    return clean(f"{who}: {counted}; moved: {', '.join(moved) or 'nothing'}")


def disagreement_words(pair: dict[str, Any]) -> str:
    """Two witnesses of one trial."""
    verdict = "within" if pair["within"] else "NOT within"
    return clean(
        f"{pair['first']} less {pair['second']}: {signed(pair['packets'])} packets ({number(pair['percent'], 3)} %), "
        f"{verdict} the tolerance of {number(pair['tolerance_packets'])}"
    )


def achieved_words(trial: Trial) -> str:
    """The rate asked for beside the one sent."""
    sent = f"sent {number(trial.sent.pps)} pps" if trial.sent else "sent: not known"
    if trial.offered_pps is None:
        return f"asked for top speed, {sent}"
    percent = "" if trial.achieved_percent is None else f" ({number(trial.achieved_percent, 2)} %)"
    return f"asked for {number(trial.offered_pps)} pps, {sent}{percent}"


def loss_words(trial: Trial) -> str:
    """The loss of one trial, its place, and what proves it."""
    loss = trial.record["loss"]
    if loss is None:
        return "not witnessed"
    text = f"{number(loss['packets'])} packets ({number(loss['percent'], 3)} %)"
    places = loss_places([trial])
    evidence = "; ".join(loss.get("evidence", []))
    return clean(f"{text}{f', at: {places}' if places else ''}{f'; {evidence}' if evidence else ''}")
