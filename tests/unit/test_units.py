"""Units, compared with published line rates and the reference measurement."""

from __future__ import annotations

import pytest

from linerate.errors import InputError
from linerate.results.reference import CASES
from linerate.units import GBIT, frame_length, line_rate_pps, megabits, megabytes, pcap_bps, pps_of_pcap_mbps, rates


@pytest.mark.parametrize(
    ("frame", "at_10g", "at_25g", "at_40g", "pcap_mbps_at_10g"),
    [
        (60, 14_880_952, 37_202_381, 59_523_810, 7_142.86),
        (78, 12_254_902, 30_637_255, 49_019_608, 7_647.06),
        (1514, 812_744, 2_031_860, 3_250_975, 9_843.95),
    ],
)
def test_line_rate(frame, at_10g, at_25g, at_40g, pcap_mbps_at_10g):
    assert [round(line_rate_pps(speed * GBIT, frame)) for speed in (10, 25, 40)] == [at_10g, at_25g, at_40g]
    full = rates(line_rate_pps(10 * GBIT, frame), frame, 10 * GBIT)
    assert full.pcap_bps / 1e6 == pytest.approx(pcap_mbps_at_10g, abs=0.005)
    assert full.l1_bps == pytest.approx(10 * GBIT)
    assert full.line_rate_percent == pytest.approx(100)


@pytest.mark.parametrize(
    ("pps", "frame", "pcap_mbps", "percent"),
    [(1_602_566, 78, 1000.00, 13), (801_404, 1514, 9706.60, 98.6), (464_370, 1514, 5624.45, 57.1)],
)
def test_reference_measurement(pps, frame, pcap_mbps, percent):
    measured = rates(pps, frame, 10 * GBIT)
    assert measured.pcap_bps / 1e6 == pytest.approx(pcap_mbps, rel=1e-4)
    assert measured.line_rate_percent == pytest.approx(percent, abs=0.1)


def test_tcpreplay_mbps_are_pcap_bits_per_second():
    assert pps_of_pcap_mbps(1000, 78) == pytest.approx(1_602_566, rel=1e-5)
    for case in CASES:
        bits = pcap_bps(case.packets / case.seconds, case.frame_length)
        assert megabits(bits) == pytest.approx(case.rated_mbps, rel=1e-4)
        assert megabytes(bits) == pytest.approx(case.packets * case.frame_length / case.seconds / 1e6)
    assert (megabits(GBIT), megabytes(GBIT)) == (1000, 125)


def test_10000_mbps_is_above_line_rate_of_10_gbit():
    assert pps_of_pcap_mbps(10_000, 1514) > line_rate_pps(10 * GBIT, 1514) > pps_of_pcap_mbps(9_843, 1514)


def test_reference_in_percent_of_line_rate():
    """To the precision of the reference; 1000 Mbit/s of pcap bytes in frames of 78 B are 13 % of line rate."""
    found = [round(case.rates.line_rate_percent, 1) for case in CASES]
    assert found == [13.1, 13.1, 98.6, 99.3, 57.1, 63.8]
    for case in CASES:
        assert case.rates.pcap_bps < case.rates.l2_bps < case.rates.l1_bps


def test_l2_includes_the_fcs_and_l1_preamble_and_gap():
    one = rates(1, 1514, None)
    assert (one.pcap_bps, one.l2_bps, one.l1_bps) == (8 * 1514, 8 * 1518, 8 * 1538)
    assert one.line_rate_percent is None


def test_short_frames_are_padded_on_the_wire():
    assert rates(1, 42, None).l1_bps == 8 * 84
    assert rates(1, 42, None).pcap_bps == 8 * 42


def test_frame_length_of_an_ip_packet():
    assert (frame_length(64), frame_length(1500), frame_length(64, vlan=True)) == (78, 1514, 82)


def test_link_speed_of_zero_is_refused():
    with pytest.raises(InputError, match="link speed 0"):
        line_rate_pps(0, 78)
