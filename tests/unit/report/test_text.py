"""Formats of numbers and loads."""

from __future__ import annotations

import pytest

from linerate.report.text import bit_rate, byte_size, count, mbit, number, offered, signed


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (None, 2, "-"),
        (1234567, 0, "1,234,567"),
        (0.125, 2, "0.12"),
        (-0.0001, 2, "0.00"),
        (-3, 0, "-3"),
        (-0.01, 2, "-0.01"),
    ],
)
def test_numbers(value: float | None, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0, "0"), (3, "+3"), (-1200, "-1,200")])
def test_differences_have_a_sign(value: int | None, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("bps", "text"),
    [(10e9, "10 Gbit/s"), (2.7563e9, "2.756 Gbit/s"), (8.16e6, "8.16 Mbit/s"), (816e3, "816 kbit/s"), (80, "80 bit/s")],
)
def test_bit_rates_have_a_suitable_unit(bps: float, text: str) -> None:
    assert bit_rate(bps) == text


@pytest.mark.parametrize(("bps", "text"), [(None, "-"), (3_791_830_000, "3,791.83")])
def test_columns_of_megabits(bps: float | None, text: str) -> None:
    assert mbit(bps) == text


@pytest.mark.parametrize(
    ("mode", "value", "text"),
    [
        ("pps", 20_000.0, "20,000 pps"),
        ("pps", 0.5, "0.50 pps"),
        ("mbps", 1000, "1,000 Mbit/s pcap"),
        ("multiplier", 1.0, "own timing"),
        ("multiplier", 2.5, "own timing x 2.5"),
        ("topspeed", None, "top speed"),
    ],
)
def test_offered_loads_have_their_unit(mode: str, value: float | None, text: str) -> None:
    assert offered(mode, value) == text


def test_amounts() -> None:
    assert [count(amount, "packet") for amount in (0, 1, 2000)] == ["0 packets", "1 packet", "2,000 packets"]
    assert [byte_size(size) for size in (512 * 2**20, 25_264_132_096)] == ["512 MiB", "23.5 GiB"]
