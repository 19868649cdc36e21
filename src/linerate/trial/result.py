"""Join what the sender and the receiver saw of one trial into the record that is stored."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..tcpreplay.output import Statistics
from ..units import pcap_bps, rates
from .curve import describe, within_sending
from .loss import Loss, locate
from .plan import Offered
from .verdict import Evidence, Tolerance, judge
from .witnesses import disagreements, primary, stored

SCHEMA = "linerate-trial/1"
SAMPLE_FIELDS = ("side", "elapsed_seconds", "interval_seconds", "packets", "pps", "pcap_bps")


def claim_of(parsed: Statistics) -> dict[str, Any]:
    """tcpreplay's statistics as plain data; bytes and Mbit/s are of pcap bytes."""
    totals = parsed.totals
    return {
        "packets": totals.packets,
        "bytes": totals.bytes,
        "seconds": float(totals.seconds),
        "bytes_per_second": float(totals.bytes_per_second),
        "mbps": float(totals.mbps),
        "pps": float(totals.pps),
        "successful": parsed.successful,
        "failed": parsed.failed,
        "truncated": parsed.truncated,
        "retried_enobufs": parsed.retried_enobufs,
        "retried_eagain": parsed.retried_eagain,
        "interrupted": parsed.interrupted,
    }


def samples_csv(planned: Mapping[str, Any], replay: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> str:
    """Both curves as CSV, in packets/s and pcap bit/s (packets times the pcap's mean frame length)."""
    frame_length, received = planned["case"]["mean_frame_length"], primary(reports)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SAMPLE_FIELDS)
    for side, half in (("sender", replay), ("receiver", received)):
        for sample in _curve(half, replay["claim"]):
            pps = sample["packets"] / sample["interval_seconds"]
            row = (
                sample["elapsed_seconds"],
                sample["interval_seconds"],
                sample["packets"],
                pps,
                pcap_bps(pps, frame_length),
            )
            writer.writerow((side, *(value if isinstance(value, int) else round(value, 6) for value in row)))
    return text.getvalue()


def build(
    planned: Mapping[str, Any],
    replay: Mapping[str, Any],
    reports: Sequence[Mapping[str, Any]],
    context: Mapping[str, Any],
    tolerance: Tolerance | None = None,
) -> dict[str, Any]:
    """The record of a trial (schemas/trial.schema.json).

    ``planned`` is PlannedTrial.describe(), ``replay`` what the module linerate_replay returned; ``reports`` are those
    of its witnesses (trial.witnesses.report), none where nobody counted; ``context`` holds run_id, sender, receiver,
    line_rate, versions, fingerprint.
    """
    tolerance = tolerance or Tolerance()
    claim, received, frame_length = replay["claim"], primary(reports), planned["case"]["mean_frame_length"]
    link_bps = context["line_rate"]["bps"]
    sent_rates = rates(claim["pps"], frame_length, link_bps) if claim else None
    loss = locate(claim["successful"], replay["nic"], received) if received and claim and claim["successful"] else None
    evidence = _evidence(planned, replay, reports, loss, sent_rates.line_rate_percent if sent_rates else None)
    curve = {"sent": describe(_curve(replay, claim)), "received": describe(_curve(received, claim))}
    return {
        "schema": SCHEMA,
        "run_id": context["run_id"],
        **{name: planned[name] for name in ("trial_id", "sequence", "repeat", "case", "engine", "offered")},
        "adapter": replay["adapter"],
        **{name: context[name] for name in ("sender", "receiver", "versions", "line_rate", "fingerprint")},
        **{name: replay[name] for name in ("argv", "started_at", "ended_at", "process", "claim")},
        "partial": is_partial(replay["process"], claim),
        "sender_nic": replay["nic"],
        **_witnessed(reports, claim, tolerance),
        **derived(planned["offered"], claim, replay["nic"], received, (frame_length, link_bps)),
        "loss": loss.describe() if loss else None,
        "cv_percent": curve["received"]["cv_percent"] if claim and curve["received"] else None,
        "curve": curve,
        "sender_cpu_percent": replay["cpu_percent"],
        "sender_core_busy_percent": replay["core_busy_percent"],
        "recovery": replay["recovery"],
        "samples": f"samples/{planned['trial_id']}.csv",
        "verdict": judge(evidence, tolerance).describe(),
    }


def _witnessed(
    reports: Sequence[Mapping[str, Any]], claim: Mapping[str, Any] | None, tolerance: Tolerance
) -> dict[str, Any]:
    """What each counted, and how far they are apart."""
    decides = primary(reports)
    tolerated = tolerance.packets(claim["successful"] if claim else 0)
    return {
        "receiver_nic": decides["nic"] if decides else None,
        "witness": decides["witness"] if decides else None,
        "witnesses": stored(reports),
        "witness_disagreement": disagreements(reports, claim["pps"] if claim else None, tolerated),
    }


def derived(
    offered: Mapping[str, Any],
    claim: Mapping[str, Any] | None,
    sender_nic: Mapping[str, Any],
    received: Mapping[str, Any] | None,
    wire: tuple[float, float],
) -> dict[str, Any]:
    """What follows from the counts alone: how much was lost, who disagrees, and the rates.

    ``received`` holds what decides, ``witness`` and ``nic``; ``wire`` is the mean frame length in bytes without FCS,
    and the line rate in bit/s.
    """
    nic = received["nic"] if received else None
    arrived = received["witness"]["packets"] if received else None
    return {
        "achieved": _achieved(offered["pps"], claim),
        "loss": _lost(claim, arrived),
        "disagreement": {
            "claim_minus_sender_nic": _missing(claim, sender_nic),
            "receiver_nic_minus_witness": nic["rx_packets"] - arrived if nic and arrived is not None else None,
        },
        "rates": {
            "sent": asdict(rates(claim["pps"], *wire)) if claim else None,
            "received": _received_rates(claim, arrived, *wire),
        },
    }


def _lost(claim: Mapping[str, Any] | None, arrived: int | None) -> dict[str, Any] | None:
    if claim is None or arrived is None or not claim["successful"]:
        return None
    lost = claim["successful"] - arrived
    return {"packets": lost, "percent": 100 * lost / claim["successful"]}


def _evidence(
    planned: Mapping[str, Any],
    replay: Mapping[str, Any],
    reports: Sequence[Mapping[str, Any]],
    loss: Loss | None,
    line_rate_percent: float | None,
) -> Evidence:
    decides = primary(reports)
    return Evidence(
        offered=Offered(**planned["offered"]),
        process=replay["process"],
        claim=replay["claim"],
        claim_error=replay["claim_error"],
        sender_nic=replay["nic"],
        witnessed=decides["witness"]["packets"] if decides else None,
        loss=loss,
        line_rate_percent=line_rate_percent,
        cpu_percent=replay["cpu_percent"],
        core_busy_percent=replay["core_busy_percent"],
        adapter=replay["adapter"],
        trouble=_trouble(replay, reports),
    )


def is_partial(process: Mapping[str, Any], claim: Mapping[str, Any] | None) -> bool:
    """Whether the trial was cut off, from here or by others: what was counted is of its part up to then."""
    interrupted = claim is not None and claim["interrupted"]
    return bool(process.get("stopped_because") or interrupted or process["exit_status"] != 0)


def _trouble(replay: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What went wrong beside the sending: a count that could not be had, an interface that is not as it was."""
    found = []
    if reports and primary(reports) is None:
        found.append(f"not witnessed: {'; '.join(str(one['reason']) for one in reports)}")
    recovery = replay["recovery"]
    if recovery and recovery.get("error"):
        found.append(f"the sending interface could not be given its settings back: {recovery['error']}")
    return tuple(found)


def _missing(claim: Mapping[str, Any] | None, nic: Mapping[str, Any]) -> int | None:
    """Packets that tcpreplay claims and the sending interface did not count."""
    if claim is None or nic["tx_packets"] is None:
        return None
    missing: int = claim["successful"] - nic["tx_packets"]
    return missing


def _curve(half: Mapping[str, Any] | None, claim: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    if half is None:
        return []
    return within_sending(half["samples"], claim["seconds"]) if claim else list(half["samples"])


def _achieved(asked_pps: float | None, claim: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was asked for beside what was sent, in packets/s; nothing is asked for at top speed."""
    sent = claim["pps"] if claim else None
    percent = 100 * sent / asked_pps if asked_pps and sent is not None else None
    return {"requested_pps": asked_pps, "sent_pps": sent, "percent": percent}


def _received_rates(
    claim: Mapping[str, Any] | None, arrived: int | None, frame_length: float, link_bps: float
) -> dict[str, Any] | None:
    """What arrived over the time the sender was sending: the receiver's share of the sender's rate."""
    if claim is None or arrived is None or not claim["packets"]:
        return None
    return asdict(rates(claim["pps"] * arrived / claim["packets"], frame_length, link_bps))
