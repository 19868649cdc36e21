"""The samples of a trial as CSV: both sides' rates over time, in packets/s and pcap bit/s."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ResultError
from ..trial.curve import while_sending
from ..trial.evidence import Sent, WitnessReport
from ..trial.model import Trial
from ..trial.witnesses import primary
from ..units import pcap_bps
from .files import HINT_FILE, read_text, short

FIELDS = ("side", "elapsed_seconds", "interval_seconds", "packets", "pps", "pcap_bps")
SENDER, RECEIVER = "sender", "receiver"


@dataclass(frozen=True)
class SideSample:
    """What one side counted in one interval. ``elapsed_seconds`` is the END of the interval since sending began."""

    side: str
    elapsed_seconds: float
    interval_seconds: float
    packets: int
    pps: float
    pcap_bps: float


def samples_path(trial_id: str) -> str:
    """The path of a trial's samples, relative to the run's folder."""
    return f"samples/{trial_id}.csv"


def samples_csv(trial: Trial, sent: Sent, reports: Sequence[WitnessReport]) -> str:
    """The samples of ``trial`` while it was sending. pcap bit/s are packets times the pcap's mean frame length."""
    received, claim = primary(reports), sent.claim
    sides = (
        (SENDER, while_sending(sent.samples, claim.packets if claim else None)),
        (RECEIVER, while_sending(received.samples) if received else []),
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for side, samples in sides:
        for one in samples:
            bits = pcap_bps(one.pps, trial.case.mean_frame_length)
            numbers = (one.elapsed_seconds, one.interval_seconds, one.packets, one.pps, bits)
            writer.writerow((side, *(value if isinstance(value, int) else round(value, 6) for value in numbers)))
    return text.getvalue()


def read_samples(path: Path) -> tuple[SideSample, ...] | None:
    """The samples in a CSV file, in file order; None where there is no such file."""
    if not path.exists():
        return None
    rows = list(csv.reader(read_text(path).splitlines()))
    if not rows or tuple(rows[0]) != FIELDS:
        raise ResultError(f"{path} line 1", short(rows[:1]), f"must be {','.join(FIELDS)}", HINT_FILE)
    return tuple(_sample(path, number, row) for number, row in enumerate(rows[1:], start=2))


def _sample(path: Path, number: int, row: list[str]) -> SideSample:
    subject = f"{path} line {number}"
    if len(row) != len(FIELDS) or row[0] not in (SENDER, RECEIVER):
        rule = f"must be {len(FIELDS)} values, the first one of {SENDER}, {RECEIVER}"
        raise ResultError(subject, short(row), rule, HINT_FILE)
    try:
        elapsed, interval, packets, pps, bits = numbers = [float(value) for value in row[1:]]
        if not all(map(math.isfinite, numbers)):
            raise ValueError("not finite")
        # An interval may end before sending began; its counts are still never negative.
        if min(interval, packets, pps, bits) < 0:
            raise ValueError("negative")
        return SideSample(row[0], elapsed, interval, int(row[3]), pps, bits)
    except ValueError as error:
        rule = "must be finite numbers, packets an integer, and none but elapsed_seconds negative"
        raise ResultError(subject, short(row), rule, HINT_FILE) from error
