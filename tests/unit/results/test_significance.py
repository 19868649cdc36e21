"""Whether a difference is significant: known values of Student's t, and how often equal rates are called different."""

from __future__ import annotations

import random

import pytest

from linerate.results.significance import LEVEL, _student_tails, p_value, significant
from linerate.results.statistics import Repeats


def drawn(draw: random.Random, repeats: int, factor: float = 1.0, scatter: float = 0.05) -> Repeats:
    return Repeats(tuple(factor * 100_000 * draw.lognormvariate(0, scatter) for _ in range(repeats)))


@pytest.mark.parametrize(
    ("t", "degrees", "tails"),
    [(12.706, 1, 0.05), (4.303, 2, 0.05), (2.776, 4, 0.05), (63.657, 1, 0.01), (1.962, 1000, 0.05), (1.0, 3.5, 0.382)],
)
def test_the_tails_are_those_of_the_tables(t, degrees, tails):
    assert _student_tails(t, degrees) == pytest.approx(tails, rel=0.01)


@pytest.mark.parametrize("repeats", [3, 5, 10])
def test_equal_runs_have_no_significant_row_in_19_of_20_comparisons(repeats):
    draw, wrong = random.Random(2544), 0
    for _ in range(300):
        rows = [p_value(drawn(draw, repeats), drawn(draw, repeats)) for _ in range(8)]
        wrong += any(significant(rows))
    assert wrong <= 300 * LEVEL * 1.5


@pytest.mark.parametrize(("repeats", "factor"), [(3, 0.7), (5, 0.8), (10, 0.9)])
def test_a_change_is_found_among_rows_that_did_not_change(repeats, factor):
    draw, seen = random.Random(9971), 0
    for _ in range(100):
        rows = [p_value(drawn(draw, repeats, scatter=0.03), drawn(draw, repeats, scatter=0.03)) for _ in range(3)]
        slowed = p_value(drawn(draw, repeats, factor, 0.03), drawn(draw, repeats, scatter=0.03))
        seen += significant([*rows, slowed])[-1]
    assert seen >= 85


def test_identical_repeats_differ_only_beyond_the_resolution():
    one = Repeats((100_000.0,) * 3)
    assert p_value(one, Repeats((100_050.0,) * 3)) == 1.0
    assert p_value(one, Repeats((101_000.0,) * 3)) == 0.0


def test_too_few_repeats_have_no_verdict():
    assert p_value(Repeats((1.0, 2.0)), Repeats((9.0, 9.0, 9.0))) is None
    assert significant([None, 0.0001, None]) == [False, True, False]
    assert significant([]) == []
