"""The counts of each trial side by side: the sender's claim, both NICs, and every witness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..results.model import TrialResult, WitnessResult
from .text import NONE, clean, number, signed
from .witness_text import loss_places

_ALL = 40
"""With more trials than this, differences of witnesses within their tolerance have no row."""


@dataclass(frozen=True)
class Row:
    """One trial. ``counts`` are packets in the order of the headings; ``apart`` are the differences in words."""

    number: int
    trial: str
    counts: tuple[str, ...]
    apart: tuple[str, ...]
    doubtful: bool
    loss: str
    loss_percent: str
    where: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Counted:
    """The table. The ``witnesses`` are headings; ``omitted`` trials lost nothing and all their counters agree.

    ``sums`` are the packets of the omitted trials by counter, in the order of the headings.
    """

    witnesses: tuple[str, ...]
    rows: tuple[Row, ...]
    omitted: int
    sums: tuple[str, ...]


def counted(trials: Sequence[TrialResult]) -> Counted:
    """What each counter counted in each trial."""
    names = tuple(dict.fromkeys(one.name for trial in trials for one in trial.witnesses))
    rows = [_row(trial, number, names) for number, trial in enumerate(trials, start=1)]
    few = len(trials) <= _ALL
    shown = [row for row, trial in zip(rows, trials) if _is_notable(row, trial, few)]
    omitted = [trial for row, trial in zip(rows, trials) if not _is_notable(row, trial, few)]
    return Counted(tuple(clean(name) for name in names), tuple(shown), len(omitted), _sums(omitted, names))


def _is_notable(row: Row, trial: TrialResult, few: bool) -> bool:
    """Whether the trial is a problem, or, of ``few`` trials, its witnesses differ at all."""
    lost = trial.loss is not None and trial.loss.packets != 0
    differ = few and any(pair.packets for pair in trial.witness_disagreement)
    return row.doubtful or not trial.witnessed or lost or differ or bool(trial.disagreement.claim_minus_sender_nic)


def _sums(trials: Sequence[TrialResult], names: Sequence[str]) -> tuple[str, ...]:
    counts = [_counts(trial, names) for trial in trials]
    return tuple(number(sum(values)) if None not in values else NONE for values in zip(*counts))


def _counts(trial: TrialResult, names: Sequence[str]) -> tuple[int | None, ...]:
    """The packets by counter; None where it did not count."""
    claim, receiver = trial.claim, trial.receiver_nic
    witnesses = {one.name: one.packets for one in trial.witnesses}
    return (
        claim.successful if claim else None,
        trial.sender_nic.tx_packets,
        *(witnesses.get(name) for name in names),
        receiver.rx_packets if receiver else None,
    )


def _row(trial: TrialResult, place: int, names: Sequence[str]) -> Row:
    claim, receiver, loss = trial.claim, trial.receiver_nic, trial.loss
    witnesses = {one.name: one for one in trial.witnesses}
    return Row(
        number=place,
        trial=clean(trial.trial_id),
        counts=(
            number(claim.successful if claim else None),
            number(trial.sender_nic.tx_packets),
            *(_count(witnesses.get(name)) for name in names),
            number(receiver.rx_packets if receiver else None),
        ),
        apart=tuple(_differences(trial)),
        doubtful=not trial.witnesses_agree or any(not one.usable for one in trial.witnesses),
        loss=number(loss.packets if loss else None),
        loss_percent=number(loss.percent if loss else None, 3),
        where=(loss_places([loss]) if loss else "") or NONE,
        evidence=tuple(clean(line) for line in loss.evidence) if loss else (),
    )


def _count(witness: WitnessResult | None) -> str:
    if witness is None:
        return NONE
    if not witness.usable:
        return f"not usable: {clean(witness.reason or 'no reason was given')}"
    return number(witness.packets)


def _differences(trial: TrialResult) -> list[str]:
    """The differences between counters that are not 0, in words."""
    words = []
    claimed = trial.disagreement.claim_minus_sender_nic
    if claimed:
        words.append(f"claim minus sender's NIC {signed(claimed)}")
    for pair in trial.witness_disagreement:
        if pair.packets:
            tolerance = f"{'within' if pair.within else 'MORE THAN'} {number(pair.tolerance_packets)}"
            words.append(clean(f"{pair.first} minus {pair.second} {signed(pair.packets)} ({tolerance})"))
    received = trial.disagreement.receiver_nic_minus_witness
    if received:
        words.append(f"receiver's NIC minus witness {signed(received)}")
    return words
