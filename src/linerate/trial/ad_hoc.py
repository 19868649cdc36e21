"""A trial of its own, without a plan: the second path to the one type that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ..errors import InputError
from ..receiver.sampler import LEAST_INTERVAL, MOST_INTERVAL
from ..tcpreplay.options import NM_DELAY
from ..validate import MOST_SECONDS, check_rate
from .engines.registry import engine, engine_of
from .loads import refuse_shared
from .model import (
    MOST_STALL,
    SAMPLE_INTERVAL,
    STALL_SECONDS,
    TCPREPLAY,
    Bench,
    Case,
    LineRate,
    Offered,
    Port,
    Sending,
    SendMethod,
    Trial,
)

PACING = ("pps", "mbps", "multiplier")
SETTINGS = ("pps_multi", "preload_pcap", "flow_stats", "timer")
SENDING = {
    **{name: name for name in ("executable", "loop", "limit", "duration", "nm_delay", "stall_seconds", "cpu")},
    "interval_seconds": "sample_interval",
}
"""Options that are fields of Sending, with their name there."""


DEFAULTS: Mapping[str, Any] = {
    "pcap_sha256": None,
    "receiver_mtu": None,
    "pps": None,
    "mbps": None,
    "multiplier": None,
    "topspeed": False,
    "pps_multi": None,
    "loop": 1,
    "limit": None,
    "duration": None,
    "preload_pcap": False,
    "flow_stats": True,
    "timer": None,
    "netmap": False,
    "xdp": False,
    "xdp_attach_ok": False,
    "adapter": None,
    "nm_delay": NM_DELAY,
    "executable": TCPREPLAY,
    "interval_seconds": SAMPLE_INTERVAL,
    "cpu": None,
    "stall_seconds": STALL_SECONDS,
    "processes": 1,
}
"""What holds for an option that is not given; the others are required."""
REQUIRED = ("interface", "pcap", "allow_destinations", "deadline_seconds")


def ad_hoc_trial(options: Mapping[str, Any]) -> Trial:
    """The trial of simple options, named as linerate_replay names them. InputError where one is not usable.

    It has no place in a run, so nothing can judge it: its case holds no more than the pcap's path and SHA-256.
    """
    given = {**DEFAULTS, **options}
    interface, seconds = given["interface"], given["deadline_seconds"]
    check_rate("deadline_seconds", seconds, most=2 * MOST_SECONDS)
    check_rate("interval_seconds", given["interval_seconds"], LEAST_INTERVAL, MOST_INTERVAL)
    check_rate("stall_seconds", given["stall_seconds"], most=MOST_STALL)
    trial = Trial(
        sequence=1,
        trial_id="ad-hoc",
        repeat=1,
        case=Case(PurePath(given["pcap"]).name, given["pcap"], given["pcap_sha256"] or "", 0, 0, 0, 0, ()),
        method=_method(given),
        offered=_offered(given),
        predicted_pps=0,
        estimated_seconds=seconds,
        sending=Sending(
            interface=interface,
            settings=_given(given, {name: name for name in SETTINGS}),
            **_given(given, SENDING),
        ),
        bench=Bench(
            run_id="ad-hoc",
            sender=Port("here", interface),
            receiver=None,
            receiver_mtu=given["receiver_mtu"],
            allow_destinations=tuple(given["allow_destinations"]),
            witnesses=(),
            line_rate=LineRate(0, "assumed"),
            versions={},
            fingerprint="",
        ),
    )
    engine_of(trial.method).command(trial)
    refuse_shared(trial.offered.mode, trial.method.processes)
    return trial


def _given(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {field: given[name] for name, field in names.items() if given[name] is not None}


def _method(given: Mapping[str, Any]) -> SendMethod:
    names = [name for name in ("netmap", "xdp") if given[name]] or ["kernel"]
    if len(names) > 1:
        raise InputError("xdp", True, "excludes netmap", "Give one of them.")
    (name,), adapter = names, given["adapter"]
    adapters = engine(name).adapters
    if bool(adapters) != (adapter is not None):
        rule = f"is needed to send through {name}" if adapters else "has no meaning without netmap or xdp"
        raise InputError("adapter", adapter, rule, "Give netmap or xdp, and an adapter, together.")
    if adapter is not None and adapter not in adapters:
        raise InputError("adapter", adapter, f"must be one of {', '.join(adapters)}", "Choose one of them.")
    if adapter == "zerocopy" and not given["xdp_attach_ok"]:
        rule = "attaches an XDP program, which resets the NIC's rings"
        raise InputError("adapter", adapter, rule, "Permit it by xdp_attach_ok.")
    return SendMethod(name, adapter, given["processes"])


def _offered(given: Mapping[str, Any]) -> Offered:
    modes = [name for name in PACING if given[name] is not None] + ["topspeed"] * bool(given["topspeed"])
    if len(modes) != 1:
        rule = f"{' and '.join(modes)} exclude each other" if modes else "none is given"
        raise InputError("pacing", modes, rule, f"Give exactly one of {', '.join((*PACING, 'topspeed'))}.")
    value = None if modes[0] == "topspeed" else given[modes[0]]
    seconds = given["deadline_seconds"]
    return Offered(modes[0], value, given["pps"], given["limit"], seconds, seconds)
