"""Each trial in full: what the tables have no room for, and what the repeats of a group share said once."""

from __future__ import annotations

import shlex
from typing import Any

from ..results.groups import Group
from ..results.model import Trial
from .text import clean, count, frame, number
from .witness_text import achieved_words, disagreement_words, loss_words, witness_words

Pair = tuple[str, str]
"""A label and its text."""

_SHARED = ("Path", "Pcap", "Frames", "Adapter", "Versions", "Fingerprint")
"""What repeats have in common, as a rule; where they have not, each says its own."""


def group_details(group: Group, numbers: dict[str, int]) -> dict[str, Any]:
    """The group's trials with what they share; ``numbers`` gives each trial id its place in the page."""
    lines = [trial_lines(trial) for trial in group.trials]
    shared = [pair for pair in lines[0] if pair[0] in _SHARED and all(pair in other for other in lines)]
    return {
        "title": group.title,
        "shared": shared,
        "trials": [
            {
                "number": numbers[trial.trial_id],
                "id": clean(trial.trial_id),
                "valid": trial.valid,
                "argv": shlex.join(clean(argument) for argument in trial.record["argv"]),
                "lines": [pair for pair in own if pair not in shared],
            }
            for trial, own in zip(group.trials, lines)
        ],
    }


def trial_lines(trial: Trial) -> list[Pair]:
    """What the tables have no room for, as label and text."""
    record = trial.record
    process, case = record["process"], record["case"]
    signals = ", ".join(process["signals_sent"]) or "none"
    late = ", deadline exceeded" if process["deadline_exceeded"] else ""
    status = "not known" if process["exit_status"] is None else process["exit_status"]
    ended = f"exit status {status}, {process['elapsed_seconds']:.3f} s, signals: {signals}{late}"
    if process.get("stopped_because"):
        ended += f"; stopped because {clean(process['stopped_because'])}"
    if process.get("cpus_allowed"):
        ended += f", CPUs allowed: {clean(process['cpus_allowed'])}"
    ports = (record["sender"], record["receiver"])
    sender, receiver = (f"{port['host']} {port['interface']}" if port else "a receiver not known" for port in ports)
    lines = [
        ("Time (UTC)", f"{record['started_at']} to {record['ended_at']}"),
        ("Path", clean(f"{sender} to {receiver}")),
        ("Pcap", clean(f"{case['pcap']}, {number(case['pcap_packets'])} packets, sha256 {case['pcap_sha256']}")),
        ("Frames", f"{frame(trial)} without FCS"),
        ("Process", ended),
        ("Rate", achieved_words(trial)),
        ("tcpreplay says", _claim(record["claim"])),
        ("Adapter", _adapter(trial.adapter)),
        ("Sender's NIC", _counters(record["sender_nic"], "tx")),
        ("Receiver's NIC", _counters(record["receiver_nic"], "rx")),
        ("Witness", _witness(record["witness"])),
        *(("Counted by", witness_words(witness)) for witness in trial.witnesses),
        *(("Witnesses apart", disagreement_words(pair)) for pair in trial.witness_disagreement),
        ("Loss", loss_words(trial)),
        ("Judged by", str(record["verdict"].get("judged_by", "not recorded"))),
        ("Versions", ", ".join(clean(f"{name} {version}") for name, version in sorted(record["versions"].items()))),
        ("Fingerprint", record["fingerprint"]),
        ("Samples", record["samples"] if trial.samples else f"{record['samples']}: {_unsampled(trial)}"),
    ]
    if record.get("recovery"):
        lines.append(("Sender's NIC afterwards", _recovery(record["recovery"])))
    if process["stderr"]:
        lines.append(("stderr", f"{clean(process['stderr'])} ({count(process['stderr_bytes'], 'byte')} in all)"))
    return lines


def _adapter(adapter: dict[str, Any]) -> str:
    if adapter["kind"] is None:
        return "none of netmap"
    words = [f"{adapter['kind']} asked for, {adapter['found'] or 'none'} found", f"driver {adapter['driver']}"]
    return clean("; ".join([*words, *adapter["evidence"]]))


def _recovery(recovery: dict[str, Any]) -> str:
    carrier = "with its carrier" if recovery["carrier"] else "without a carrier"
    steps = recovery.get("error") or "; ".join(recovery["steps"]) or "nothing to put back"
    return clean(f"{carrier} after {recovery['seconds']:.1f} s; {steps}")


def _unsampled(trial: Trial) -> str:
    return "no such file" if trial.samples is None else "no row"


def _claim(claim: dict[str, Any] | None) -> str:
    if claim is None:
        return "nothing that can be believed"
    text = f"{number(claim['packets'])} packets in {claim['seconds']:.3f} s, {number(claim['pps'], 2)} pps"
    failures = f"{number(claim['failed'])} failed, {number(claim['truncated'])} truncated"
    retries = f"retried {number(claim['retried_enobufs'])} ENOBUFS, {number(claim['retried_eagain'])} EAGAIN"
    return f"{text}, {failures}, {retries}{', interrupted' if claim['interrupted'] else ''}"


def _counters(counters: dict[str, Any] | None, side: str) -> str:
    if counters is None:
        return "not read"
    if counters[f"{side}_packets"] is None:
        return f"{clean(counters['source'])}: no witness"
    values = [f"{number(counters[f'{side}_{what}'])} {what}" for what in ("packets", "bytes", "dropped", "errors")]
    # Documentation/networking/statistics.rst; a driver's own counters are the NIC's registers.
    octets = "bytes without FCS" if counters["source"] == "sysfs" else "bytes as the NIC counts them, most with FCS"
    return f"{', '.join(values)} ({clean(counters['source'])}; {octets})"


def _witness(witness: dict[str, Any] | None) -> str:
    if witness is None:
        return "none: not witnessed"
    return clean(f"{number(witness['packets'])} packets ({witness['method']}, {witness['matches']})")
