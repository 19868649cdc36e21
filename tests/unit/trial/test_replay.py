"""The job of sending names its adapter with netmap, and with nothing else; and how it is watched."""

from __future__ import annotations

import pytest

from linerate.errors import InputError
from linerate.tcpreplay.options import ReplayOptions
from linerate.trial.replay import ReplayJob


@pytest.mark.parametrize(
    ("netmap", "adapter", "rule"),
    [(True, None, "is needed to send through netmap"), (False, "native", "has no meaning without netmap")],
)
def test_netmap_and_its_adapter_come_together(netmap, adapter, rule):
    options = ReplayOptions(interface="ens4", pcap="/p/a.pcap", topspeed=True, netmap=netmap)
    with pytest.raises(InputError, match=rule):
        ReplayJob(options, 10.0, adapter=adapter)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"interval_seconds": 0.0}, "interval_seconds 0.0: must be a number above 0"),
        ({"stall_seconds": 0.0}, "stall_seconds 0.0: must be a number above 0"),
        ({"stall_seconds": float("nan")}, "stall_seconds nan: must be a number above 0"),
    ],
)
def test_what_a_run_is_watched_by_is_a_time(given, rule):
    options = ReplayOptions(interface="ens4", pcap="/p/a.pcap", topspeed=True)
    with pytest.raises(InputError, match=rule):
        ReplayJob(options, 10.0, **given)
