"""The summary of a run as data: summary.json (schemas/summary.schema.json)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..results.compare import Comparison, Ratio, compare_methods, member
from ..results.compare_runs import RunsCompared
from ..results.curves import group_curve
from ..results.groups import Group, group_trials
from ..results.model import RECEIVED, SENT
from ..results.reference import LINK_BPS, ReferenceRow, with_reference
from ..results.run import Run
from ..results.statistics import METHOD
from .comparison import estimate_data, sentence
from .findings import verdict
from .gates import gates
from .references import why_not
from .run_comparison import change_json
from .searches import searches_data

SCHEMA = "linerate-summary/1"
UNITS = {
    "pps": "packets per second",
    "pcap_bps": "bit/s of frames as a pcap holds them, without FCS: tcpreplay's Mbps are 10^6 of these",
    "l2_bps": "bit/s of frames with FCS",
    "l1_bps": "bit/s of frames with FCS, preamble and inter-frame gap, which line_rate_percent counts",
    "pcap_mbps": "10^6 bit/s of frames without FCS",
    "frame_length": "bytes without FCS",
}


def summary_data(run: Run, change: RunsCompared | None = None) -> dict[str, Any]:
    """The summary as plain data, with the ``change`` against the previous run.

    Equal runs give equal data: it does not contain the current time.
    """
    info, groups = run.info, group_trials(run.listed)
    return {
        "schema": SCHEMA,
        "run_id": run.run_id,
        "scenario": info.scenario,
        "created_at": info.created_at,
        "fingerprint": info.environment.fingerprint,
        "verdict": verdict(run),
        "trials": {
            "planned": len(info.plan.trials),
            "ended": len(run.trials),
            "valid": len(run.valid),
        },
        "gates": [asdict(gate) for gate in gates(run)],
        "units": UNITS,
        "interval": {"level_percent": 95, "method": METHOD},
        "searches": searches_data(run),
        "previous": change_json(change) if change else None,
        "results": [_result(group, run.has_line_rate) for group in groups],
        "comparisons": [comparison_data(found) for found in compare_methods(groups)],
        "reference": [_reference(row) for row in with_reference(run, groups)],
        "unavailable": [item.to_json() for item in info.plan.unavailable],
    }


def comparison_data(found: Comparison) -> dict[str, Any]:
    """One case at one offered load, by every method that sent it."""
    return {
        "case": found.group.case_name,
        "offered": _offered(found.group),
        "send_methods": [one.method.name for one in found.members],
        "ratios": [_ratio(found, pair) for pair in found.ratios],
    }


def _ratio(found: Comparison, pair: Ratio) -> dict[str, Any]:
    """A ratio of packet rates, and the sentence that states it."""
    return {
        "of": pair.of.name,
        "to": pair.to.name,
        "counted": pair.counted,
        "ratio": estimate_data(pair.ratio),
        "paced": pair.paced,
        "lost_at": list(pair.lost_at),
        "sent": estimate_data(pair.sent),
        "sentence": sentence(found, pair),
    }


def _result(group: Group, has_line_rate: bool) -> dict[str, Any]:
    found, curve = member(group), group_curve(group)
    case = group.case
    return {
        "case": group.case_name,
        "send_method": found.method.name,
        "offered": _offered(group),
        "frame_length": {"mean": case.mean_frame_length, "min": case.min_frame_length, "max": case.max_frame_length},
        "trials": len(group.trials),
        "valid": len(group.valid),
        "counted": found.counted if found.pps else None,
        "pps": estimate_data(found.pps),
        "sent": _medians(group, SENT, has_line_rate),
        "received": _medians(group, RECEIVED, has_line_rate),
        "worst_loss_percent": group.worst_loss_percent,
        "limits": list(group.limits),
        "curve": asdict(curve) if curve else None,
    }


def _medians(group: Group, side: str, has_line_rate: bool) -> dict[str, float | None] | None:
    medians = {unit: group.median(side, unit) for unit in ("pps", "pcap_bps", "l2_bps", "l1_bps")}
    medians["line_rate_percent"] = group.median(side, "line_rate_percent") if has_line_rate else None
    return None if medians["pps"] is None else medians


def _offered(group: Group) -> dict[str, Any]:
    return {"mode": group.mode, "value": group.value, "pps": group.offered_pps}


def _reference(row: ReferenceRow) -> dict[str, Any]:
    case = row.case
    return {
        "case": case.case,
        "engine": case.engine,
        "offered_pcap_mbps": case.mbps,
        "frame_length": case.frame_length,
        "packets": case.packets,
        "seconds": case.seconds,
        "pps": case.pps,
        "pcap_mbps": case.rated_mbps,
        "eagain_retries": case.eagain_retries,
        "line_rate_percent": case.rates.line_rate_percent,
        "line_rate_bps": LINK_BPS,
        "ours": [
            {
                "send_method": ours.member.method.name,
                "counted": ours.member.counted if ours.member.pps else None,
                "pps": estimate_data(ours.member.pps),
                "ratio": estimate_data(ours.ratio),
            }
            for ours in row.ours
        ],
        "why_not": why_not(row) or None,
    }
