"""Every trial of a run as a row of trials.csv: for a spreadsheet, the unit in the name of each column."""

from __future__ import annotations

import csv
import io
import shlex
from typing import Any

from ..results.model import RECEIVED, SENT, TrialResult
from ..results.run import Run
from ..trial.curve import Curve
from ..units import Rates, megabits
from .witness_text import loss_places

SIDES = (SENT, RECEIVED)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def trials_csv(run: Run) -> str:
    """A header and one row per ended trial, in full precision; a value that is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _text(value) for name, value in _row(trial).items()} for trial in run.trials)
    return text.getvalue()


def _text(value: Any) -> Any:
    """``value``; text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _row(trial: TrialResult) -> dict[str, Any]:
    offered, loss = trial.offered, trial.loss
    return {
        "trial_id": trial.trial_id,
        "sequence": trial.sequence,
        "repeat": trial.repeat,
        "started_at_utc": trial.started_at,
        "ended_at_utc": trial.ended_at,
        "case": trial.case.name,
        "engine": trial.engine,
        "adapter": trial.adapter.kind,
        "processes": trial.processes,
        "mean_frame_bytes_without_fcs": trial.case.mean_frame_length,
        "offered_mode": offered.mode,
        "offered_pps": offered.pps,
        "offered_pcap_mbit_per_s": offered.value if offered.mode == "mbps" else None,
        **_rates(SENT, trial.rates.sent),
        **_rates(RECEIVED, trial.rates.received),
        "sent_rate_measured_by": trial.timing.sent_rate,
        "received_rate_measured_by": trial.timing.received_rate,
        **_counts(trial),
        "loss_packets": loss.packets if loss else None,
        "loss_percent": loss.percent if loss else None,
        "loss_places": loss_places([loss]) if loss else "",
        **_curve(SENT, trial.curve.sent),
        **_curve(RECEIVED, trial.curve.received),
        "sender_cpu_percent": trial.sender_cpu_percent,
        "sender_core_busy_percent": trial.sender_core_busy_percent,
        "limit": trial.verdict.limit,
        "valid": _yes_no(trial.valid),
        "reasons": "; ".join(trial.verdict.reasons),
        "argv": shlex.join(trial.argv),
    }


def _counts(trial: TrialResult) -> dict[str, Any]:
    """Every counter along the path; ``witness_`` is the witness that decides, ``witnesses`` are all."""
    usable = [witness for witness in trial.witnesses if witness.usable]
    return {
        "claimed_packets": trial.claim.successful if trial.claim else None,
        "sender_nic_packets": trial.sender_nic.tx_packets,
        "receiver_nic_packets": trial.receiver_nic.rx_packets if trial.receiver_nic else None,
        "witness_packets": trial.witness.packets if trial.witness else None,
        "witness_method": trial.witness.method if trial.witness else "not witnessed",
        "witnesses": "; ".join(f"{witness.name} {witness.packets}" for witness in usable),
        "witnesses_agree": _yes_no(trial.witnesses_agree) if len(usable) > 1 else None,
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


def _curve(side: str, curve: Curve | None) -> dict[str, Any]:
    columns = {
        "sample_seconds": curve.interval_seconds if curve else None,
        "mean_pps": curve.mean_pps if curve else None,
        "min_pps": curve.min_pps if curve else None,
        "max_pps": curve.max_pps if curve else None,
        "cv_percent": curve.cv_percent if curve else None,
        "stability": curve.grade if curve else None,
    }
    return {f"{side}_curve_{name}": value for name, value in columns.items()}


FIELDS = (
    *("trial_id", "sequence", "repeat", "started_at_utc", "ended_at_utc", "case", "engine", "adapter", "processes"),
    *("mean_frame_bytes_without_fcs", "offered_mode", "offered_pps", "offered_pcap_mbit_per_s"),
    *(name for side in SIDES for name in _rates(side, None)),
    *("sent_rate_measured_by", "received_rate_measured_by"),
    *("claimed_packets", "sender_nic_packets", "receiver_nic_packets", "witness_packets", "witness_method"),
    *("witnesses", "witnesses_agree", "loss_packets", "loss_percent", "loss_places"),
    *(name for side in SIDES for name in _curve(side, None)),
    *("sender_cpu_percent", "sender_core_busy_percent", "limit", "valid", "reasons", "argv"),
)
