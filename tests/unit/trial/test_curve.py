"""The curve of a trial ends with the sending, and its numbers divide by the real intervals."""

from __future__ import annotations

import pytest

from linerate.receiver.sampler import Sample
from linerate.trial.curve import coefficient_of_variation, curve_of, grade, within_sending


def sample(elapsed: float, interval: float, packets: int) -> Sample:
    return Sample(elapsed, interval, packets, 10 * packets)


def test_the_curve_ends_with_the_sending():
    full = [sample(1.0, 1.0, 100), sample(2.0, 1.0, 100)]
    assert within_sending(full, 2.0) == full
    assert within_sending([*full, sample(3.4, 1.4, 50)], 2.5) == [*full, sample(2.5, 0.5, 50)]
    assert within_sending([*full, sample(3.0, 1.0, 40), sample(4.0, 1.0, 10)], 2.5) == [*full, sample(2.5, 0.5, 50)]
    assert within_sending([*full, sample(3.4, 1.4, 5)], 2.06) == full
    assert within_sending([sample(1.3, 1.3, 30)], 0.3) == [sample(0.3, 0.3, 30)]


def test_all_samples_are_kept_where_the_end_of_sending_is_not_known():
    full = [sample(1.0, 1.0, 100), sample(9.0, 8.0, 0)]
    assert within_sending(full, None) == full


def test_coefficient_of_variation():
    assert coefficient_of_variation([sample(1, 1, 90), sample(2, 1, 110)]) == pytest.approx(14.142, abs=1e-3)
    assert coefficient_of_variation([sample(1, 1, 90)]) is None


def test_the_curve_in_numbers_divides_by_the_real_intervals():
    curve = curve_of([sample(1.0, 1.0, 100), sample(2.5, 1.5, 150), sample(3.0, 0.5, 60)])
    assert curve.to_json() == {
        "samples": 3, "interval_seconds": 1.0, "mean_pps": pytest.approx(310 / 3), "min_pps": 100.0, "max_pps": 120.0,
        "cv_percent": pytest.approx(10.825, abs=1e-3), "grade": "uneven",
    }  # fmt: skip
    assert curve_of([]) is None
    assert curve_of([sample(1.0, 1.0, 100), sample(2.0, 1.0, 100)]).grade is None


@pytest.mark.parametrize(
    ("cv", "named"),
    [(0, "flat"), (1.0, "flat"), (1.1, "steady"), (5.1, "uneven"), (15.0, "uneven"), (40, "unsteady"), (None, None)],
)
def test_stability_has_grades(cv, named):
    assert grade(cv) == named
