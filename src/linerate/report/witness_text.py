"""Witnesses, losses and requested rates in words: of a run, and of one trial."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.model import TrialResult, WitnessPair, WitnessResult
from ..results.run import Run
from ..trial.loss import Loss
from ..trial.model import AT_DEVICE
from .text import clean, count, number, signed


def agreement(trials: Sequence[TrialResult]) -> list[str]:
    """For each pair of witnesses its largest difference, and in how many trials it was within the tolerance."""
    pairs: dict[tuple[str, str], list[WitnessPair]] = {}
    for trial in trials:
        for pair in trial.witness_disagreement:
            pairs.setdefault((pair.first, pair.second), []).append(pair)
    lines = []
    for (first, second), found in pairs.items():
        worst = max(found, key=lambda pair: abs(pair.packets))
        within = sum(pair.within for pair in found)
        lines.append(
            f"Witnesses {clean(first)} and {clean(second)}: largest difference {signed(worst.packets)} packets "
            f"({number(worst.percent, 3)} %), within the tolerance in {within:,} of {count(len(found), 'trial')}."
        )
    return lines


def loss_places(losses: Sequence[Loss]) -> str:
    """``path or device 1,000, receiver NIC 3``: where packets were lost, the most first; empty where none were."""
    lost: dict[str, int] = {}
    for loss in losses:
        for place, packets in loss.by_place.items():
            lost[place] = lost.get(place, 0) + packets
    return ", ".join(f"{place} {number(lost[place])}" for place in sorted(lost, key=lambda place: -lost[place]))


def witness_caveats(run: Run) -> list[str]:
    """Witnesses that could not count, each with its reasons, and trials whose witnesses disagree."""
    failed: dict[tuple[str, str], int] = {}
    for trial in run.trials:
        for witness in trial.witnesses:
            if not witness.usable:
                key = (clean(witness.name), clean(witness.reason))
                failed[key] = failed.get(key, 0) + 1
    lines = [
        f"Witness {name} could not count in {count(times, 'trial')}: {why}." for (name, why), times in failed.items()
    ]
    apart = [trial.trial_id for trial in run.trials if not trial.witnesses_agree]
    if apart:
        lines.append(f"Witnesses disagree in {count(len(apart), 'trial')}: {', '.join(map(clean, apart[:6]))}.")
    return lines


def witness_words(witness: WitnessResult) -> str:
    """One witness of one trial with all its counters."""
    place = ", at the device" if witness.position == AT_DEVICE else ""
    who = f"{witness.name} ({witness.kind}, {witness.host} {witness.interface}{place})"
    if not witness.usable:
        return clean(f"{who}: could not count, {witness.reason}")
    counted = f"{number(witness.packets)} packets ({witness.method}, {witness.matches})"
    if witness.refresh_seconds:
        settled = "settled" if witness.settled else "not settled"
        counted += f", counters updated every {witness.refresh_seconds:g} s, {settled}"
    increased = [
        f"{source} {name} {number(value)}"
        for source, group in witness.counters.items()
        for name, value in group.items()
        if value
    ]
    return clean(f"{who}: {counted}; counters: {', '.join(increased) or 'no increase'}")


def disagreement_words(pair: WitnessPair) -> str:
    """The difference of two witnesses of one trial."""
    verdict = "within" if pair.within else "NOT within"
    return clean(
        f"{pair.first} minus {pair.second}: {signed(pair.packets)} packets ({number(pair.percent, 3)} %), "
        f"{verdict} the tolerance of {number(pair.tolerance_packets)}"
    )


def achieved_words(trial: TrialResult) -> str:
    """The requested and the sent rate."""
    achieved = trial.achieved
    sent = "sent: not known" if achieved.sent_pps is None else f"sent {number(achieved.sent_pps)} pps"
    if achieved.requested_pps is None:
        return f"requested top speed, {sent}"
    percent = "" if achieved.percent is None else f" ({number(achieved.percent, 2)} %)"
    return f"requested {number(achieved.requested_pps)} pps, {sent}{percent}"


def loss_words(loss: Loss | None) -> str:
    """The loss of one trial, its places, and the evidence."""
    if loss is None:
        return "not witnessed"
    places, evidence = loss_places([loss]), "; ".join(loss.evidence)
    text = f"{number(loss.packets)} packets ({number(loss.percent, 3)} %)"
    return clean(f"{text}{f', at: {places}' if places else ''}{f'; {evidence}' if evidence else ''}")
