"""The sender's command line: what one side writes, the other reads; what makes no sense is refused by name."""

from __future__ import annotations

import pytest

from linerate.errors import InputError
from linerate.xdp.options import SenderOptions

GIVEN = [
    {"pps": 20_000.0, "limit": 100},
    {"mbps": 0.125, "loop": 3, "queue": 2, "cpu": 1},
    {"multiplier": 1e-3, "zerocopy": True},
    {"topspeed": True, "loop": 0, "duration": 3, "gate": "/run/gate", "memory_limit": 1 << 30},
    {"line_percent": 99.5, "link_bps": 1e10},
]


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_a_command_line_gives_the_same_options(given):
    options = SenderOptions(interface="lrs0", pcap="/p/two words.pcap", **given)
    argv = options.to_argv()
    assert argv[:2] == ["--interface=lrs0", "--pcap=/p/two words.pcap"]
    assert SenderOptions.of_argv(argv) == options


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "pacing .*none is given"),
        ({"pps": 1.0, "topspeed": True}, "pps and topspeed exclude each other"),
        ({"pps": 0}, "pps 0: must be a number above 0"),
        ({"mbps": float("nan")}, "mbps nan: must be a number"),
        ({"topspeed": True, "loop": 0}, "loop 0: would never end"),
        ({"topspeed": True, "loop": -1}, "loop -1"),
        ({"topspeed": True, "limit": 0}, "limit 0"),
        ({"topspeed": True, "duration": 0}, "duration 0"),
        ({"topspeed": True, "queue": -1}, "queue -1"),
        ({"line_percent": 50.0}, "line_percent 50.0: needs link_bps"),
        ({"topspeed": True, "link_bps": 1e9}, "line_percent"),
    ],
)
def test_what_makes_no_sense_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        SenderOptions(interface="lrs0", pcap="/p/a.pcap", **given)
