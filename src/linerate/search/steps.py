"""The next trial of a search, and its outcome, by the stored results of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..results.ceilings import SENDER, Ceiling, ceiling_of
from ..results.model import TrialResult
from ..results.searches import BACK_TO_BACK, FRAME_LOSS, THROUGHPUT, Goal, Search, trial_id_of
from ..trial.engines.registry import engine_of
from ..trial.loads import TOP_SPEED
from ..trial.model import Trial
from ..trial.plan import DEADLINE_MARGIN, Combination, Setup, Timing, burst_of, trial_of
from ..trial.verdict import Tolerance
from ..units import line_rate_pps, rates
from .back_to_back import Burst, longest_bursts, summary
from .frame_loss import frame_loss
from .measurements import ATTEMPTS, Load, Measurement, Measurements, NotMeasurableError, TrialNeededError
from .outcome import Bounds, LoadPoint, Outcome
from .throughput import Searched, search_throughput

NOT_ENDED = "the search has not ended"


@dataclass(frozen=True)
class Progress:
    """``needed`` is the next trial's load and number, None where the search has ended; ``outcomes`` are by goal.

    ``ceiling`` is the id of the planned trial whose send method the next trial uses. It is to be measured again where
    ``attempt`` is a number.
    """

    needed: TrialNeededError | None
    outcomes: tuple[Outcome, ...]
    ceiling: str | None = None
    attempt: int | None = None


def progress(search: Search, results: Sequence[TrialResult], tolerance: Tolerance | None = None) -> Progress:
    """How far ``search`` is by the stored ``results`` of its run; no outcome before its ceiling is measured."""
    ceilings = _ceilings(search, results)
    if not ceilings:
        return Progress(None, ())
    again = next((tried for tried in ceilings if not tried[-1].valid and len(tried) < ATTEMPTS), None)
    fitness = _for_bursts if search.kind == BACK_TO_BACK else _fitness
    tried = again or max(ceilings, key=lambda one: fitness(one[-1]))
    planned, ceiling = tried[0], tried[-1]
    limit, problem = (None, NOT_ENDED) if again else ceiling_of(ceiling)
    measurements = Measurements(search, results, tolerance)
    found = _Found()
    needed: TrialNeededError | None = None
    if limit is not None:
        try:
            found = _search(search, limit.pps, measurements)
            problem = found.throughput.problem
        except TrialNeededError as error:
            needed, problem = error, NOT_ENDED
        except NotMeasurableError as error:
            problem = str(error)
    shown = _Shown(search, ceiling, limit, problem, measurements.done)
    outcomes = [shown.of_goal(goal, found.throughput.bounds.get(goal.name)) for goal in search.goals]
    if search.kind == BACK_TO_BACK:
        outcomes = [shown.of_bursts(found.bursts)]
    return Progress(needed, tuple(outcomes), planned.trial_id, len(again) + 1 if again else None)


def _ceilings(search: Search, results: Sequence[TrialResult]) -> list[list[TrialResult]]:
    """For each send method its trials at top speed: the planned one, and those that measured it again."""
    tried = {result.method: [result] for result in results if result.trial_id in search.ceilings}
    for result in results:
        if search.owns(result.trial_id) and search.number_of(result.trial_id) is None:
            tried[result.method].append(result)
    return list(tried.values())


def outcomes(
    searches: Sequence[Search], results: Sequence[TrialResult], tolerance: Tolerance | None = None
) -> list[Outcome]:
    """The outcomes of all ``searches`` of a run; buffer times are corrected by the throughput of the same case."""
    found = [outcome for search in searches for outcome in progress(search, results, tolerance).outcomes]
    rates = {
        outcome.case.name: outcome.rates.pps
        for outcome in reversed(found)
        if outcome.kind == THROUGHPUT and outcome.loss_ratio == 0 and outcome.rates is not None
    }
    return [
        replace(outcome, bursts=outcome.bursts.with_throughput(rates[outcome.case.name]))
        if outcome.bursts is not None and outcome.case.name in rates
        else outcome
        for outcome in found
    ]


@dataclass(frozen=True)
class _Found:
    """What a search found: the bounds of a throughput search, or the repeats of a search for bursts."""

    throughput: Searched = field(default_factory=Searched)
    bursts: Sequence[Burst] = ()


def _search(search: Search, most_pps: float, measurements: Measurements) -> _Found:
    if search.bursts is not None:
        return _Found(bursts=longest_bursts(search.bursts, most_pps, measurements))
    if search.kind == FRAME_LOSS:
        frame_loss(most_pps, search.goals[0].final_trial_duration, measurements)
        return _Found()
    return _Found(search_throughput(search.goals, most_pps, measurements))


def _fitness(ceiling: TrialResult) -> tuple[bool, float]:
    """By which the send method of a search is chosen: the fastest whose trial is valid."""
    return ceiling.valid, ceiling.rates.sent.pps if ceiling.rates.sent else 0.0


def _for_bursts(ceiling: TrialResult) -> tuple[bool, bool, float]:
    """By which the send method of bursts is chosen: one that makes no pause between frames, then the fastest."""
    valid, pps = _fitness(ceiling)
    return valid, engine_of(ceiling.method).sends_bursts, pps


def next_trial(
    done: Progress, search: Search, ceilings: Sequence[Trial], sequence: int, deadline_margin: float = DEADLINE_MARGIN
) -> Trial | None:
    """The next trial of the search, like one of its ``ceilings`` but paced; None where the search has ended."""
    ceiling = next((trial for trial in ceilings if trial.trial_id == done.ceiling), None)
    if ceiling is not None and done.attempt is not None:
        trial_id = trial_id_of(sequence, search.ceiling_name, done.attempt)
        return replace(ceiling, sequence=sequence, trial_id=trial_id, repeat=done.attempt)
    if ceiling is None or done.needed is None:
        return None
    load, number = done.needed.load, done.needed.number
    setup = Setup(ceiling.bench, ceiling.sending, _timing(load, deadline_margin))
    if load.packets is None:
        combination = Combination(ceiling.case, ceiling.method, "pps", load.pps, possible=True)
        trial = trial_of(sequence, combination, number, setup)
    else:
        trial = burst_of(sequence, Combination(ceiling.case, ceiling.method, TOP_SPEED), load.packets, number, setup)
    return replace(trial, trial_id=trial_id_of(sequence, search.name, number), owner=ceiling.owner)


def _point(one: Measurement) -> LoadPoint:
    return LoadPoint(one.trial_id, one.load.pps, one.load.seconds, one.sent, one.received, 100 * one.loss_ratio)


def _timing(load: Load, deadline_margin: float) -> Timing:
    return Timing({"paced" if load.packets is None else "topspeed": load.seconds}, deadline_margin)


@dataclass(frozen=True)
class _Shown:
    """What the outcomes of one search share."""

    search: Search
    ceiling: TrialResult
    limit: Ceiling | None
    problem: str | None
    measured: Sequence[Measurement]

    def of_goal(self, goal: Goal, found: Bounds | None) -> Outcome:
        """The outcome of one goal, by its bounds."""
        pps = found.throughput_pps if found else None
        outcome = replace(self._outcome(goal.name), loss_ratio=goal.loss_ratio, bounds=found)
        if found is None:
            return outcome
        outcome = replace(outcome, problem=None)
        if pps is None:
            least = min(one.load.pps for one in self.measured)
            problem = f"packets are lost even at the least load, {least:,.0f} pps"
            return replace(outcome, problem=problem, limited_by=self._limited_by(found))
        found_rates = rates(pps, outcome.case.mean_frame_length, self.ceiling.line_rate.limit_bps)
        return replace(outcome, rates=found_rates, limited_by=self._limited_by(found))

    def of_bursts(self, repeats: Sequence[Burst]) -> Outcome:
        """The outcome of a search for the longest burst, by its repeats."""
        outcome, bursts = self._outcome(BACK_TO_BACK), self.search.bursts
        if not repeats or bursts is None or self.limit is None:
            return outcome
        limit = self.ceiling.line_rate.limit_bps
        line = line_rate_pps(limit, outcome.case.mean_frame_length) if limit else None
        lost = {burst.shortest_lost for burst in repeats}
        places = [one.place for one in self.measured if one.load.packets in lost and one.place]
        found = summary(bursts, self.limit.pps, repeats, line)
        return replace(outcome, bursts=found, limited_by=max(places, key=places.count) if places else None)

    def _outcome(self, goal: str) -> Outcome:
        """The outcome before anything is found."""
        return Outcome(
            search=self.search.name,
            kind=self.search.kind,
            goal=goal,
            loss_ratio=0.0,
            case=self.ceiling.case,
            method=self.ceiling.method,
            most_pps=self.limit.pps if self.limit else None,
            ceiling=self.limit.by if self.limit else None,
            bounds=None,
            rates=None,
            limited_by=None,
            problem=self.problem,
            points=tuple(_point(one) for one in self.measured),
        )

    def _limited_by(self, found: Bounds) -> str | None:
        """What was lost at the upper bound, and where; without one, what limits the load itself."""
        if found.upper_pps is None:
            return self.limit.by if self.limit else None
        above = [one for one in self.measured if one.load.pps >= found.upper_pps - 1 and one.lost + one.unsent > 0]
        lowest = min((one.load.pps for one in above), default=None)
        at = [one for one in above if one.load.pps == lowest]
        if sum(one.unsent for one in at) > sum(one.lost for one in at):
            return SENDER
        places = [one.place for one in at if one.place]
        return max(places, key=places.count) if places else None
