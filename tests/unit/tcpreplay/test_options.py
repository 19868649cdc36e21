"""Which command lines are built, and which are refused before tcpreplay could accept them."""

from __future__ import annotations

import math

import pytest

from linerate.errors import InputError
from linerate.tcpreplay.options import ReplayOptions, build_argv


def argv(**given):
    return build_argv(ReplayOptions(interface="lrs0", pcap="/p/a.pcap", **given))


def test_paced_by_packets():
    assert argv(pps=20000.0, loop=2, limit=100000, preload_pcap=True) == [
        "tcpreplay", "--intf1=lrs0", "--pps=20000", "--loop=2", "--limit=100000", "--preload-pcap", "/p/a.pcap",
    ]  # fmt: skip


def test_top_speed_over_netmap():
    assert argv(topspeed=True, loop=0, duration=3, netmap=True, nm_delay=4, flow_stats=False) == [
        "tcpreplay", "--intf1=lrs0", "--topspeed", "--loop=0", "--duration=3", "--no-flow-stats", "--netmap",
        "--nm-delay=4", "/p/a.pcap",
    ]  # fmt: skip


def test_fractions_are_written_without_exponent():
    assert "--mbps=0.001" in argv(mbps=0.001)
    assert "--mbps=12345678" in argv(mbps=12345678.0)


@pytest.mark.parametrize("rate", ["abc", 0, -5, math.nan, math.inf, True])
def test_rates_that_tcpreplay_would_accept(rate):
    with pytest.raises(InputError, match=r"mbps .*: must be a number above 0"):
        argv(mbps=rate)


@pytest.mark.parametrize("name", ["pps", "mbps", "multiplier"])
@pytest.mark.parametrize("rate", [0.0009, 1e-300, 1.1e9, 1e300, 10**400])
def test_rates_that_tcpreplay_would_read_as_another(name, rate):
    with pytest.raises(InputError, match=f"{name} .*: must be"):
        argv(**{name: rate})


@pytest.mark.parametrize("name", ["loop", "limit", "duration", "nm_delay"])
@pytest.mark.parametrize("number", [2**63, 10**30, -1, 1.0, "7", True])
def test_numbers_that_are_too_large_or_none(name, number):
    with pytest.raises(InputError, match=f"{name} .*: must be"):
        argv(**{"topspeed": True, name: number})


def test_exclusive_options_are_refused_by_name():
    with pytest.raises(InputError, match="pps and topspeed exclude each other"):
        argv(pps=1, topspeed=True)
    with pytest.raises(InputError, match="mbps and multiplier exclude each other"):
        argv(mbps=1, multiplier=2)
    with pytest.raises(InputError, match="exactly one of pps, mbps, multiplier, topspeed"):
        argv()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"topspeed": True, "pps_multi": 4}, "pps_multi"),
        ({"topspeed": True, "loop": -1}, "loop"),
        ({"topspeed": True, "loop": 0}, "would never end"),
        ({"topspeed": True, "limit": 0}, "limit"),
        ({"topspeed": True, "duration": 1.5}, "duration"),
        ({"topspeed": True, "timer": "ioport"}, "timer"),
    ],
)
def test_options_that_need_others_or_bounds(given, named):
    with pytest.raises(InputError, match=named):
        argv(**given)


@pytest.mark.parametrize("name", ["", "-i", "a b", "eth0;reboot", "$(id)", "ens17\n", "a" * 16, "ä0"])
def test_interface_names_that_are_none(name):
    with pytest.raises(InputError, match="not a network interface name"):
        ReplayOptions(interface=name, pcap="/p", topspeed=True)


@pytest.mark.parametrize("name", ["-", "--topspeed", "a b;c.pcap"])
def test_a_file_name_is_never_an_option(name):
    options = ReplayOptions(interface="lo", pcap=name, topspeed=True)
    assert build_argv(options)[-1] == f"./{name}"
