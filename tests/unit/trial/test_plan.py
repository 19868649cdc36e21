"""From a scenario to trials: counts, loops, deadlines, order, and refusals."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from trial_records import EMULATED, KERNEL, NATIVE, bench, case, planned, setup, trial

from linerate.errors import InputError
from linerate.receiver.process import LONGEST_SOCKET_PATH, socket_path
from linerate.trial.engines.registry import engine
from linerate.trial.journal import name_of
from linerate.trial.model import Case, Offered, SendMethod
from linerate.trial.plan import Combination, Setup, combine, offer, plan
from linerate.units import GBIT

SCHEMA = Path(__file__).parents[3] / "schemas/trial.schema.json"
SETUP = setup()


def offered_load(
    mode: str, value: object, sent: Case | None = None, method: SendMethod = KERNEL, shared: Setup = SETUP
) -> tuple[Offered, int]:
    return offer(Combination(sent or case(), method, mode, value), shared)


def test_a_paced_trial_sends_a_fixed_number_of_packets():
    offered, loop = offered_load("pps", 20_000)
    assert (offered.packets, offered.pps, loop) == (100_000, 20_000, 2)


def test_mbps_counts_pcap_bytes():
    offered, _ = offered_load("mbps", 9843.95, case(length=1514))
    assert offered.pps == pytest.approx(812_744, abs=1)


def test_top_speed_is_bounded_by_time_and_by_loops_far_beyond_line_rate():
    offered, loop = offered_load("topspeed", None)
    assert (offered.packets, offered.pps) == (None, None)
    assert loop == -(-10 * 12_254_902 * 3 // 64_511)


@pytest.mark.parametrize("method", [NATIVE, EMULATED])
def test_the_deadline_through_netmap_includes_waiting_for_the_link(method):
    by_kernel, _ = offered_load("pps", 20_000)
    by_netmap, _ = offered_load("pps", 20_000, method=method)
    assert by_netmap.deadline_seconds - by_kernel.deadline_seconds == 8


def test_the_deadline_margin_lengthens_the_deadline():
    usual, _ = offered_load("topspeed", None, shared=setup(GBIT, topspeed=3.0))
    slow, _ = offered_load("topspeed", None, shared=setup(GBIT, deadline_margin=300, topspeed=3.0))
    assert slow.deadline_seconds - usual.deadline_seconds == 285
    with pytest.raises(InputError, match="benchmark_deadline_margin -1"):
        offered_load("topspeed", None, shared=setup(GBIT, deadline_margin=-1, topspeed=3.0))


def test_the_loops_of_a_small_pcap_at_top_speed_are_what_tcpreplay_takes():
    one_packet = replace(case(), pcap_packets=1)
    minute = replace(SETUP, timing=replace(SETUP.timing, duration_seconds={"topspeed": 60}))
    _, loop = offered_load("topspeed", None, one_packet, shared=minute)
    assert loop == 2**31 - 1


def test_a_load_above_the_line_rate_is_bounded_by_time():
    offered, loop = offered_load("mbps", 10_000, case(length=1514))
    assert (offered.packets, offered.duration_seconds, offered.paced_pps) == (None, 3.0, None)
    assert offered.pps == pytest.approx(825_627, abs=1)
    assert loop == -(-10 * 812_744 * 3 // 64_511)
    below, _ = offered_load("mbps", 9_800, case(length=1514))
    assert below.paced_pps == below.pps


def test_a_capture_keeps_its_own_timing_in_whole_passes():
    capture = case(pcap_packets=30, pcap_seconds=2.0)
    offered, loop = offered_load("multiplier", 1.0, capture)
    assert (offered.packets, offered.pps, offered.duration_seconds, loop) == (90, 15.0, 6.0, 3)
    assert offered.paced_pps == 15.0
    assert offered.deadline_seconds == 22.5
    faster, loop = offered_load("multiplier", 4.0, capture)
    assert (faster.packets, faster.pps, faster.duration_seconds, loop) == (300, 60.0, 5.0, 10)
    slower, loop = offered_load("multiplier", 0.1, capture)
    assert (slower.packets, slower.pps, slower.duration_seconds, loop) == (30, 1.5, 20.0, 1)


def test_the_trial_of_own_timing_has_it_in_its_name_and_command():
    made = plan([Combination(case(pcap_packets=30, pcap_seconds=2.0), KERNEL, "multiplier", 1.5)], 1, SETUP)[0]
    assert made.trial_id == "001-udp_port_scan_64-kernel-x1.5-r1"
    assert made.predicted_pps == 22.5
    command = engine("kernel").command(made)
    assert {"--multiplier=1.5", "--loop=4", "--limit=120"} <= set(command)


@pytest.mark.parametrize(
    ("seconds", "value", "rule"),
    [
        (None, 1.0, "has no meaning for udp_port_scan_64, whose packets all have the same time"),
        (0.0, 1.0, "has no meaning"),
        (2.0, 0, "must be a number above 0"),
        (2.0, None, "must be a number above 0"),
        (1e9, 1.0, "lets udp_port_scan_64 last 1,000,000,000 s, more than 604,800 s"),
        (1e-3, 1.0, "offers 64,511,000 pps of udp_port_scan_64, more than the line rate of 12,254,902 pps"),
    ],
)
def test_own_timing_that_cannot_be_kept_is_refused(seconds, value, rule):
    with pytest.raises(InputError) as refused:
        offered_load("multiplier", value, case(pcap_seconds=seconds))
    assert rule in refused.value.rule


def test_compared_send_methods_follow_each_other_and_swap_with_every_repeat():
    rates = [{"mode": "pps", "value": 20_000.0}, {"mode": "topspeed", "value": None}]
    trials = plan(combine([case("a"), case("b b")], [KERNEL, NATIVE, EMULATED], rates), 3, SETUP)
    assert len(trials) == 36
    assert [trial.sequence for trial in trials] == list(range(1, 37))
    assert [trial.repeat for trial in trials] == [1] * 12 + [2] * 12 + [3] * 12
    assert len({trial.trial_id for trial in trials}) == 36
    assert [trial.trial_id for trial in trials[:4]] == [
        "001-a-kernel-20000pps-r1",
        "002-a-netmap-native-20000pps-r1",
        "003-a-netmap-emulated-20000pps-r1",
        "004-a-kernel-topspeed-r1",
    ]
    assert [trial.trial_id for trial in trials[12:15]] == [
        "013-a-netmap-emulated-20000pps-r2",
        "014-a-netmap-native-20000pps-r2",
        "015-a-kernel-20000pps-r2",
    ]
    assert trials[-1].trial_id == "036-b_b-netmap-emulated-topspeed-r3"


@pytest.mark.parametrize(
    ("mode", "value", "label"),
    [
        ("pps", 0.001, "0.001pps"),
        ("pps", 1e6, "1000000pps"),
        ("pps", 12_254_902.0, "12254902pps"),
        ("mbps", 123_456_789.123456, "123456789.123456mbps"),
        ("multiplier", 0.001, "x0.001"),
    ],
)
def test_the_name_has_the_rate_as_tcpreplay_takes_it_and_fits_wherever_it_is_used(mode, value, label):
    """The name is part of a journal's, a socket's and a result's, and is validated against the schema."""
    combinations = [Combination(case("n" * 300, pcap_seconds=0.1), EMULATED, mode, value)]
    last = plan(combinations, 1000, setup(paced=5000.0, topspeed=3.0))[-1].trial_id
    assert last == f"1000-{'n' * 80}-netmap-emulated-{label}-r1000"
    assert re.search(json.loads(SCHEMA.read_text())["properties"]["trial_id"]["pattern"], last)
    journal = name_of(trial(trial_id=last, bench=bench(run_id="r" * 100)))
    assert len(f"{journal}.jsonl") <= 255
    assert len(str(socket_path(f"{last}.10"))) <= LONGEST_SOCKET_PATH
    assert socket_path(f"{last}.10") != socket_path(f"{last}.11")


def test_listed_trials_of_the_same_load_follow_each_other():
    combinations = [Combination(case(name), method, "mbps", 5.0) for method in (NATIVE, KERNEL) for name in ("a", "b")]
    names = [trial.trial_id for trial in plan(combinations, 2, SETUP)]
    assert names == [
        "001-a-netmap-native-5mbps-r1",
        "002-a-kernel-5mbps-r1",
        "003-b-netmap-native-5mbps-r1",
        "004-b-kernel-5mbps-r1",
        "005-a-kernel-5mbps-r2",
        "006-a-netmap-native-5mbps-r2",
        "007-b-kernel-5mbps-r2",
        "008-b-netmap-native-5mbps-r2",
    ]


def test_a_planned_trial_holds_its_load_its_time_and_how_it_is_sent():
    paced, top = planned(NATIVE, cpu=3), planned(NATIVE, "topspeed", None)
    assert (paced.offered.packets, paced.predicted_pps, paced.estimated_seconds) == (100_000, 20_000, 15.0)
    assert (paced.sending.loop, paced.sending.limit, paced.sending.duration) == (2, 100_000, None)
    assert (paced.sending.interface, paced.sending.nm_delay, paced.sending.cpu) == ("ens17", 4, 3)
    assert (top.sending.loop, top.sending.limit, top.sending.duration) == (5699, None, 3)
    assert top.predicted_pps == pytest.approx(12_254_902, abs=1)
    assert top.estimated_seconds == 13.0
    assert planned(KERNEL).estimated_seconds == 7.0
    assert paced.bench == top.bench == SETUP.bench


def test_the_command_of_a_planned_trial():
    def command(method: SendMethod, mode: str, value: float | None, **sending: object) -> list[str]:
        return engine(method.engine).command(planned(method, mode, value, **sending))

    assert command(NATIVE, "mbps", 1000.0, settings={"preload_pcap": True}) == [
        "tcpreplay", "--intf1=ens17", "--mbps=1000", "--loop=125", "--limit=8012821", "--preload-pcap", "--netmap",
        "--nm-delay=4", "/p/udp_port_scan_64.pcap",
    ]  # fmt: skip
    assert "--duration=3" in command(NATIVE, "topspeed", None)
    assert {"--mbps=10000", "--duration=3"} <= set(command(KERNEL, "mbps", 10_000.0))


@pytest.mark.parametrize(
    ("mode", "value", "named"),
    [
        ("pps", None, "pps: must be a number"),
        ("pps", 0, "pps 0"),
        ("mbps", "abc", "mbps 'abc'"),
        ("topspeed", 5, "no meaning at top speed"),
        ("warp", 9, "rate mode 'warp'"),
        # 1.49 packets are one, which tcpreplay sends at once.
        ("pps", 0.298, "pps 0.298: is less than 2 packets in 5 s, and one packet has no rate. Let .* last 7 s"),
    ],
)
def test_bad_rates_are_refused_by_name(mode, value, named):
    with pytest.raises(InputError, match=named):
        offered_load(mode, value)


def test_bad_durations_repeats_and_empty_lists_are_refused():
    with pytest.raises(InputError, match="whole seconds"):
        offered_load("topspeed", None, shared=setup(GBIT, paced=1, topspeed=1.5))
    with pytest.raises(InputError, match="benchmark_duration_paced 0"):
        offered_load("pps", 1, shared=setup(GBIT, paced=0, topspeed=1))
    with pytest.raises(InputError, match="benchmark_repeats 0"):
        plan([Combination(case(), KERNEL, "topspeed")], 0, SETUP)
    for what, given in {"cases": ([], [KERNEL], [{}]), "send methods": ([case()], [], [{}])}.items():
        with pytest.raises(InputError, match=f"{what} .*is empty, so there is nothing to send"):
            combine(*given)
    with pytest.raises(InputError, match="rates"):
        combine([case()], [KERNEL], [])


def test_a_plan_with_more_processes_than_the_engine_has_is_refused():
    with pytest.raises(InputError, match=r"processes 2: is not a number of processes that netmap can send with"):
        planned(SendMethod("netmap", "native", processes=2))
