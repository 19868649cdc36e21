"""What a search knows: its stored trials, in the order in which it needed them.

A search has no randomness. It runs from its start whenever its next trial is wanted, is answered with the stored
trials, and stops at the first that is missing. So a run that was interrupted continues where it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import ResultError
from ..results.model import TrialResult
from ..results.searches import Search
from ..trial.verdict import Tolerance

ATTEMPTS = 3
"""So often a trial is sent whose result is not valid."""
CLOSE = 1e-6


@dataclass(frozen=True)
class Load:
    """A trial that a search needs: ``pps`` packets/s for ``seconds``.

    Or a burst of exactly so many ``packets``, as fast as the sender can, which is about ``pps``.
    """

    pps: float
    seconds: float
    packets: int | None = None

    @property
    def text(self) -> str:
        return f"{self.pps:,.0f} pps" if self.packets is None else f"bursts of {self.packets:,} packets"


class TrialNeededError(Exception):
    """The stored trials end here: the search needs another."""

    def __init__(self, load: Load, number: int) -> None:
        super().__init__(load)
        self.load, self.number = load, number


class NotMeasurableError(Exception):
    """A search ends without a result: trials were repeatedly not valid, or it took too long; the text says which."""


@dataclass(frozen=True)
class Measurement:
    """One trial: packets that were to be sent in ``seconds``, those sent in that time, and those received.

    ``pps`` is the rate at which they were sent.
    """

    load: Load
    intended: int
    sent: int
    received: int
    pps: float
    place: str | None
    trial_id: str

    @property
    def lost(self) -> int:
        return self.sent - self.received

    @property
    def unsent(self) -> int:
        return self.intended - self.sent

    @property
    def loss_ratio(self) -> float:
        """Packets lost per packet sent (RFC 1242 section 3.6)."""
        return self.lost / self.sent if self.sent else 0.0


class Measurements:
    """Answers the trials that a search needs from its stored results."""

    def __init__(self, search: Search, results: Iterable[TrialResult], tolerance: Tolerance | None = None) -> None:
        numbered = ((search.number_of(result.trial_id), result) for result in results)
        self._results = {number: result for number, result in numbered if number is not None}
        self._most_seconds, self._most_trials = search.most_seconds, search.most_trials
        self._tolerance = tolerance or Tolerance()
        self._next = 1
        self.done: list[Measurement] = []

    def measure(self, load: Load) -> Measurement:
        """The measurement of ``load``. TrialNeededError where it is not stored, NotMeasurableError where it fails."""
        if load.seconds + sum(one.load.seconds for one in self.done) > self._most_seconds * (1 + CLOSE):
            raise NotMeasurableError(f"the bounds were not close enough after {self._most_seconds:g} s of sending")
        reasons: Sequence[str] = ()
        for _ in range(ATTEMPTS):
            number = self._next
            if number > self._most_trials:
                raise NotMeasurableError(f"the bounds were not close enough after {self._most_trials:,} trials")
            result = self._results.get(number)
            if result is None:
                raise TrialNeededError(load, number)
            _check(load, result)
            self._next += 1
            measured = self._measurement(load, result)
            if measured is not None:
                self.done.append(measured)
                return measured
            reasons = result.verdict.reasons or ("no witness counted",)
        raise NotMeasurableError(f"{ATTEMPTS} trials at {load.text} are not valid: {'; '.join(reasons)}")

    def _measurement(self, load: Load, result: TrialResult) -> Measurement | None:
        claim, witness, intended = result.claim, result.witness, result.offered.packets
        if claim is None or witness is None or not intended:
            return None
        kept = self._kept(result)
        if kept is None:
            return None
        sent = round(intended * kept)
        # Another sender's packets are within the tolerance of a valid trial, and are no gain.
        arrived = min(1.0, witness.packets / claim.successful) if claim.successful else 0.0
        place = result.loss.where if result.loss else None
        return Measurement(load, intended, sent, round(sent * arrived), claim.pps, place, result.trial_id)

    def _kept(self, result: TrialResult) -> float | None:
        """The share of the load that the sender kept to, at most 1; None where the result cannot be used.

        A sender that was too slow is the one reason against a trial that a search can use: it says where the sender's
        own limit is.
        """
        percent = result.achieved.percent
        if result.valid:
            return 1.0
        slow = percent is not None and percent < 100 - self._tolerance.rate_percent
        return percent / 100 if percent is not None and slow and len(result.verdict.reasons) == 1 else None


def _check(load: Load, result: TrialResult) -> None:
    pps, seconds, packets = result.offered.pps, result.offered.duration_seconds, result.offered.packets
    if load.packets is not None:
        same, rule = pps is None and packets == load.packets, f"sent {packets} packets"
        rule += f" where the search needs a burst of {load.packets:,}"
    else:
        same = pps is not None and abs(pps - load.pps) <= CLOSE * load.pps and abs(seconds - load.seconds) <= CLOSE
        rule = f"sent {pps} pps for {seconds:g} s where the search needs {load.pps} pps for {load.seconds:g} s"
    if not same:
        hint = "The results were changed or are of another version: start a new run."
        raise ResultError("search", result.trial_id, rule, hint)
