"""A wrong clock is found by the others, and every rate is of the best clock there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_run import make_sampled
from trial_parts import TOP, make, received, sent, uncounted

from linerate.clock import WallClock
from linerate.receiver.sampler import SEEK_SECONDS, Sample
from linerate.results.build import result_of
from linerate.results.consistency import contradiction
from linerate.trial.timing import Span, span_of


def stepped(by: float, seconds: float = 5.0):
    """What a sender returns whose wall clock was stepped ``by`` seconds while it sent for ``seconds``."""
    half = sent(100_000, round(seconds + by, 2))
    ran = replace(half.process, elapsed_seconds=seconds + 0.2)
    return replace(half, process=ran, samples=make_sampled(100_000, seconds), wall_clock_step=by)


@pytest.mark.parametrize("by", [-1.0, 1.0, -0.1, 0.1])
def test_a_stepped_wall_clock_is_not_valid_and_the_rate_is_of_the_monotonic_clock(by: float):
    found = result_of(make(TOP), stepped(by), [received()])
    assert any(f"wall clock moved by {by:+.3f} s" in reason for reason in found.verdict.reasons)
    assert found.timing.sent_rate == "sending interface"
    assert found.rates.sent.pps == found.rates.received.pps == 20_000


def test_a_claim_that_only_the_interface_contradicts_is_not_valid():
    found = result_of(make(TOP), replace(stepped(-1.0), wall_clock_step=0.0), [received()])
    (reason,) = found.verdict.reasons
    assert reason == "the sender claims 4.00 s by its wall clock, but the sending interface counted for 4.98 to 5.02 s"
    assert found.rates.sent.pps == 20_000


def test_packets_that_wait_in_the_ring_take_longer_than_the_program_counts():
    half = replace(sent(20_000, 3.05), samples=make_sampled(20_000, 3.6))
    assert result_of(make(TOP), half, [received(20_000, 3.7)]).valid
    late = replace(sent(20_000, 3.05), samples=make_sampled(20_000, 4.6))
    assert not result_of(make(TOP), late, [received(20_000, 4.7)]).valid


def test_a_stored_trial_that_is_valid_against_a_clock_contradicts_itself():
    found = result_of(make(), sent(), [replace(received(), nic=None)])
    assert contradiction(found) is None
    wrong = contradiction(replace(found, timing=replace(found.timing, wall_clock_step=1.0)))
    assert wrong.startswith("verdict.valid is true, but the sender's wall clock moved by +1.000 s")
    wrong = contradiction(replace(found, timing=replace(found.timing, received_rate="sent rate")))
    assert wrong == "timing.received_rate is sent rate, but the counts give receiver"


def test_a_claim_of_more_time_than_the_program_ran_is_not_valid():
    half = uncounted(replace(stepped(1.0), wall_clock_step=None))
    (reason,) = result_of(make(TOP), half, []).verdict.reasons[-1:]
    assert reason == "the sender claims 6.00 s by its wall clock, but ran for 5.20 s"


def test_a_receiver_that_counted_all_in_less_time_contradicts_the_claim():
    half = uncounted(replace(sent(), wall_clock_step=None))
    (reason,) = result_of(make(TOP), half, [received(seconds=3.0)]).verdict.reasons
    assert reason == "the sender claims 5.00 s by its wall clock, but the receiver counted for at most 3.02 s"
    assert result_of(make(TOP), half, [received(50_000, 3.0)]).valid


def test_a_slewed_clock_within_the_tolerance_is_valid():
    found = result_of(make(TOP), stepped(0.02), [received()])
    assert found.valid
    assert found.timing.sent_rate == "sending program"


def test_a_device_that_buffers_shows_the_rate_of_the_receiver_and_is_the_limit():
    found = result_of(make(), sent(), [received(seconds=10.0)])
    assert (found.rates.sent.pps, found.rates.received.pps) == (20_000, 10_000)
    assert found.loss.packets == 0
    assert (found.valid, found.verdict.limit) == (True, "path or device")


def test_without_samples_of_the_receiver_its_rate_is_the_share_that_arrived_and_says_so():
    found = result_of(make(), sent(), [replace(received(90_000), samples=())])
    assert found.timing.received_rate == "sent rate"
    assert found.rates.received.pps == pytest.approx(18_000)


@pytest.mark.parametrize(
    ("packets", "low", "high"),
    [
        # Nothing else was counted: the last packet is in the last interval that counted any.
        (410, 1.0 + 19 / 400 - SEEK_SECONDS, 1.2 + SEEK_SECONDS),
        # Ten packets are of others: the first ones, the last ones, or any.
        (400, 1.0 + 9 / 400 - SEEK_SECONDS, 1.2 + SEEK_SECONDS),
        (0, None, None),
    ],
)
def test_the_time_from_the_first_packet_to_the_last(packets: int, low: float | None, high: float | None):
    samples = [Sample(0.5, 0.5, 200, 0), Sample(1.0, 0.5, 190, 0), Sample(1.2, 0.2, 20, 0), Sample(2.0, 0.8, 0, 0)]
    found = span_of(samples, packets)
    assert found == (None if low is None else Span(pytest.approx(low), pytest.approx(high)))


def test_a_counter_that_stands_still_for_a_time_may_be_late_by_that_time():
    """A driver that brings its counters up to date every 2 s contradicts no claim."""
    refreshed = [Sample(place / 10, 0.1, 40_000 * (place in (5, 25, 30)), 0) for place in range(1, 31)]
    found = span_of(refreshed, 120_000)
    assert found.low < 2.9 < found.high
    half = replace(sent(120_000, 4.4), samples=tuple(refreshed))
    assert result_of(make(TOP), half, []).valid


def test_the_wall_clock_is_compared_with_the_monotonic_clock():
    now = {"wall": 1000.0, "monotonic": 50.0}
    clock = WallClock(lambda: now["wall"], lambda: now["monotonic"])
    now["monotonic"] += 5
    now["wall"] += 4
    assert clock.step() == pytest.approx(-1)
    now["wall"] += 1
    assert clock.step() == pytest.approx(0)


def test_a_first_sample_that_was_taken_late_may_begin_before_the_packets():
    """60 packets took 30 ms of its 140 ms: the trial may have lasted 1.99 s, and not at least 2.09 s."""
    late = [Sample(0.14, 0.14, 60, 0)]
    rest = [Sample(0.14 + 0.1 * number, 0.1, 200, 0) for number in range(1, 20)]
    span = span_of([*late, *rest, Sample(2.11, 0.07, 140, 0)], 4000)
    assert span is not None
    assert span.low <= 1.99 <= span.high
