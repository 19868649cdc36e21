"""The interval covers the true ratio in 95 % of cases, also with few repeats, and is not wider than needed."""

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
    """A steady sender that is delayed in one trial of five."""
    return draw.gauss(0, 0.005) - (draw.random() < 0.2) * draw.expovariate(20)


def covered(noise, repeats: int) -> float:
    """The share of tries whose interval contains the true ratio; the noise is far above the resolution."""
    hits = 0
    for seed in range(TRIES):
        draw = random.Random(seed)
        of = Repeats(tuple(TRUTH * math.exp(noise(draw)) for _ in range(repeats)))
        to = Repeats(tuple(math.exp(noise(draw)) for _ in range(repeats)))
        found = ratio(of, to)
        hits += found.low <= TRUTH <= found.high
    return hits / TRIES


@pytest.mark.parametrize("repeats", [4, 5, 10])
def test_a_95_percent_interval_covers_the_true_ratio_in_about_95_percent(repeats):
    assert 0.925 <= covered(gauss, repeats) <= 0.99


def test_with_three_repeats_the_interval_is_cut_to_what_was_observed_and_covers_90_percent():
    assert 0.9 <= covered(gauss, 3) <= 0.95


def test_occasional_stalls_do_not_reduce_the_coverage():
    assert covered(stalls, 3) >= 0.92
    assert covered(stalls, 4) >= 0.93
    assert covered(stalls, 5) >= 0.93


@pytest.mark.parametrize("repeats", [3, 4, 5, 10])
def test_no_interval_is_wider_than_what_was_observed(repeats):
    for seed in range(TRIES):
        draw = random.Random(seed)
        of, to = ([math.exp(stalls(draw)) for _ in range(repeats)] for _ in range(2))
        one, both, resolution = estimate(Repeats(tuple(of))), ratio(Repeats(tuple(of)), Repeats(tuple(to))), 1.0015
        assert min(of) / resolution <= one.low <= one.value <= one.high <= max(of) * resolution
        lowest, highest = min(of) / max(to), max(of) / min(to)
        assert lowest / resolution <= both.low <= both.value <= both.high <= highest * resolution


def test_the_interval_is_narrow_enough_to_be_useful():
    """An interval that covers everything would be useless."""
    draw = random.Random(1)
    of, to = ([centre * math.exp(gauss(draw)) for _ in range(5)] for centre in (TRUTH, 1))
    found = ratio(Repeats(tuple(of)), Repeats(tuple(to)))
    assert found.high / found.low < 1.2
    assert not found.low <= 1.4 <= found.high


def test_equal_repeats_have_the_resolution_of_a_trial_as_their_interval():
    found = ratio(Repeats((5200.0,) * 5), Repeats((3000.0,) * 5))
    assert found.value == pytest.approx(5200 / 3000)
    assert found.high / found.value == pytest.approx(math.exp(0.001 * math.sqrt(2)))
    assert found.low < 5200 / 3000 < found.high


@pytest.mark.parametrize("few", [(100.0,), (100.0, 101.0)])
def test_below_three_repeats_there_is_no_interval(few):
    assert len(few) < LEAST_REPEATS
    assert estimate(Repeats(few)) == Estimate(sum(few) / len(few), None, None, (len(few),))
    assert ratio(Repeats(few), Repeats((1.0, 1.0, 1.0))).low is None


def test_the_same_repeats_always_give_the_same_interval():
    repeats = Repeats((99.0, 101.0, 100.0, 104.0))
    first = estimate(repeats)
    random.random()
    assert estimate(repeats) == first
    assert first.low < 100.5 < first.high


def test_students_t_at_its_published_values():
    assert [student(degrees) for degrees in (1, 4, 8, 16)] == [12.706, 2.776, 2.306, 2.120]
    assert [student(degrees) for degrees in (17, 19, 20, 45, 1000)] == [2.110, 2.110, 2.086, 2.042, 1.980]
