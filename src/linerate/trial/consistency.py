"""Whether the numbers of a stored trial still agree with each other, so that none was changed since it ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ..errors import StatisticsError
from ..tcpreplay.output import Totals, check_rates
from .result import derived

PLANNED = ("sequence", "repeat", "case", "engine", "offered")
"""What a trial takes over from the plan."""

CLOSE = 1e-12
"""Relative; the same formula with the same numbers may differ in the last bits of a double elsewhere."""


def contradiction(record: Mapping[str, Any]) -> str | None:
    """What in ``record`` (schemas/trial.schema.json) its other numbers contradict; None where they all agree."""
    return next(_contradictions(record), None)


def unplanned(record: Mapping[str, Any], planned: Mapping[str, Any]) -> str | None:
    """What in ``record`` is not as in ``planned``, the trial of that id in run.json; None where all is."""
    for name in PLANNED:
        wrong = next(_differences(name, record[name], planned[name], "the plan says"), None)
        if wrong is not None:
            return wrong
    return None


def _contradictions(record: Mapping[str, Any]) -> Iterator[str]:
    claim, case = record["claim"], record["case"]
    if claim is not None:
        yield from _of_claim(claim)
    elif record["verdict"]["valid"]:
        yield "verdict.valid is true without a claim"
    if not case["min_frame_length"] <= case["mean_frame_length"] <= case["max_frame_length"]:
        yield "case.mean_frame_length is not between the shortest and the longest frame"
    wire = (case["mean_frame_length"], record["line_rate"]["bps"])
    received = {"witness": record["witness"], "nic": record["receiver_nic"]} if record["witness"] else None
    follows = derived(record["offered"], claim, record["sender_nic"], received, wire)
    for name, value in follows.items():
        # A record from before a number was stored says nothing of it.
        if name in record:
            yield from _differences(name, record[name], value)
    yield from _of_loss(record["loss"] or {})


def _of_claim(claim: Mapping[str, Any]) -> Iterator[str]:
    """A claim keeps the digits that tcpreplay printed, but for zeros at the end."""
    totals = Totals(
        packets=claim["packets"],
        bytes=claim["bytes"],
        seconds=_padded(claim["seconds"], 0 if claim["seconds"] >= 1 else 6),
        bytes_per_second=_padded(claim["bytes_per_second"], 1),
        mbps=Decimal(repr(claim["mbps"])),
        pps=_padded(claim["pps"], 2),
    )
    try:
        check_rates(totals)
    except StatisticsError as error:
        yield f"claim {error.rule}"
    missing = claim["packets"] - claim["successful"]
    if not 0 <= missing <= (1 if claim["interrupted"] else 0):
        yield f"claim.successful is {claim['successful']}, claim.packets {claim['packets']}"


def _of_loss(loss: Mapping[str, Any]) -> Iterator[str]:
    places = loss.get("by_place")
    if places is not None and sum(places.values()) != max(0, loss["packets"]):
        yield f"loss.by_place is {dict(places)}, which does not add up to loss.packets {loss['packets']}"


def _padded(number: float, places: int) -> Decimal:
    exact = Decimal(repr(number))
    return exact if -int(exact.as_tuple().exponent) >= places else Decimal(f"{number:.{places}f}")


def _differences(name: str, stored: Any, other: Any, words: str = "from the counts follows") -> Iterator[str]:
    """Where ``stored`` is not ``other``, down to the first value."""
    if isinstance(stored, Mapping) and isinstance(other, Mapping):
        for key in other:
            yield from _differences(f"{name}.{key}", stored.get(key), other[key], words)
    elif not _same(stored, other):
        yield f"{name} is {stored}, and {words} {other}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(one == other)
