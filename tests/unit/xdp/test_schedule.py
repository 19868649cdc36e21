"""When packets are due at each kind of offered load."""

from __future__ import annotations

import pytest

from linerate.errors import PcapError
from linerate.xdp.frames import load
from linerate.xdp.schedule import BATCH_NS, CATCH_UP, SECOND, Clock, at_captured_speed, at_line_rate, at_mbps, at_pps


def times(schedule, packets: int) -> list[float]:
    return [schedule.time(number) for number in range(packets)]


def test_packets_per_second():
    schedule = at_pps(4)
    assert times(schedule, 3) == [0, SECOND / 4, SECOND / 2]
    assert [schedule.packets(at * SECOND) for at in (0, 0.24, 0.26, 1.01)] == [1, 1, 2, 5]


def test_bits_per_second_of_frames_of_one_length(pcap):
    schedule = at_mbps(8, load(pcap(100, 100), unaligned=True))
    assert schedule.due is None
    assert times(schedule, 3) == [0, 100_000, 200_000]


def test_bits_per_second_of_frames_of_several_lengths(pcap):
    schedule = at_mbps(8, load(pcap(100, 1000, 60), unaligned=True))
    assert times(schedule, 7) == [0, 100_000, 1_100_000, 1_160_000, 1_260_000, 2_260_000, 2_320_000]
    for number in range(1, 7):
        due = schedule.time(number)
        assert (schedule.packets(due - 1), schedule.packets(due)) == (number, number + 1)


def test_percent_of_line_rate_counts_what_a_frame_takes_on_the_link(pcap):
    # 60 B, FCS, preamble and gap are 84 B: 672 ns at 1 Gbit/s; a shorter frame is padded.
    for length in (60, 20):
        assert at_line_rate(50, 1e9, load(pcap(length), unaligned=True)).gap == 1344


def test_the_captures_own_timing(pcap):
    frames = load(pcap(60, 60, 60, times_us=[1_000_000, 1_000_010, 1_000_040]), unaligned=True, timed=True)
    assert times(at_captured_speed(2, frames, "a.pcap"), 6) == [0, 5000, 20_000, 30_000, 35_000, 50_000]


def test_a_time_that_goes_back_waits_for_nothing(pcap):
    frames = load(pcap(60, 60, 60, times_us=[1000, 2000, 1500]), unaligned=True, timed=True)
    assert times(at_captured_speed(1, frames, "a.pcap"), 3) == [0, 1_000_000, 1_000_000]


def test_a_capture_without_time_has_no_speed(pcap):
    frames = load(pcap(60, 60, times_us=[5, 5]), unaligned=True, timed=True)
    with pytest.raises(PcapError, match=r"a\.pcap.*captured in no time"):
        at_captured_speed(1, frames, "a.pcap")


def test_the_clock_follows_real_time_and_catches_up_slowly():
    clock = Clock(0)
    assert clock.advance(50_000, due=50_000) == 50_000
    assert (clock.advance(10_050_000, due=50_000), clock.is_late) == (50_000 + BATCH_NS, True)
    assert clock.advance(10_060_000, due=50_000) == pytest.approx(50_000 + BATCH_NS + CATCH_UP * 10_000)
    assert (clock.stalls, clock.longest_ns) == (1, 10_000_000 - BATCH_NS)
    clock.hold(10)
    assert clock.now == 10
