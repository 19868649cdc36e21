"""tcpreplay through netmap: its command, its phases, its times, and whose counters are true."""

from __future__ import annotations

import pytest
from trial_records import EMULATED, NATIVE, planned

from linerate.trial.engines.base import CLOSING, OPENING, SENDING
from linerate.trial.engines.netmap.session import NetmapSession
from linerate.trial.engines.registry import engine
from linerate.trial.evidence import Adapter

ENGINE = engine("netmap")
OPENED = "Switching network driver for ens4 to netmap bypass mode... done!\n"
RESTORING = "Switching network driver for ens4 to normal mode... "


@pytest.mark.parametrize("method", [NATIVE, EMULATED])
def test_the_command_requests_netmap_and_no_adapter(method):
    """tcpreplay cannot choose the adapter: the session forces it."""
    assert ENGINE.command(planned(method, nm_delay=4)) == [
        "tcpreplay", "--intf1=ens17", "--pps=20000", "--loop=2", "--limit=100000", "--netmap", "--nm-delay=4",
        "/p/udp_port_scan_64.pcap",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ENGINE.adapters)
def test_the_session_forces_the_adapter_of_the_trial(kind):
    trial = planned(NATIVE if kind == "native" else EMULATED)
    session = ENGINE.session(trial, ENGINE.command(trial), run=None)
    assert isinstance(session, NetmapSession)
    assert session._kind == kind


@pytest.mark.parametrize(
    ("messages", "phase"),
    [
        ("", OPENING),
        ("Switching network driver for ens4 to netmap bypass mode... ", OPENING),
        (OPENED, SENDING),
        (f"{OPENED}File Cache is enabled\n", SENDING),
        (OPENED + RESTORING, CLOSING),
        (f"{OPENED}{RESTORING}done!\n", CLOSING),
    ],
)
def test_the_phase_of_a_run_follows_from_its_messages(messages, phase):
    assert ENGINE.phase(messages) == phase


def test_opening_and_closing_the_nic_take_time():
    assert (ENGINE.switching_seconds(4), ENGINE.closing_seconds(4)) == (8, 34)
    assert ENGINE.counter_delay_seconds == 2


def test_only_a_native_adapter_bypasses_the_kernels_counters():
    assert ENGINE.bypasses_kernel_counters("native")
    assert not ENGINE.bypasses_kernel_counters("emulated")


@pytest.mark.parametrize(
    ("found", "paced", "limit"),
    [
        ("emulated", False, "emulated adapter"),
        ("emulated", True, None),
        ("native", False, None),
        (None, False, None),
    ],
)
def test_a_busy_core_means_the_emulated_adapter_at_top_speed(found, paced, limit):
    assert ENGINE.core_limit(Adapter("emulated", found), paced) == limit
