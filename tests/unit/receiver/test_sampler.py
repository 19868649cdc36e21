"""The rate curve starts with the traffic and divides by the measured length of each interval."""

from __future__ import annotations

import pytest

from linerate.receiver.sampler import SEEK_SECONDS, Sampler


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_time_zero_is_the_last_reading_without_packets(clock):
    counted = [5, 500]
    sampler = Sampler(lambda: (counted[0], counted[1]), 1.0, clock)
    for _ in range(10):
        assert sampler.poll() == SEEK_SECONDS
        clock.now += SEEK_SECONDS
    counted[:] = [15, 1500]
    assert sampler.poll() <= 1.0
    assert sampler.samples == []
    clock.now = 101.2
    counted[:] = [105, 10500]
    sampler.poll()
    (sample,) = sampler.samples
    assert sample.packets == 100
    assert sample.bytes == 10000
    assert sample.elapsed_seconds == pytest.approx(101.2 - 100.18)
    assert sample.pps == pytest.approx(100 / sample.interval_seconds)


def test_late_wake_up_makes_a_longer_interval_not_a_higher_rate(clock):
    counted = [0]
    sampler = Sampler(lambda: (counted[0], 0), 1.0, clock)
    for seconds, total in ((0.0, 1), (1.5, 150), (0.5, 200)):
        clock.now += seconds
        counted[0] = total
        sampler.poll()
    assert [round(sample.interval_seconds, 6) for sample in sampler.samples] == [1.5, 0.5]
    assert [sample.pps for sample in sampler.samples] == [100, 100]


def test_first_packets_that_are_seen_late_have_an_interval(clock):
    counted = iter((0, 333, 340, 900))
    sampler = Sampler(lambda: (next(counted), 0), 0.1, clock)
    clock.now += 2.6
    sampler.poll()
    (sample,) = sampler.samples
    assert (sample.packets, sample.interval_seconds) == (340, pytest.approx(2.6))


def test_last_sample_is_taken_only_if_anything_was_counted(clock):
    counted = [0]
    sampler = Sampler(lambda: (counted[0], 0), 1.0, clock)
    counted[0] = 10
    sampler.poll()
    clock.now += 0.4
    sampler.finish()
    clock.now += 0.4
    sampler.finish()
    assert [sample.packets for sample in sampler.samples] == [10]


def test_first_sample_includes_the_time_of_the_packets_seen_at_once(clock):
    """With 20 ms of silence in it, the rate of a first sample of 100 ms would be a fifth too low."""
    counted = [0]
    sampler = Sampler(lambda: (counted[0], 0), 0.1, clock)
    clock.now += SEEK_SECONDS
    counted[0] = 5
    sampler.poll()
    clock.now += 0.1
    counted[0] += 100
    sampler.poll()
    (sample,) = sampler.samples
    assert sample.pps == pytest.approx(1000)
    assert sample.elapsed_seconds == pytest.approx(0.105)


def test_missed_samples_are_not_made_up_for_by_short_ones(clock):
    counted = [1]
    sampler = Sampler(lambda: (counted[0], 0), 0.1, clock)
    counted[0] = 2
    sampler.poll()
    for step in (0.1, 0.43, 0.01, 0.02, 0.04, 0.1):
        clock.now += step
        counted[0] += round(1000 * step)
        sampler.poll()
    assert [round(sample.interval_seconds, 3) for sample in sampler.samples] == [0.1, 0.43, 0.07, 0.1]


def test_samples_of_a_slow_counter_end_where_it_moves(clock):
    """The NIC's own counters are brought up to date every 2 s: 0 and a double rate in turn would be no curve."""
    counted, rate = [0], 1000
    sampler = Sampler(lambda: (counted[0], 0), 0.1, clock, refresh_seconds=2.0)
    for tick in range(1, 501):
        clock.now += 0.02
        counted[0] = rate * (tick // 100) * 2
        sampler.poll()
    assert [sample.pps for sample in sampler.samples] == pytest.approx([rate] * 4)
    assert [round(sample.interval_seconds, 2) for sample in sampler.samples] == [2.0] * 4
