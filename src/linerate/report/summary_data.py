"""What a run shows, as data: summary.json (schemas/summary.schema.json)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..results.compare import Comparison, Ratio, compare_ways, member
from ..results.curves import group_curve
from ..results.groups import Group, group_trials, verdict
from ..results.model import Run
from ..results.reference import LINK_BPS, ReferenceRow, against_reference
from ..results.statistics import METHOD, Estimate

SCHEMA = "linerate-summary/1"
UNITS = {
    "pps": "packets per second",
    "pcap_bps": "bit/s of frames as a pcap holds them, without FCS: tcpreplay's Mbps are 10^6 of these",
    "l2_bps": "bit/s of frames with FCS",
    "l1_bps": "bit/s of frames with FCS, preamble and inter-frame gap, which line_rate_percent counts",
    "pcap_mbps": "10^6 bit/s of frames without FCS",
    "frame_length": "bytes without FCS",
}


def summary_data(run: Run) -> dict[str, Any]:
    """The summary as plain data. Equal runs give equal data: it holds no time of its making."""
    groups = group_trials(run.trials)
    return {
        "schema": SCHEMA,
        "run_id": run.run_id,
        "scenario": run.info["scenario"],
        "created_at": run.info["created_at"],
        "fingerprint": run.info["environment"]["fingerprint"],
        "verdict": verdict(run),
        "trials": {
            "planned": len(run.planned),
            "ended": len(run.trials),
            "valid": sum(trial.valid for trial in run.trials),
        },
        "units": UNITS,
        "interval": {"level_percent": 95, "method": METHOD},
        "results": [_result(group) for group in groups],
        "comparisons": [comparison_data(found) for found in compare_ways(groups)],
        "reference": [_reference(row) for row in against_reference(run, groups)],
        "unavailable": run.info["plan"]["unavailable"],
    }


def estimate_data(found: Estimate | None) -> dict[str, Any] | None:
    """A value with its 95 % interval, null where the repeats are too few for one."""
    return None if found is None else {**asdict(found), "repeats": list(found.repeats)}


def ratio_data(pair: Ratio, sentence: str) -> dict[str, Any]:
    """A ratio of packet rates, and the sentence that says it."""
    estimates = {"ratio": estimate_data(pair.ratio), "sent": estimate_data(pair.sent)}
    return {**asdict(pair), **estimates, "lost_at": list(pair.lost_at), "sentence": sentence}


def comparison_data(found: Comparison) -> dict[str, Any]:
    """One case at one offered load, by every way that sent it."""
    return {
        "case": found.case,
        "offered": _offered(found.members[0].group),
        "ways": [one.way for one in found.members],
        "ratios": [ratio_data(pair, found.sentence(pair)) for pair in found.ratios],
    }


def _result(group: Group) -> dict[str, Any]:
    found, curve = member(group), group_curve(group)
    case = group.trials[0].record["case"]
    return {
        "case": group.case,
        "way": found.way,
        "offered": _offered(group),
        "frame_length": {which: case[f"{which}_frame_length"] for which in ("mean", "min", "max")},
        "trials": len(group.trials),
        "valid": len(group.valid),
        "counted": found.counted if found.pps else None,
        "pps": estimate_data(found.pps),
        "sent": _medians(group, "sent"),
        "received": _medians(group, "received"),
        "worst_loss_percent": group.worst_loss_percent,
        "limits": list(group.limits),
        "curve": asdict(curve) if curve else None,
    }


def _medians(group: Group, side: str) -> dict[str, float | None] | None:
    units = ("pps", "pcap_bps", "l2_bps", "l1_bps", "line_rate_percent")
    medians = {unit: group.median(side, unit) for unit in units}
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
                "way": ours.member.way,
                "counted": ours.member.counted if ours.member.pps else None,
                "pps": estimate_data(ours.member.pps),
                "ratio": estimate_data(ours.ratio),
            }
            for ours in row.ours
        ],
        "why_not": row.why_not or None,
    }
