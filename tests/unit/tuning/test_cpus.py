"""Lists of CPUs in the kernel's format."""

from __future__ import annotations

import os

import pytest

from linerate.tuning.cpus import format_cpus, online_cpus, parse_cpus


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("", set()), ("\n", set()), ("3\n", {3}), ("0-2,5", {0, 1, 2, 5}), ("0,1, 7-8", {0, 1, 7, 8})],
)
def test_parse(text, cpus):
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize("text", ["all", "1-", "-1", "1,,2", "0x3", "1 2", "²"])
def test_invalid_list_is_refused(text):
    with pytest.raises(ValueError, match="is neither a CPU nor a range"):
        parse_cpus(text)


@pytest.mark.parametrize(("cpus", "text"), [((), ""), ((3,), "3"), ((5, 1, 0, 2), "0-2,5"), ((1, 3), "1,3")])
def test_format(cpus, text):
    assert format_cpus(cpus) == text


def test_online_cpus_of_this_machine():
    assert os.sched_getaffinity(0) <= online_cpus()
