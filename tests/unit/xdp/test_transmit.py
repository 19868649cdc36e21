"""The sending loop against a simulated kernel: exact counts, order, pacing without bursts, and every way to end."""

from __future__ import annotations

import errno

import pytest

from linerate.xdp.schedule import BATCH_NS, SECOND, at_pps
from linerate.xdp.transmit import DROPPED, Load, Transmitter

from .conftest import Kernel, Time, table


def transmitter(kernel: Kernel, load: Load, packets: int = 5, time: Time | None = None, **given) -> Transmitter:
    time = time or Time()
    return Transmitter(kernel, table(packets), load, clock=time.clock, sleep=time.sleep, **given)


@pytest.mark.parametrize("packets", [1, 3, 5, 8, 9, 40])
@pytest.mark.parametrize("limit", [1, 7, 8, 9, 100, 1001])
@pytest.mark.parametrize("schedule", [None, at_pps(1_000_000), at_pps(5000)])
def test_exactly_the_limit_is_sent_in_order(packets, limit, schedule):
    kernel = Kernel()
    tally = transmitter(kernel, Load(limit, None, schedule), packets).run()
    assert (tally.sent, tally.posted, tally.in_flight, tally.dropped) == (limit, limit, 0, 0)
    assert kernel.sent == [number % packets for number in range(limit)] or packets < kernel.count
    assert [number % packets for number in kernel.sent] == [number % packets for number in range(limit)]
    assert max(kernel.batches) <= kernel.count


def test_the_rings_numbers_wrap_around_at_32_bits():
    kernel = Kernel(first=2**32 - 5)
    assert transmitter(kernel, Load(100, None)).run().sent == 100


def test_the_duration_ends_it_at_top_speed():
    time = Time()
    tally = transmitter(Kernel(), Load(None, SECOND // 100), time=time).run()
    assert tally.ended - tally.started >= SECOND // 100
    assert tally.sent == tally.posted > 100


@pytest.mark.parametrize("pps", [1_000, 20_000, 300_000])
def test_a_rate_is_kept(pps):
    tally = transmitter(Kernel(2048, 1024), Load(pps, None, at_pps(pps))).run()
    assert (tally.ended - tally.started) / SECOND == pytest.approx((pps - 1) / pps, rel=0.001)
    assert tally.late == 0


def test_a_rate_for_a_duration_sends_what_is_due():
    tally = transmitter(Kernel(2048, 1024), Load(None, SECOND, at_pps(10_000))).run()
    assert tally.sent == 10_000


@pytest.mark.parametrize("stall_ms", [1, 20, 200])
def test_after_a_stall_packets_are_late_and_never_in_a_burst(stall_ms):
    class Stalling(Time):
        stalled = False

        def clock(self) -> int:
            now = super().clock()
            if now > 1_500_000_000 and not self.stalled:
                self.stalled = True
                self.now += stall_ms * 1_000_000
            return now

    pps = 100_000
    kernel = Kernel(2048, 1024)
    sending = transmitter(kernel, Load(3 * pps, None, at_pps(pps)), time=Stalling())
    tally = sending.run()
    assert tally.sent == 3 * pps
    assert max(kernel.batches) <= pps * BATCH_NS / SECOND + 1
    assert sending.paced.stalls == 1
    assert sending.paced.longest_ns == pytest.approx(stall_ms * 1e6, rel=0.15)
    assert tally.late > stall_ms / 1000 * pps
    # It has caught up by then.
    assert (tally.ended - tally.started) / SECOND == pytest.approx(3, rel=0.001)


def test_a_rate_above_what_the_ring_takes_is_no_burst_later():
    kernel = Kernel(8, 1)
    tally = transmitter(kernel, Load(1000, None, at_pps(10_000_000))).run()
    assert tally.sent == 1000
    assert max(kernel.batches) <= 8


def test_it_stops_early_and_counts_what_was_posted():
    kernel = Kernel()
    sending = transmitter(kernel, Load(None, None))
    stop = iter(range(1000))
    take = kernel.wake

    def wake() -> int:
        if next(stop) == 10:
            sending.stop()
        return take()

    kernel.wake = wake
    tally = sending.run()
    assert tally.interrupted
    assert tally.sent == tally.posted == len(kernel.sent) > 0


def test_a_full_ring_that_nothing_leaves_ends_when_it_is_stopped():
    kernel = Kernel()
    kernel.takes = False
    sending = transmitter(kernel, Load(None, SECOND // 10))
    tally = sending.run()
    assert (tally.sent, tally.posted, tally.in_flight) == (0, 8, 8)
    assert tally.waits > 0
    assert tally.ended - tally.started < SECOND


def test_a_lasting_error_ends_it():
    kernel = Kernel()
    kernel.wake = lambda: errno.ENETDOWN
    tally = transmitter(kernel, Load(100, None)).run()
    assert (tally.error, tally.sent) == (errno.ENETDOWN, 0)


def test_an_error_that_passes_ends_nothing():
    kernel = Kernel()
    kernel.answers = [errno.ENETDOWN] * 100
    tally = transmitter(kernel, Load(100, None)).run()
    assert (tally.error, tally.sent) == (None, 100)


def test_packets_that_the_driver_dropped_are_not_counted_as_sent():
    kernel = Kernel()
    kernel.answers = [DROPPED] * 3
    tally = transmitter(kernel, Load(100, None)).run()
    assert (tally.completed, tally.dropped, tally.sent) == (100, 3, 97)


def test_it_reports_every_second():
    seen = []
    transmitter(
        Kernel(), Load(None, 3 * SECOND + SECOND // 2, at_pps(1000)), report=lambda tally: seen.append(tally.sent)
    ).run()
    assert seen == [pytest.approx(1000 * number, abs=2) for number in (1, 2, 3)]
