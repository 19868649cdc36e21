"""Join what the sender and the receiver saw of one trial into the record that is stored."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..frames import rates
from ..tcpreplay.statistics import Statistics
from .plan import Offered
from .verdict import Evidence, Tolerance, judge

SCHEMA = "linerate-trial/1"
SAMPLE_FIELDS = ("side", "elapsed_seconds", "interval_seconds", "packets", "pps", "pcap_bps")
# A sample that ends this much after the sending did still counts as whole.
WHOLE_SAMPLE_SLACK_SECONDS = 0.05


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


def whole_samples(samples: Sequence[Mapping[str, Any]], sending_seconds: float) -> list[Mapping[str, Any]]:
    """The samples of full intervals that lie inside the sending."""
    return [s for s in samples if s["elapsed_seconds"] <= sending_seconds + WHOLE_SAMPLE_SLACK_SECONDS]


def coefficient_of_variation(samples: Sequence[Mapping[str, Any]]) -> float | None:
    """Standard deviation over mean of the packet rate, in percent; None with fewer than two samples."""
    values = [sample["packets"] / sample["interval_seconds"] for sample in samples]
    mean = statistics.fmean(values) if len(values) > 1 else 0.0
    return 100 * statistics.stdev(values) / mean if mean else None


def samples_csv(sent: Sequence[Mapping[str, Any]], received: Sequence[Mapping[str, Any]], frame_length: float) -> str:
    """Both curves as CSV; received bytes are packets of the trial times the pcap's mean frame length."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SAMPLE_FIELDS)
    for side, samples in (("sender", sent), ("receiver", received)):
        for sample in samples:
            pps = sample["packets"] / sample["interval_seconds"]
            row = (
                sample["elapsed_seconds"],
                sample["interval_seconds"],
                sample["packets"],
                pps,
                8 * pps * frame_length,
            )
            writer.writerow((side, *(value if isinstance(value, int) else round(value, 6) for value in row)))
    return text.getvalue()


def build(
    planned: Mapping[str, Any],
    replay: Mapping[str, Any],
    received: Mapping[str, Any] | None,
    context: Mapping[str, Any],
    tolerance: Tolerance | None = None,
) -> dict[str, Any]:
    """The record of a trial (schemas/trial.schema.json).

    ``planned`` is PlannedTrial.describe(); ``replay`` and ``received`` are what the modules linerate_replay
    and linerate_receive returned; ``context`` holds run_id, sender, receiver, line_rate, versions, fingerprint.
    """
    claim = replay["claim"]
    witness = received["witness"] if received else None
    receiver_nic = received["nic"] if received else None
    link_bps = context["line_rate"]["bps"]
    frame_length = planned["case"]["mean_frame_length"]
    arrived = witness["packets"] if witness else None
    sent_rates = rates(claim["pps"], frame_length, link_bps) if claim else None
    verdict = judge(
        Evidence(
            offered=Offered(**planned["offered"]),
            process=replay["process"],
            claim=claim,
            claim_error=replay["claim_error"],
            sender_nic=replay["nic"],
            receiver_nic=receiver_nic,
            witnessed=arrived,
            line_rate_percent=sent_rates.line_rate_percent if sent_rates else None,
            sender_cpu_percent=replay["cpu_percent"],
        ),
        tolerance,
    )
    return {
        "schema": SCHEMA,
        "run_id": context["run_id"],
        **{name: planned[name] for name in ("trial_id", "sequence", "repeat", "case", "engine", "offered")},
        **{name: context[name] for name in ("sender", "receiver", "versions", "line_rate", "fingerprint")},
        **{name: replay[name] for name in ("argv", "started_at", "ended_at", "process", "claim")},
        "sender_nic": replay["nic"],
        "receiver_nic": receiver_nic,
        "witness": witness,
        "loss": _loss(claim, arrived),
        "disagreement": {
            "claim_minus_sender_nic": claim["successful"] - replay["nic"]["tx_packets"] if claim else None,
            "receiver_nic_minus_witness": receiver_nic["rx_packets"] - arrived if receiver_nic else None,
        },
        "rates": {
            "sent": asdict(sent_rates) if sent_rates else None,
            "received": _received_rates(claim, arrived, frame_length, link_bps),
        },
        "cv_percent": _variation(claim, received),
        "sender_cpu_percent": replay["cpu_percent"],
        "samples": f"samples/{planned['trial_id']}.csv",
        "verdict": {"valid": verdict.valid, "reasons": list(verdict.reasons), "limit": verdict.limit},
    }


def _loss(claim: Mapping[str, Any] | None, arrived: int | None) -> dict[str, Any] | None:
    if claim is None or arrived is None or not claim["successful"]:
        return None
    lost = claim["successful"] - arrived
    return {"packets": lost, "percent": 100 * lost / claim["successful"]}


def _received_rates(
    claim: Mapping[str, Any] | None, arrived: int | None, frame_length: float, link_bps: float
) -> dict[str, Any] | None:
    """What arrived over the time the sender was sending: the receiver's share of the sender's rate."""
    if claim is None or arrived is None or not claim["packets"]:
        return None
    return asdict(rates(claim["pps"] * arrived / claim["packets"], frame_length, link_bps))


def _variation(claim: Mapping[str, Any] | None, received: Mapping[str, Any] | None) -> float | None:
    if claim is None or received is None:
        return None
    return coefficient_of_variation(whole_samples(received["samples"], claim["seconds"]))
