"""tcpreplay through the kernel: its command, what it counts, and the gaps between its packets."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from trial_records import KERNEL, NATIVE, planned

from linerate.errors import InputError
from linerate.pcap.split import MOST_PARTS
from linerate.tcpreplay.supervise import Outcome
from linerate.trial.engines.base import SENDING
from linerate.trial.engines.registry import engine
from linerate.trial.evidence import Adapter
from linerate.trial.model import Offered
from linerate.trial.nic_session import NicSession

FIXTURES = Path(__file__).parents[3] / "fixtures/tcpreplay"
ENGINE = engine("kernel")


def test_the_command_has_the_load_the_bounds_and_the_settings_of_the_trial():
    settings = {"pps_multi": 4, "preload_pcap": True, "flow_stats": False, "timer": "nano"}
    assert ENGINE.command(planned(KERNEL, settings=settings, executable="/opt/tcpreplay")) == [
        "/opt/tcpreplay", "--intf1=ens17", "--pps=20000", "--loop=2", "--pps-multi=4", "--limit=100000",
        "--timer=nano", "--preload-pcap", "--no-flow-stats", "/p/udp_port_scan_64.pcap",
    ]  # fmt: skip
    assert ENGINE.command(planned(KERNEL, "topspeed", None)) == [
        "tcpreplay", "--intf1=ens17", "--topspeed", "--loop=5699", "--duration=3", "/p/udp_port_scan_64.pcap",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["kernel", "netmap"])
@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        *(
            (one, "must be one of pps_multi, preload_pcap, flow_stats, timer")
            for one in (
                "warp",
                "interface",
                "pcap",
                "pps",
                "topspeed",
                "loop",
                "limit",
                "duration",
                "netmap",
                "nm_delay",
            )
        ),
        (
            "unique_ip",
            "would send to other destinations than the pcap's, past those that are allowed and those counted",
        ),
    ],
)
def test_a_setting_that_is_planned_unknown_or_unsafe_is_refused_by_name(name, setting, rule):
    with pytest.raises(InputError) as refused:
        engine(name).command(planned(KERNEL if name == "kernel" else NATIVE, settings={setting: 1}))
    assert str(refused.value) == f"benchmark_replay_settings {setting!r}: {rule}. Leave it out."


def test_a_bad_value_of_a_setting_is_refused_by_name():
    with pytest.raises(InputError, match="timer 'rdtsc': must be one of select, gtod, nano"):
        ENGINE.command(planned(settings={"timer": "rdtsc"}))
    with pytest.raises(InputError, match="pps_multi 4: needs pps"):
        ENGINE.command(planned(KERNEL, "topspeed", None, settings={"pps_multi": 4}))


@pytest.mark.parametrize(
    ("mode", "value", "settings", "gap"),
    [
        ("topspeed", None, {}, 0.0),
        ("pps", 20_000.0, {}, 0.00005),
        ("pps", 20_000.0, {"pps_multi": 500}, 0.025),
        # The longest frame at that rate.
        ("mbps", 1.0, {}, 0.52428),
        ("multiplier", 2.0, {}, math.inf),
    ],
)
def test_the_longest_time_between_two_packets(mode, value, settings, gap):
    trial = planned(settings=settings)
    load = Offered(mode, value, value if mode == "pps" else None, None, 5.0, 21.25)
    assert ENGINE.gap_seconds(replace(trial, offered=load)) == pytest.approx(gap)


def test_the_kernel_needs_nothing_of_the_nic_and_its_counters_are_true():
    assert (ENGINE.adapters, ENGINE.max_processes) == ((), MOST_PARTS)
    assert (ENGINE.switching_seconds(10), ENGINE.closing_seconds(10), ENGINE.counter_delay_seconds) == (0, 0, 0)
    assert not ENGINE.bypasses_kernel_counters(None)
    assert ENGINE.phase("Switching network driver for ens4 to netmap bypass mode... done!\n") == SENDING
    assert ENGINE.core_limit(Adapter(None), paced=False) is None
    trial = planned()
    assert type(ENGINE.session(trial, ENGINE.command(trial), run=None)) is NicSession


def outcome(stdout: str, stderr: str = "") -> Outcome:
    return Outcome(0, (), False, None, 1.0, stdout, stderr, len(stderr))


def test_its_own_count_is_read_from_complete_statistics():
    claim, error = ENGINE.read_claim(outcome((FIXTURES / "bad_mbps.txt").read_text()))
    assert error is None
    assert claim is not None
    assert (claim.packets, claim.bytes, claim.successful, claim.failed) == (1000, 78_000, 1000, 0)
    assert (claim.seconds, claim.interrupted) == (0.008734, False)
    # 10^6 bit/s of pcap bytes.
    assert claim.mbps == pytest.approx(8 * 78_000 / 0.008734 / 1e6, rel=1e-3)


@pytest.mark.parametrize(
    ("stdout", "stderr", "error"),
    [
        ("", "", "tcpreplay output holds no complete statistics: [^(]*"),
        (
            "",
            "Fatal Error: failed to open device lrs9",
            r"tcpreplay output holds no complete statistics: .* \(stderr: failed to open device lrs9\)",
        ),
        ("Actual: 5 packets", "", "tcpreplay output holds no complete statistics: .*"),
    ],
)
def test_without_complete_statistics_there_is_a_reason_and_no_count(stdout, stderr, error):
    claim, reason = ENGINE.read_claim(outcome(stdout, stderr))
    assert claim is None
    assert reason
    assert re.fullmatch(error, reason)
