"""The plan in words: what each trial sends, by which command, and of which pcaps."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from .engines.registry import engine_of
from .model import Trial

_FEW_SECONDS = 120
_TASKS_SECONDS = 4.0
"""What the tasks around a trial of a search may take: its counts, its record, the choice of the next trial."""


def listing(trials: Sequence[Trial]) -> list[str]:
    """Two lines for each trial, the second its command, and the total."""
    lines = [line for trial in trials for line in (_line(trial), f"    {shlex.join(_command(trial))}")]
    packets = sum(_packets(trial) for trial in trials)
    octets = sum(_bytes(trial) for trial in trials)
    seconds = sum(trial.estimated_seconds for trial in trials)
    most = "at most " if any(_bound(trial) for trial in trials) else ""
    return [*lines, f"{len(trials)} trials: {most}{packets:,} packets, {_size(octets)}, about {seconds:,.0f} s"]


def searching(searches: Sequence[Mapping[str, Any]], trials: Sequence[Trial]) -> list[str]:
    """A line on the searches of a run, {most_seconds, most_trials, ceilings: ids of ``trials``}; none without any."""
    if not searches:
        return []
    around = {
        trial.trial_id: trial.estimated_seconds - trial.offered.duration_seconds + _TASKS_SECONDS for trial in trials
    }
    load = sum(search["most_seconds"] for search in searches)
    whole = load + sum(search["most_trials"] * max(around[one] for one in search["ceilings"]) for search in searches)
    number = sum(search["most_trials"] for search in searches)
    name = "search" if len(searches) == 1 else "searches"
    return [
        f"{len(searches)} {name} after these trials: at most {number:,} trials, which offer a load for {load:,.0f} s "
        f"and take {_duration(whole)}; most need less than a third of it"
    ]


def _duration(seconds: float) -> str:
    """Whole minutes, and hours where there are any; seconds where it is less than two minutes."""
    if seconds < _FEW_SECONDS:
        return f"{seconds:,.0f} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"


def _command(trial: Trial) -> list[str]:
    return engine_of(trial.method).command(trial)


def _line(trial: Trial) -> str:
    most = _bound(trial)
    return (
        f"{trial.trial_id}: {most}{_packets(trial):,} packets, {_size(_bytes(trial))}, in "
        f"{trial.offered.duration_seconds:g} s, {most}{trial.predicted_pps:,.0f} pps{_split(trial)}"
    )


def _split(trial: Trial) -> str:
    """Of several processes, the command shown is that of one that would send all."""
    count = trial.method.processes
    return "" if count == 1 else f", split by flow among {count} processes"


def _bound(trial: Trial) -> str:
    """At top speed only line rate is known, and no host is faster."""
    return "at most " if trial.offered.packets is None else ""


def _packets(trial: Trial) -> int:
    return trial.offered.packets or round(trial.predicted_pps * trial.offered.duration_seconds)


def _bytes(trial: Trial) -> float:
    return _packets(trial) * trial.case.mean_frame_length


def _size(octets: float) -> str:
    """In 10^6 bytes of the pcap's frames, as rates in pcap bytes count them."""
    return f"{octets / 1e6:,.1f} MB (pcap, no FCS)"


def pcaps_of(trials: Sequence[Trial]) -> list[dict[str, str]]:
    """The pcaps that the trials send, each once: ``path`` and ``sha256`` (hex)."""
    return [
        {"path": path, "sha256": sha256}
        for path, sha256 in {trial.case.pcap: trial.case.pcap_sha256 for trial in trials}.items()
    ]
