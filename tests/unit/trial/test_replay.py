"""The job of sending names its adapter with netmap, and with nothing else."""

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
