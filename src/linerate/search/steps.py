"""The next trial of a search, and its outcome, by the stored results of the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..results.model import TrialResult
from ..results.searches import FRAME_LOSS, Goal, Search
from ..trial.model import Trial
from ..trial.plan import DEADLINE_MARGIN, Combination, Setup, Timing, trial_of
from ..trial.verdict import Tolerance
from ..units import line_rate_pps, rates
from .frame_loss import frame_loss
from .measurements import Measurement, Measurements, NotMeasurableError, TrialNeededError
from .outcome import LINE, SENDER, Bounds, LoadPoint, Outcome
from .throughput import bounds


@dataclass(frozen=True)
class Limit:
    """The greatest load of a search in packets/s, and what sets it."""

    pps: float
    by: str


@dataclass(frozen=True)
class Progress:
    """``needed`` is the next trial's load and number, None where the search has ended; ``outcomes`` are by goal.

    ``ceiling`` is the id of the trial whose send method the search uses.
    """

    needed: TrialNeededError | None
    outcomes: tuple[Outcome, ...]
    ceiling: str | None = None


def progress(search: Search, results: Sequence[TrialResult], tolerance: Tolerance | None = None) -> Progress:
    """How far ``search`` is by the stored ``results`` of its run; no outcome before its ceiling is measured."""
    ceilings = [result for result in results if result.trial_id in search.ceilings]
    if not ceilings:
        return Progress(None, ())
    ceiling = max(ceilings, key=_fitness)
    limit, problem = _limit(ceiling)
    measurements = Measurements(search, results, tolerance)
    found: dict[str, Bounds] = {}
    needed: TrialNeededError | None = None
    if limit is not None:
        try:
            if search.kind == FRAME_LOSS:
                frame_loss(limit.pps, search.goals[0].final_trial_duration, measurements)
            else:
                found = bounds(search.goals, limit.pps, measurements)
        except TrialNeededError as error:
            needed, problem = error, "the search has not ended"
        except NotMeasurableError as error:
            problem = str(error)
    done = measurements.done
    shown = _Shown(search, ceiling, limit, problem, tuple(_point(one) for one in done))
    return Progress(
        needed, tuple(shown.outcome(goal, found.get(goal.name), done) for goal in search.goals), ceiling.trial_id
    )


def _fitness(ceiling: TrialResult) -> tuple[bool, float]:
    """By which the send method of a search is chosen: the fastest whose trial is valid."""
    return ceiling.valid, ceiling.rates.sent.pps if ceiling.rates.sent else 0.0


def next_trial(
    done: Progress, search: Search, ceilings: Sequence[Trial], sequence: int, deadline_margin: float = DEADLINE_MARGIN
) -> Trial | None:
    """The next trial of the search, like one of its ``ceilings`` but paced; None where the search has ended."""
    if done.needed is None:
        return None
    ceiling = next(trial for trial in ceilings if trial.trial_id == done.ceiling)
    load, number = done.needed.load, done.needed.number
    setup = Setup(ceiling.bench, ceiling.sending, Timing({"paced": load.seconds}, deadline_margin))
    trial = trial_of(sequence, Combination(ceiling.case, ceiling.method, "pps", load.pps), number, setup)
    return replace(trial, trial_id=f"{sequence:03d}-{search.trial_name(number)}", owner=ceiling.owner)


def _limit(ceiling: TrialResult) -> tuple[Limit | None, str | None]:
    """What the sender can send of this pcap, at most line rate; or why it is not known."""
    sent = ceiling.rates.sent
    if not ceiling.valid or sent is None:
        reasons = "; ".join(ceiling.verdict.reasons) or "no rate"
        return None, f"the trial that measures the sender's own limit is not valid: {reasons}"
    line = line_rate_pps(ceiling.line_rate.bps, ceiling.case.mean_frame_length)
    by = LINE if ceiling.verdict.limit == "line" or sent.pps >= line else SENDER
    # Rounded down: a load above line rate would be one at top speed.
    return Limit(math.floor(1000 * min(sent.pps, line)) / 1000, by), None


def _point(one: Measurement) -> LoadPoint:
    return LoadPoint(one.trial_id, one.load.pps, one.load.seconds, one.sent, one.received, 100 * one.loss_ratio)


@dataclass(frozen=True)
class _Shown:
    """What the outcomes of one search share."""

    search: Search
    ceiling: TrialResult
    limit: Limit | None
    problem: str | None
    points: tuple[LoadPoint, ...]

    def outcome(self, goal: Goal, found: Bounds | None, measured: Sequence[Measurement]) -> Outcome:
        result, problem = self.ceiling, self.problem
        pps = found.throughput_pps if found else None
        if found is not None and pps is None:
            problem = f"packets are lost even at the least load, {self._least(measured):,.0f} pps"
        return Outcome(
            search=self.search.name,
            kind=self.search.kind,
            goal=goal.name,
            loss_ratio=goal.loss_ratio,
            case=result.case,
            method=result.method,
            most_pps=self.limit.pps if self.limit else None,
            ceiling=self.limit.by if self.limit else None,
            bounds=found,
            rates=rates(pps, result.case.mean_frame_length, result.line_rate.bps) if pps else None,
            limited_by=self._limited_by(found, measured) if found else None,
            problem=problem,
            points=self.points,
        )

    @staticmethod
    def _least(measured: Sequence[Measurement]) -> float:
        return min(one.load.pps for one in measured)

    def _limited_by(self, found: Bounds, measured: Sequence[Measurement]) -> str | None:
        """What was lost at the upper bound, and where; without one, what limits the load itself."""
        if found.upper_pps is None:
            return self.limit.by if self.limit else None
        above = [one for one in measured if one.load.pps >= found.upper_pps - 1 and one.lost + one.unsent > 0]
        lowest = min((one.load.pps for one in above), default=None)
        at = [one for one in above if one.load.pps == lowest]
        if sum(one.unsent for one in at) > sum(one.lost for one in at):
            return SENDER
        places = [one.place for one in at if one.place]
        return max(places, key=places.count) if places else None
