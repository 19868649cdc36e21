"""The interval covers the truth as often as it says, with as few repeats as there are, and never claims too much."""

from __future__ import annotations

import math
import random

import pytest

from linerate.results.statistics import LEAST_REPEATS, Estimate, Repeats, estimate, ratio, student

TRUTH = 1.73
TRIES = 200


def gauss(draw: random.Random) -> float:
    return draw.gauss(0, 0.02)


def stalls(draw: random.Random) -> float:
    """A steady sender that one trial in five is held up."""
    return draw.gauss(0, 0.005) - (draw.random() < 0.2) * draw.expovariate(20)


def covered(noise, repeats: int) -> float:
    """The share of tries in which the interval holds the true ratio; the noise is far above the resolution."""
    hits = 0
    for seed in range(TRIES):
        draw = random.Random(seed)
        of = Repeats(tuple(TRUTH * math.exp(noise(draw)) for _ in range(repeats)))
        to = Repeats(tuple(math.exp(noise(draw)) for _ in range(repeats)))
        found = ratio(of, to)
        hits += found.low <= TRUTH <= found.high
    return hits / TRIES


@pytest.mark.parametrize("repeats", [3, 4, 5, 10])
def test_a_95_percent_interval_covers_the_true_ratio_in_about_95_percent(repeats):
    assert 0.925 <= covered(gauss, repeats) <= 0.99


def test_a_stall_now_and_then_costs_no_coverage():
    assert covered(stalls, 3) >= 0.93
    assert covered(stalls, 5) >= 0.93


def test_the_interval_is_far_from_all_or_nothing():
    """One that covers because it is endless would be worth nothing."""
    draw = random.Random(1)
    of, to = ([centre * math.exp(gauss(draw)) for _ in range(5)] for centre in (TRUTH, 1))
    found = ratio(Repeats(tuple(of)), Repeats(tuple(to)))
    assert found.high / found.low < 1.2
    assert not found.low <= 1.4 <= found.high


def test_equal_repeats_leave_what_a_trial_can_resolve():
    found = ratio(Repeats((5200.0,) * 5), Repeats((3000.0,) * 5))
    assert found.value == pytest.approx(5200 / 3000)
    assert found.high / found.value == pytest.approx(math.exp(0.001 * math.sqrt(2)))
    assert found.low < 5200 / 3000 < found.high


@pytest.mark.parametrize("few", [(100.0,), (100.0, 101.0)])
def test_below_three_repeats_there_is_no_interval(few):
    assert len(few) < LEAST_REPEATS
    assert estimate(Repeats(few)) == Estimate(sum(few) / len(few), None, None, (len(few),))
    assert ratio(Repeats(few), Repeats((1.0, 1.0, 1.0))).low is None


def test_the_same_repeats_give_the_same_interval_in_any_order_of_asking():
    repeats = Repeats((99.0, 101.0, 100.0, 104.0))
    first = estimate(repeats)
    random.random()
    assert estimate(repeats) == first
    assert first.low < 100.5 < first.high


def test_students_t_at_its_published_values():
    assert [student(degrees) for degrees in (1, 4, 8, 16)] == [12.706, 2.776, 2.306, 2.120]
    assert [student(degrees) for degrees in (17, 19, 20, 45, 1000)] == [2.110, 2.110, 2.086, 2.042, 1.980]
