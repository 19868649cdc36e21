"""Who counted what in each trial, side by side: tcpreplay, the sender's NIC, every witness, the receiver's NIC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..results.model import Trial
from .text import NONE, clean, number, signed
from .witness_text import loss_places

_ALL = 40
"""Of more trials than this only those with something to say have a row."""


@dataclass(frozen=True)
class Row:
    """One trial. ``counts`` are packets in the order of the headings; ``apart`` are the disagreements as words."""

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
    """The table: the witnesses' names are headings; ``omitted`` trials lost nothing and all counters agreed."""

    witnesses: tuple[str, ...]
    rows: tuple[Row, ...]
    omitted: int


def counted(trials: Sequence[Trial]) -> Counted:
    """What each counter says of each trial; a run from before several witnesses could count has one."""
    names = tuple(dict.fromkeys(one["name"] for trial in trials for one in _witnesses(trial)))
    rows = [_row(trial, place, names) for place, trial in enumerate(trials, start=1)]
    shown = [row for row, trial in zip(rows, trials) if len(trials) <= _ALL or _speaks(row, trial)]
    return Counted(tuple(clean(name) for name in names), tuple(shown), len(rows) - len(shown))


def _speaks(row: Row, trial: Trial) -> bool:
    return row.doubtful or not trial.witnessed or bool(trial.loss_packets) or bool(_claim_less_nic(trial))


def _witnesses(trial: Trial) -> list[dict[str, Any]]:
    one = trial.record["witness"]
    if "witnesses" in trial.record or one is None:
        return trial.witnesses
    return [{"name": one["method"].replace("_", " "), "usable": True, **one}]


def _row(trial: Trial, place: int, names: Sequence[str]) -> Row:
    record = trial.record
    claim, receiver = record["claim"], record["receiver_nic"]
    said = {one["name"]: one for one in _witnesses(trial)}
    apart, doubtful = _apart(trial)
    loss = record["loss"] or {}
    return Row(
        number=place,
        trial=clean(trial.trial_id),
        counts=(
            number(claim["successful"] if claim else None),
            number(record["sender_nic"]["tx_packets"]),
            *(_said(said.get(name)) for name in names),
            number(receiver["rx_packets"] if receiver else None),
        ),
        apart=tuple(apart),
        doubtful=doubtful or any(not one["usable"] for one in said.values()),
        loss=number(trial.loss_packets),
        loss_percent=number(trial.loss_percent, 3),
        where=loss_places([trial]) or NONE,
        evidence=tuple(clean(line) for line in loss.get("evidence", ())),
    )


def _said(witness: dict[str, Any] | None) -> str:
    if witness is None:
        return NONE
    if not witness["usable"]:
        return f"not usable: {clean(witness['reason'] or 'no reason was given')}"
    return number(witness["packets"])


def _apart(trial: Trial) -> tuple[list[str], bool]:
    """The differences that are not none, in words, and whether one is more than its tolerance."""
    words = []
    claimed = _claim_less_nic(trial)
    if claimed:
        words.append(f"claim less sender's NIC {signed(claimed)}")
    pairs = trial.witness_disagreement
    for pair in pairs:
        if pair["packets"]:
            tolerance = f"{'within' if pair['within'] else 'MORE THAN'} {number(pair['tolerance_packets'])}"
            words.append(clean(f"{pair['first']} less {pair['second']} {signed(pair['packets'])} ({tolerance})"))
    beside = trial.record["disagreement"]["receiver_nic_minus_witness"]
    if beside:
        words.append(f"receiver's NIC less witness {signed(beside)}")
    return words, any(not pair["within"] for pair in pairs)


def _claim_less_nic(trial: Trial) -> int | None:
    value = trial.record["disagreement"]["claim_minus_sender_nic"]
    return None if value is None else int(value)
