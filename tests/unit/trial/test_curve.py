"""The curve of a trial ends with the sending, and its numbers divide by the real intervals."""

from __future__ import annotations

import pytest

from linerate.receiver.sampler import Sample
from linerate.trial.curve import LEAST_GRADED, coefficient_of_variation, curve_of, grade, while_sending


def sample(elapsed: float, interval: float, packets: int) -> Sample:
    return Sample(elapsed, interval, packets, 10 * packets)


def test_the_curve_ends_before_the_interval_of_the_last_packet():
    full = [sample(1.0, 1.0, 100), sample(2.0, 1.0, 100)]
    assert while_sending([*full, sample(3.0, 1.0, 40)]) == full
    assert while_sending([*full, sample(3.0, 1.0, 40), sample(4.0, 1.0, 0), sample(5.0, 1.0, 0)]) == full
    assert while_sending([sample(1.3, 1.3, 30)]) == []


def test_packets_of_others_after_the_last_one_do_not_lengthen_the_curve():
    """A NIC that netmap closed sends frames of the kernel when it has its link again."""
    full = [sample(1.0, 1.0, 100), sample(2.0, 1.0, 100)]
    late = [sample(3.0, 1.0, 40), sample(4.0, 1.0, 0), sample(9.0, 1.0, 5)]
    assert while_sending([*full, *late], 240) == full


def test_a_device_that_buffers_has_a_curve_until_its_last_packet():
    drained = [sample(place / 10, 0.1, 50) for place in range(1, 21)]
    assert curve_of(while_sending(drained)).mean_pps == pytest.approx(500)
    assert while_sending(drained)[-1].elapsed_seconds == 1.9


def test_a_paced_curve_has_no_false_rate_in_its_last_interval():
    """The claimed seconds are truncated; cut there, the last interval of 20,000 packets/s showed 20,202."""
    paced = [sample(place / 10, 0.1, 2000) for place in range(1, 50)]
    curve = curve_of(while_sending([*paced, sample(5.0, 0.1, 1999), sample(5.01, 0.01, 1)]))
    assert (curve.mean_pps, curve.max_pps, curve.cv_percent) == pytest.approx((20_000, 20_000, 0), abs=0.6)


def test_coefficient_of_variation():
    assert coefficient_of_variation([sample(1, 1, 90), sample(2, 1, 110)]) == pytest.approx(14.142, abs=1e-3)
    assert coefficient_of_variation([sample(1, 1, 90)]) is None


def test_the_curve_in_numbers_divides_by_the_real_intervals():
    curve = curve_of([sample(1.0, 1.0, 100), sample(2.5, 1.5, 150), sample(3.0, 0.5, 60)])
    assert curve.to_json() == {
        "samples": 3, "interval_seconds": 1.0, "mean_pps": pytest.approx(310 / 3), "min_pps": 100.0, "max_pps": 120.0,
        "cv_percent": pytest.approx(10.825, abs=1e-3), "grade": None,
    }  # fmt: skip
    assert curve_of([]) is None


def test_a_series_of_few_samples_has_no_grade():
    few = [sample(float(place), 1.0, 100 + place % 2) for place in range(1, LEAST_GRADED)]
    assert curve_of(few).grade is None
    assert curve_of([*few, sample(5.0, 1.0, 100)]).grade == "flat"


@pytest.mark.parametrize(
    ("cv", "named"),
    [(0, "flat"), (1.0, "flat"), (1.1, "steady"), (5.1, "uneven"), (15.0, "uneven"), (40, "unsteady"), (None, None)],
)
def test_stability_has_grades(cv, named):
    assert grade(cv) == named
