"""A trial's result in one line: what a person needs while the run is in progress."""

from __future__ import annotations

from dataclasses import replace

from trial_parts import TOP, make, received, sent

from linerate.receiver.sampler import Sample
from linerate.report.one_line import one_line
from linerate.results.build import result_of


def test_the_line_has_the_requested_and_the_sent_rate():
    line = one_line(result_of(make(), sent(), [received()]))
    assert line.startswith("001-udp_port_scan_64-kernel-pps-r1, requested 20,000 pps, sent 20,000 pps (13.1 Mbit/s L2)")
    assert "requested" not in one_line(result_of(make(TOP), sent(), [received()]))


def test_the_line_has_the_stability():
    samples = tuple(Sample(second / 6 * 5, 5 / 6, 16_666 + second % 2, 1) for second in range(1, 7))
    line = one_line(result_of(make(), replace(sent(), samples=samples), []))
    assert "flat (CV 0.0 % over samples of 0.83 s)" in line


def test_the_line_names_witnesses_that_could_not_count_and_those_that_disagree():
    dead = replace(received(), name="firewall", usable=False, reason="no answer", witness=None, nic=None)
    other = replace(received(90_000), name="switch")
    line = one_line(result_of(make(), sent(), [received(), dead, other]))
    assert "firewall could not count (no answer), receiver1 minus switch +10,000 packets (DISAGREE)" in line
