"""The gates of a run: whether its trials are valid, and its results within the limits that benchmark_expect states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..results.expect import Expectation
from ..results.groups import Group, group_trials
from ..results.model import RECEIVED, SENT
from ..results.run import Run
from ..results.searches import THROUGHPUT
from ..search.outcome import Outcome
from .searches import outcomes
from .text import clean, group_title, listed, number


@dataclass(frozen=True)
class Gate:
    """One condition; ``text`` says what was found, with the limit."""

    name: str
    passed: bool
    text: str

    @property
    def line(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}: {self.name}: {self.text}"


def gates(run: Run) -> tuple[Gate, ...]:
    """Every gate of the run, first those on validity."""
    return (*_validity(run), *(gate for one in run.info.gates.expect for gate in _expected(run, one)))


def passed(found: tuple[Gate, ...]) -> bool:
    """Whether a run with those gates passes."""
    return all(gate.passed for gate in found)


def _validity(run: Run) -> Iterator[Gate]:
    planned = len(run.info.plan.trials)
    if not run.valid:
        yield Gate(
            "valid trials", False, f"no trial is valid; {len(run.trials):,} of {planned:,} planned have a result"
        )
        return
    if not run.info.gates.fail_on_invalid:
        yield Gate(
            "valid trials", True, f"{len(run.valid):,} of {len(run.trials):,}; benchmark_fail_on_invalid is false"
        )
        return
    invalid = [trial.trial_id for trial in run.listed if not trial.valid]
    wrong = [f"not valid: {listed(invalid, planned)}"] if invalid else []
    wrong += [f"without a result: {listed(run.missing, planned)}"] if run.missing else []
    yield Gate("valid trials", not wrong, "; ".join(wrong) or f"all {planned:,} planned trials are valid")
    for outcome in outcomes(run):
        # With bounds, the problem is what was measured: packets are lost even at the least load.
        if outcome.problem and outcome.bounds is None:
            yield Gate(f"search {_title(outcome)}", False, clean(outcome.problem))


def _expected(run: Run, expect: Expectation) -> list[Gate]:
    """A gate for each result that ``expect`` selects and each of its limits; one that fails if it selects none."""
    found = list(_throughputs(run, expect) if expect.goal is not None else _loads(run, expect))
    name = f"benchmark_expect {clean(expect.selection)}"
    return found or [Gate(name, False, "the run has no such result")]


def _throughputs(run: Run, expect: Expectation) -> Iterator[Gate]:
    for outcome in outcomes(run):
        method = outcome.method
        throughput = outcome.kind == THROUGHPUT and outcome.goal == expect.goal
        if throughput and expect.selects(outcome.case.name, method.engine, method.adapter):
            rates = outcome.rates
            values = {"pps": rates.pps, "line_rate_percent": rates.line_rate_percent} if rates else {}
            yield from _rates(_title(outcome), expect, values, f"no throughput: {clean(outcome.problem)}")


def _loads(run: Run, expect: Expectation) -> Iterator[Gate]:
    for group in group_trials(run.listed):
        method = group.method
        if not expect.selects(group.case_name, method.engine, method.adapter):
            continue
        if expect.selects_load(group.mode, group.value):
            # A witnessed side that has no rate has not received: what was sent would hide that.
            side = RECEIVED if group.counted == RECEIVED or group.witnessed else SENT
            values = {unit: group.median(side, unit) for unit in ("pps", "line_rate_percent")}
            yield from _rates(group_title(group), expect, values, "no valid trial" if not group.valid else "no rate")
            if expect.max_loss_percent is not None:
                yield _loss(group, expect.max_loss_percent)


def _rates(title: str, expect: Expectation, values: dict[str, float | None], missing: str) -> Iterator[Gate]:
    limits = (
        ("pps", expect.min_pps, 0, "pps"),
        ("line_rate_percent", expect.min_line_rate_percent, 2, "% of line rate"),
    )
    for key, limit, decimals, unit in limits:
        if limit is not None:
            value = values.get(key)
            text = missing if value is None else f"{number(value, decimals)} {unit}"
            wanted = f"at least {number(limit, decimals)} {unit} expected"
            yield Gate(title, value is not None and value >= limit, f"{text}, {wanted}")


def _loss(group: Group, limit: float) -> Gate:
    losses = [None if trial.loss is None else trial.loss.percent for trial in group.valid]
    worst = max((one for one in losses if one is not None), default=None) if None not in losses else None
    text = f"loss {worst:.3g} %" if worst is not None else "not witnessed" if group.valid else "no valid trial"
    return Gate(group_title(group), worst is not None and worst <= limit, f"{text}, at most {limit:g} % expected")


def _title(outcome: Outcome) -> str:
    return f"{clean(outcome.case.name)}, {clean(outcome.method.name)}, goal {clean(outcome.goal)}"
