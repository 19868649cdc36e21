"""Offered loads: rates, percent of line rate, and ramps."""

from __future__ import annotations

import pytest
from trial_records import KERNEL, case, setup

from linerate.errors import InputError
from linerate.trial.engines.registry import engine
from linerate.trial.loads import loads
from linerate.trial.plan import Combination, combine, plan


@pytest.mark.parametrize(
    ("first", "last", "step", "values"),
    [
        (10, 40, 10, [10, 20, 30, 40]),
        (40, 10, 10, [40, 30, 20, 10]),
        (10, 35, 10, [10, 20, 30]),
        (0.1, 0.3, 0.1, [0.1, 0.2, 0.3]),
        (5, 5, 1, [5]),
    ],
)
def test_a_ramp_has_each_step(first, last, step, values):
    ramp = {"mode": "percent", "from": first, "to": last, "step": step, "value": None}
    assert loads(ramp) == [("percent", value) for value in values]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "pps", "from": 1, "to": 9}, "step: is missing: a ramp needs from, to and step"),
        ({"mode": "pps", "value": 1, "to": 9}, "to 9: has no meaning with value"),
        ({"mode": "topspeed", "step": 9}, "step 9: has no meaning at top speed"),
        ({"mode": "pps", "from": 1, "to": 9, "step": 0}, "step 0: must be a number above 0"),
        ({"mode": "pps", "from": 1, "to": 1e6, "step": 1}, "step 1: makes more than 1000 loads"),
        ({"mode": "percent", "from": 10, "to": 110, "step": 10}, "to 110: must be 0.001 to 100"),
        ({"mode": "percent", "value": 101}, "percent 101: must be 0.001 to 100"),
        ({"mode": "warp", "value": 9}, "mode 'warp': must be one of pps"),
        ({"mode": "pps"}, "value: is missing: pps needs a rate"),
    ],
)
def test_a_wrong_load_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        loads(given)


def test_a_percentage_is_of_the_line_rate_of_each_case():
    rates = [{"mode": "percent", "from": 50, "to": 100, "step": 50}, {"mode": "topspeed"}]
    trials = plan(combine([case("a"), case("b", length=1514)], [KERNEL], rates), 1, setup())
    offered = [(trial.offered.mode, trial.offered.value, trial.offered.pps) for trial in trials]
    # 10 Gbit/s by 8 * (78 + 24) and 8 * (1514 + 24) bits, rounded down.
    assert offered == [
        ("percent", 50.0, 6_127_450.98),
        ("percent", 100.0, 12_254_901.96),
        ("topspeed", None, None),
        ("percent", 50.0, 406_371.911),
        ("percent", 100.0, 812_743.823),
        ("topspeed", None, None),
    ]
    assert [trial.offered.paced_pps is None for trial in trials] == [False, False, True] * 2
    assert trials[0].trial_id == "001-a-kernel-50percent-r1"


def test_the_program_that_sends_gets_packets_per_second():
    (trial,) = plan([Combination(case(), KERNEL, "percent", 1.0)], 1, setup())
    command = engine("kernel").command(trial)
    assert "--pps=122549.019" in command
    assert not [option for option in command if "percent" in option]
    assert engine("kernel").gap_seconds(trial) == pytest.approx(1 / 122_549.019)
