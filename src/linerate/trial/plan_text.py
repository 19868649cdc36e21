"""The plan in words: what each trial will send, by which command, and of which pcaps."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any


def listing(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """Two lines for each prepared trial, the second its command, and the total."""
    lines = [line for trial in trials for line in (_line(trial), f"    {shlex.join(trial['argv'])}")]
    packets = sum(_packets(trial) for trial in trials)
    octets = sum(_bytes(trial) for trial in trials)
    seconds = sum(trial["planned"]["estimated_seconds"] for trial in trials)
    most = "at most " if any(_bound(trial) for trial in trials) else ""
    return [*lines, f"{len(trials)} trials: {most}{packets:,} packets, {_size(octets)}, about {seconds:,.0f} s"]


def _line(trial: Mapping[str, Any]) -> str:
    planned = trial["planned"]
    most = _bound(trial)
    return (
        f"{planned['trial_id']}: {most}{_packets(trial):,} packets, {_size(_bytes(trial))}, in "
        f"{planned['offered']['duration_seconds']:g} s, {most}{planned['predicted_pps']:,.0f} pps"
    )


def _bound(trial: Mapping[str, Any]) -> str:
    """At top speed only line rate is known, and no host is faster."""
    return "at most " if trial["planned"]["offered"]["packets"] is None else ""


def _packets(trial: Mapping[str, Any]) -> int:
    offered = trial["planned"]["offered"]
    packets: int | None = offered["packets"]
    return packets or round(trial["planned"]["predicted_pps"] * offered["duration_seconds"])


def _bytes(trial: Mapping[str, Any]) -> float:
    length: float = trial["planned"]["case"]["mean_frame_length"]
    return _packets(trial) * length


def _size(octets: float) -> str:
    """In 10^6 bytes of the pcap's frames, as rates in pcap bytes count them."""
    return f"{octets / 1e6:,.1f} MB (pcap, no FCS)"


def pcaps_of(trials: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The pcaps that prepared trials send, each once: ``path`` and ``sha256`` (hex)."""
    cases = (trial["planned"]["case"] for trial in trials)
    return [
        {"path": path, "sha256": sha256}
        for path, sha256 in {case["pcap"]: case["pcap_sha256"] for case in cases}.items()
    ]
