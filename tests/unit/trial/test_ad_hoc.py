"""A single trial without a plan: each simple option has its place, and errors name options as the user wrote them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from linerate.errors import InputError
from linerate.trial.ad_hoc import DEFAULTS, REQUIRED, ad_hoc_trial
from linerate.trial.engines.registry import engine
from linerate.trial.model import Offered, Sending, SendMethod, Trial

GIVEN = {
    "interface": "ens4",
    "pcap": "/p/a.pcap",
    "allow_destinations": ["198.18.0.0/15", "02:00:00:00:00:02"],
    "deadline_seconds": 10.0,
}


def trial(**options: Any) -> Trial:
    """An ad-hoc trial at top speed, or with the pacing of ``options``."""
    paced = any(name in options for name in ("pps", "mbps", "multiplier", "topspeed"))
    return ad_hoc_trial({**GIVEN, **({} if paced else {"topspeed": True}), **options})


def command(made: Trial) -> list[str]:
    return engine(made.method.engine).command(made)


def test_options_that_are_not_given_have_the_defaults_of_a_planned_trial():
    made = trial()
    assert (made.method, made.offered) == (SendMethod("kernel"), Offered("topspeed", None, None, None, 10.0, 10.0))
    assert replace(made.sending, settings={}) == Sending("ens4")
    assert (made.case.name, made.case.pcap, made.case.pcap_sha256) == ("a.pcap", "/p/a.pcap", "")
    assert made.bench.allow_destinations == ("198.18.0.0/15", "02:00:00:00:00:02")
    assert made.bench.receiver_mtu is None
    assert command(made) == ["tcpreplay", "--intf1=ens4", "--topspeed", "--loop=1", "/p/a.pcap"]
    # As Ansible passes options that are not given.
    assert ad_hoc_trial({**DEFAULTS, **GIVEN, "topspeed": True}) == made


def test_every_option_reaches_the_trial():
    made = trial(
        pcap_sha256="ab" * 32,
        receiver_mtu=9000,
        pps=1000.5,
        pps_multi=4,
        loop=0,
        limit=500,
        duration=7,
        preload_pcap=True,
        flow_stats=False,
        timer="gtod",
        netmap=True,
        adapter="emulated",
        nm_delay=3,
        executable="/opt/tcpreplay",
        interval_seconds=0.25,
        cpu=1,
        stall_seconds=9.0,
    )
    assert made.sending == Sending(
        interface="ens4",
        executable="/opt/tcpreplay",
        loop=0,
        limit=500,
        duration=7,
        nm_delay=3,
        stall_seconds=9.0,
        sample_interval=0.25,
        settings={"pps_multi": 4, "preload_pcap": True, "flow_stats": False, "timer": "gtod"},
        cpu=1,
    )
    assert made.method == SendMethod("netmap", "emulated")
    assert made.offered == Offered("pps", 1000.5, 1000.5, 500, 10.0, 10.0)
    assert (made.case.pcap_sha256, made.bench.receiver_mtu) == ("ab" * 32, 9000)
    assert command(made) == [
        "/opt/tcpreplay", "--intf1=ens4", "--pps=1000.5", "--loop=0", "--pps-multi=4", "--limit=500", "--duration=7",
        "--timer=gtod", "--preload-pcap", "--no-flow-stats", "--netmap", "--nm-delay=3", "/p/a.pcap",
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "value"), [("pps", 50.0), ("mbps", 2.5), ("multiplier", 0.5)])
def test_each_kind_of_pacing_is_the_offered_load_and_an_option_of_tcpreplay(mode, value):
    made = trial(**{mode: value})
    assert (made.offered.mode, made.offered.value) == (mode, value)
    assert made.offered.pps == (value if mode == "pps" else None)
    assert f"--{mode}={value:g}" in command(made)


def test_the_trial_survives_json():
    made = trial(netmap=True, adapter="native", preload_pcap=True)
    assert Trial.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("netmap", "adapter", "rule"),
    [(True, None, "is needed to send through netmap"), (False, "native", "has no meaning without netmap")],
)
def test_netmap_and_its_adapter_are_given_together(netmap, adapter, rule):
    with pytest.raises(InputError, match=rule):
        trial(netmap=netmap, adapter=adapter)


def test_an_unknown_adapter_is_refused_by_name():
    with pytest.raises(InputError, match="adapter 'warp': must be one of native, emulated"):
        trial(netmap=True, adapter="warp")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"topspeed": False}, "pacing []: none is given. Give exactly one of pps, mbps, multiplier, topspeed."),
        ({"pps": 5.0, "mbps": 1.0}, "pacing ['pps', 'mbps']: pps and mbps exclude each other. Give exactly one of"),
        ({"multiplier": 2.0, "topspeed": True}, "multiplier and topspeed exclude each other"),
        # A rate of 0 is one that was given, and is not top speed.
        ({"pps": 0.0, "topspeed": True}, "pps and topspeed exclude each other"),
        ({"pps": 0.0}, "pps 0.0: must be a number above 0"),
        ({"mbps": float("nan")}, "mbps nan: must be a number above 0"),
        ({"multiplier": -1.0}, "multiplier -1.0: must be a number above 0"),
    ],
)
def test_exactly_one_usable_pacing_is_given(given, message):
    with pytest.raises(InputError) as refused:
        trial(**given)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"interval_seconds": 0.0}, "interval_seconds 0.0: must be a number above 0"),
        ({"interval_seconds": 0.001}, "interval_seconds 0.001: must be 0.01 to 3,600"),
        ({"stall_seconds": 0.0}, "stall_seconds 0.0: must be a number above 0"),
        ({"stall_seconds": float("nan")}, "stall_seconds nan: must be a number above 0"),
        ({"stall_seconds": 3601.0}, "stall_seconds 3601.0: must be 0 to 3,600"),
        ({"deadline_seconds": 0.0}, "deadline_seconds 0.0: must be a number above 0"),
        ({"deadline_seconds": 1e9}, "deadline_seconds 1000000000.0: must be 0 to 1,209,600"),
        ({"loop": -1}, "loop -1: must be a whole number of at least 0"),
        ({"loop": 0}, "loop 0: would never end"),
        ({"limit": 0}, "limit 0: must be a whole number of at least 1"),
        ({"nm_delay": 601}, "nm_delay 601: must be at most 600"),
        ({"pps_multi": 2}, "pps_multi 2: needs pps"),
        ({"timer": "rdtsc"}, "timer 'rdtsc': must be one of select, gtod, nano"),
        ({"interface": "--x"}, "interface '--x': is not a network interface name"),
        ({"pcap": ""}, "pcap '': is not a file name"),
    ],
)
def test_bad_options_are_refused_by_the_name_that_the_user_wrote(given, rule):
    with pytest.raises(InputError) as refused:
        trial(**given)
    assert rule in str(refused.value)


def test_each_field_of_sending_can_be_set_by_an_option():
    """A new field of Sending must be an option, too, or be left out here on purpose."""
    optional = {field.name for field in fields(Sending)} - {"settings", "interface", "sample_interval"}
    assert optional <= set(DEFAULTS)
    assert set(GIVEN) == set(REQUIRED)


def test_xdp_is_a_method_with_an_adapter_of_its_own():
    assert trial(xdp=True, adapter="copy").method == SendMethod("xdp", "copy")
    assert trial(xdp=True, adapter="zerocopy", xdp_attach_ok=True).method == SendMethod("xdp", "zerocopy")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "adapter: is needed to send through xdp"),
        ({"adapter": "native"}, "adapter 'native': must be one of copy, zerocopy"),
        ({"adapter": "copy", "netmap": True}, "xdp True: excludes netmap"),
        ({"adapter": "zerocopy"}, "adapter 'zerocopy': attaches an XDP program, .* Permit it by xdp_attach_ok"),
    ],
)
def test_xdp_is_refused_where_it_makes_no_sense(given, message):
    with pytest.raises(InputError, match=message):
        trial(xdp=True, **given)
