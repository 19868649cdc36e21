"""Every trial of a run as a row of trials.csv: for a spreadsheet, the unit in the name of each column."""

from __future__ import annotations

import csv
import io
import shlex
from typing import Any

from ..results.model import Run, Trial
from ..units import Rates, megabits
from .witness_text import loss_places

SIDES = ("sent", "received")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def trials_csv(run: Run) -> str:
    """A header and a row for each trial that has ended, in full precision; a value that is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _text(value) for name, value in _row(trial).items()} for trial in run.trials)
    return text.getvalue()


def _text(value: Any) -> Any:
    """``value``; text that a spreadsheet would take for a formula gets the mark of text before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _row(trial: Trial) -> dict[str, Any]:
    record = trial.record
    return {
        **{name: record[name] for name in ("trial_id", "sequence", "repeat")},
        "started_at_utc": record["started_at"],
        "ended_at_utc": record["ended_at"],
        "case": trial.case,
        "engine": record["engine"],
        "adapter": trial.adapter["kind"],
        "mean_frame_bytes_without_fcs": record["case"]["mean_frame_length"],
        "offered_mode": trial.mode,
        "offered_pps": trial.offered_pps,
        "offered_pcap_mbit_per_s": trial.offered_value if trial.mode == "mbps" else None,
        **_rates("sent", trial.sent),
        **_rates("received", trial.received),
        **_counts(trial),
        "loss_packets": trial.loss_packets,
        "loss_percent": trial.loss_percent,
        "loss_places": loss_places([trial]),
        **_curve("sent", trial.curve("sent")),
        **_curve("received", trial.curve("received")),
        "tcpreplay_cpu_percent": record["sender_cpu_percent"],
        "sender_core_busy_percent": record["sender_core_busy_percent"],
        "limit": trial.limit,
        "valid": _yes_no(trial.valid),
        "reasons": "; ".join(trial.reasons),
        "argv": shlex.join(record["argv"]),
    }


def _counts(trial: Trial) -> dict[str, Any]:
    """What each on the way counted, tcpreplay first; ``witness_`` is the one that judges, ``witnesses`` are all."""
    record = trial.record
    usable = [witness for witness in trial.witnesses if witness["usable"]]
    return {
        "claimed_packets": record["claim"]["successful"] if record["claim"] else None,
        "sender_nic_packets": record["sender_nic"]["tx_packets"],
        "receiver_nic_packets": record["receiver_nic"]["rx_packets"] if record["receiver_nic"] else None,
        "witness_packets": record["witness"]["packets"] if record["witness"] else None,
        "witness_method": record["witness"]["method"] if record["witness"] else "not witnessed",
        "witnesses": "; ".join(f"{witness['name']} {witness['packets']}" for witness in usable),
        "witnesses_agree": _yes_no(all(pair["within"] for pair in trial.witness_disagreement))
        if len(usable) > 1
        else None,
    }


def _yes_no(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _rates(side: str, rates: Rates | None) -> dict[str, Any]:
    return {
        f"{side}_pps": rates.pps if rates else None,
        f"{side}_l1_mbit_per_s": megabits(rates.l1_bps) if rates else None,
        f"{side}_l2_mbit_per_s": megabits(rates.l2_bps) if rates else None,
        f"{side}_pcap_mbit_per_s": megabits(rates.pcap_bps) if rates else None,
        f"{side}_line_rate_percent": rates.line_rate_percent if rates else None,
    }


def _curve(side: str, curve: dict[str, Any] | None) -> dict[str, Any]:
    names = {
        "interval_seconds": "sample_seconds",
        "mean_pps": "mean_pps",
        "min_pps": "min_pps",
        "max_pps": "max_pps",
        "cv_percent": "cv_percent",
        "grade": "stability",
    }
    return {f"{side}_curve_{shown}": curve[name] if curve else None for name, shown in names.items()}


FIELDS = (
    *("trial_id", "sequence", "repeat", "started_at_utc", "ended_at_utc", "case", "engine", "adapter"),
    *("mean_frame_bytes_without_fcs", "offered_mode", "offered_pps", "offered_pcap_mbit_per_s"),
    *(name for side in SIDES for name in _rates(side, None)),
    *("claimed_packets", "sender_nic_packets", "receiver_nic_packets", "witness_packets", "witness_method"),
    *("witnesses", "witnesses_agree", "loss_packets", "loss_percent", "loss_places"),
    *(name for side in SIDES for name in _curve(side, None)),
    *("tcpreplay_cpu_percent", "sender_core_busy_percent", "limit", "valid", "reasons", "argv"),
)
