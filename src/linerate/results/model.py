"""The result of a trial, as it is built when the trial ends, stored as one line of trials.jsonl, and reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..nic.counters import ReceiverNic, SenderNic
from ..receiver.packet_counter import Count
from ..record import Record
from ..trial.curve import Curve
from ..trial.evidence import Adapter, Claim, PartSent, Process, Recovery, WitnessState
from ..trial.loss import Loss
from ..trial.model import AT_RECEIVER, Case, LineRate, Offered, Port, SendMethod
from ..trial.timing import BothRates, Timing
from ..trial.verdict import Verdict
from ..units import Rates

SCHEMA = "linerate-trial/1"
SENT, RECEIVED = "sent", "received"


@dataclass(frozen=True)
class WitnessResult(WitnessState):
    """What one witness counted, as it is stored; all None where it is not ``usable``."""

    method: str | None
    matches: str | None
    packets: int | None
    position: str = AT_RECEIVER


@dataclass(frozen=True)
class WitnessPair(Record):
    """Two witnesses: the packets of the ``first`` minus those of the ``second``, also in percent of the first's.

    ``within`` is whether the difference is at most ``tolerance_packets``.
    """

    first: str
    second: str
    packets: int
    percent: float | None
    tolerance_packets: int
    within: bool


@dataclass(frozen=True)
class Achieved(Record):
    """The requested and the sent rate in packets/s, and their ratio in percent; no rate is requested at top speed."""

    requested_pps: float | None
    sent_pps: float | None
    percent: float | None


@dataclass(frozen=True)
class Disagreement(Record):
    """Differences between two counts of the same packets; None where one of the two is missing."""

    claim_minus_sender_nic: int | None
    receiver_nic_minus_witness: int | None


@dataclass(frozen=True)
class BothCurves(Record):
    """The rate over time by each side's samples; None where a side has none."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"sent": Curve, "received": Curve}

    sent: Curve | None
    received: Curve | None


@dataclass(frozen=True)
class TrialResult(Record):
    """One trial: what was offered, what every counter saw, and whether the numbers may be used.

    Its JSON satisfies schemas/trial.schema.json. ``partial`` is whether the trial was cut off: its counts are then of
    the part before. ``samples`` is the path of the samples file in the run's folder. ``cv_percent`` is of the received
    curve. ``witness`` is the count of the witness that decides, ``receiver_nic`` is of that witness too.
    ``parts`` are what each of several processes sent; empty where one process sent all.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {
        "case": Case,
        "adapter": Adapter,
        "sender": Port,
        "receiver": Port,
        "offered": Offered,
        "process": Process,
        "claim": Claim,
        "sender_nic": SenderNic,
        "receiver_nic": ReceiverNic,
        "witness": Count,
        "witnesses": WitnessResult,
        "witness_disagreement": WitnessPair,
        "achieved": Achieved,
        "loss": Loss,
        "disagreement": Disagreement,
        "timing": Timing,
        "rates": BothRates,
        "line_rate": LineRate,
        "curve": BothCurves,
        "recovery": Recovery,
        "verdict": Verdict,
        "parts": PartSent,
    }

    schema: str
    run_id: str
    trial_id: str
    sequence: int
    repeat: int
    case: Case
    engine: str
    processes: int
    adapter: Adapter
    sender: Port
    receiver: Port | None
    offered: Offered
    argv: tuple[str, ...]
    versions: Mapping[str, str]
    started_at: str
    ended_at: str
    process: Process
    claim: Claim | None
    partial: bool
    sender_nic: SenderNic
    receiver_nic: ReceiverNic | None
    witness: Count | None
    witnesses: tuple[WitnessResult, ...]
    witness_disagreement: tuple[WitnessPair, ...]
    achieved: Achieved
    disagreement: Disagreement
    timing: Timing
    rates: BothRates
    line_rate: LineRate
    loss: Loss | None
    cv_percent: float | None
    curve: BothCurves
    sender_cpu_percent: float | None
    sender_core_busy_percent: float | None
    recovery: Recovery | None
    samples: str
    verdict: Verdict
    fingerprint: str
    parts: tuple[PartSent, ...] = ()

    @property
    def method(self) -> SendMethod:
        return SendMethod(self.engine, self.adapter.kind, self.processes)

    @property
    def valid(self) -> bool:
        return self.verdict.valid

    @property
    def witnessed(self) -> bool:
        """Whether something independent of the sender and of both interfaces counted at the receiver."""
        return self.witness is not None

    @property
    def witnesses_agree(self) -> bool:
        return all(pair.within for pair in self.witness_disagreement)

    @property
    def above_line(self) -> bool:
        """Whether the offered load is more than the line carries: such a trial is judged as one at top speed."""
        return self.offered.pps is not None and self.offered.paced_pps is None

    @property
    def is_burst(self) -> bool:
        """Whether it is a burst of a fixed number of packets at top speed, which may be too short for a sample."""
        return self.offered.pps is None and self.offered.packets is not None

    def rate(self, side: str) -> Rates | None:
        """The rates of one side, SENT or RECEIVED."""
        return self.rates.sent if side == SENT else self.rates.received

    def side_curve(self, side: str) -> Curve | None:
        """The curve of one side, SENT or RECEIVED."""
        return self.curve.sent if side == SENT else self.curve.received
