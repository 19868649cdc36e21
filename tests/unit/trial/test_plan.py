"""What a scenario becomes: counts, loops, deadlines, order, and refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from linerate.errors import InputError
from linerate.receiver.process import LONGEST_SOCKET_PATH, socket_path
from linerate.tcpreplay.options import build_argv
from linerate.trial.journal import name_of
from linerate.trial.plan import Asked, Case, Sending, Way, offer, plan, product, replay_options
from linerate.units import GBIT

SCHEMA = Path(__file__).parents[3] / "schemas/trial.schema.json"
SENDING = Sending({"paced": 5.0, "topspeed": 3.0}, 10 * GBIT, nm_delay=4)


def case(name: str = "udp_port_scan_64", length: int = 78) -> Case:
    return Case(name, f"/p/{name}.pcap", "0" * 64, 64_511, float(length), length, length)


def test_a_paced_trial_is_counted_out():
    offered, loop = offer(case(), "pps", 20_000, SENDING, "kernel")
    assert (offered.packets, offered.pps, loop) == (100_000, 20_000, 2)


def test_mbps_counts_pcap_bytes():
    offered, _ = offer(case(length=1514), "mbps", 9843.95, SENDING, "kernel")
    assert offered.pps == pytest.approx(812_744, abs=1)


def test_top_speed_is_bounded_by_time_and_by_the_loops_of_line_rate():
    offered, loop = offer(case(), "topspeed", None, SENDING, "kernel")
    assert (offered.packets, offered.pps) == (None, None)
    assert loop == -(-12_254_902 * 3 // 64_511)


def test_netmap_gets_the_time_it_waits_for_the_link():
    by_kernel, _ = offer(case(), "pps", 20_000, SENDING, "kernel")
    by_netmap, _ = offer(case(), "pps", 20_000, SENDING, "netmap")
    assert by_netmap.deadline_seconds - by_kernel.deadline_seconds == 8


def test_a_slow_host_may_be_given_a_longer_deadline():
    usual, _ = offer(case(), "topspeed", None, Sending({"topspeed": 3.0}, GBIT), "kernel")
    slow, _ = offer(case(), "topspeed", None, Sending({"topspeed": 3.0}, GBIT, deadline_margin=300), "kernel")
    assert slow.deadline_seconds - usual.deadline_seconds == 285
    with pytest.raises(InputError, match="deadline margin -1"):
        offer(case(), "topspeed", None, Sending({"topspeed": 3.0}, GBIT, deadline_margin=-1), "kernel")


def test_a_load_above_the_line_rate_is_bounded_by_time():
    offered, loop = offer(case(length=1514), "mbps", 10_000, SENDING, "kernel")
    assert (offered.packets, offered.duration_seconds, offered.paced_pps) == (None, 3.0, None)
    assert offered.pps == pytest.approx(825_627, abs=1)
    assert loop == -(-812_744 * 3 // 64_511)
    below, _ = offer(case(length=1514), "mbps", 9_800, SENDING, "kernel")
    assert below.paced_pps == below.pps


def test_what_is_compared_stands_side_by_side_and_turns_round_with_every_repeat():
    rates = [{"mode": "pps", "value": 20_000.0}, {"mode": "topspeed", "value": None}]
    ways = [Way("kernel"), Way("netmap", "native"), Way("netmap", "emulated")]
    trials = plan(product([case("a"), case("b b")], ways, rates), 3, SENDING)
    assert len(trials) == 36
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
    ],
)
def test_a_trial_is_named_by_its_rate_as_tcpreplay_takes_it_and_the_longest_name_has_room(mode, value, label):
    """The name is part of a journal's, a socket's and a result's, and is held against the schema."""
    asked = [Asked(case("n" * 300), Way("netmap", "emulated"), mode, value)]
    last = plan(asked, 1000, Sending({"paced": 5000.0, "topspeed": 3.0}, 10 * GBIT))[-1].trial_id
    assert last == f"1000-{'n' * 80}-netmap-emulated-{label}-r1000"
    assert re.search(json.loads(SCHEMA.read_text())["properties"]["trial_id"]["pattern"], last)
    journal = name_of({"context": {"run_id": "r" * 100}, "planned": {"trial_id": last}})
    assert len(f"{journal}.jsonl") <= 255
    assert len(str(socket_path(f"{last}.10"))) <= LONGEST_SOCKET_PATH
    assert socket_path(f"{last}.10") != socket_path(f"{last}.11")


def test_listed_trials_of_one_load_are_brought_together():
    kernel, native = Way("kernel"), Way("netmap", "native")
    asked = [Asked(case(name), way, "mbps", 5.0) for way in (native, kernel) for name in ("a", "b")]
    names = [trial.trial_id for trial in plan(asked, 2, SENDING)]
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


def test_the_command_line_of_a_planned_trial():
    rates = [{"mode": "mbps", "value": 1000.0}, {"mode": "topspeed", "value": None}]
    paced, top = plan(product([case()], [Way("netmap", "native")], rates), 1, SENDING)
    assert build_argv(replay_options(paced, "ens17", 4, preload_pcap=True)) == [
        "tcpreplay", "--intf1=ens17", "--mbps=1000", "--loop=125", "--limit=8012821", "--preload-pcap", "--netmap",
        "--nm-delay=4", "/p/udp_port_scan_64.pcap",
    ]  # fmt: skip
    assert "--duration=3" in build_argv(replay_options(top, "ens17", 4))
    (above,) = plan([Asked(case(), Way("kernel"), "mbps", 10_000.0)], 1, SENDING)
    assert {"--mbps=10000", "--duration=3"} <= set(build_argv(replay_options(above, "ens17", 4)))


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
        offer(case(), mode, value, SENDING, "kernel")


def test_bad_bounds_are_refused():
    with pytest.raises(InputError, match="whole seconds"):
        offer(case(), "topspeed", None, Sending({"paced": 1, "topspeed": 1.5}, GBIT), "kernel")
    with pytest.raises(InputError, match="duration 0"):
        offer(case(), "pps", 1, Sending({"paced": 0, "topspeed": 1}, GBIT), "kernel")
    with pytest.raises(InputError, match="repeats 0"):
        plan([Asked(case(), Way("kernel"), "topspeed")], 0, SENDING)
    with pytest.raises(InputError, match="rates"):
        product([case()], [Way("kernel")], [])
