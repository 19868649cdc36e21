"""Each trial in full: what the tables have no room for, and once what the repeats of a group share."""

from __future__ import annotations

import shlex
from typing import Any, Union

from ..nic.counters import ReceiverNic, SenderNic
from ..receiver.packet_counter import Count
from ..results.groups import Group
from ..results.model import TrialResult
from ..results.run import Run
from ..trial.evidence import Adapter, Claim, Process, Recovery
from ..trial.model import Port
from ..trial.timing import Timing
from .text import Folded, clean, count, frame, group_title, number
from .witness_text import achieved_words, disagreement_words, loss_words, witness_words

Pair = tuple[str, Union[str, Folded]]
"""A label and its text."""

_SHARED = ("Path", "Pcap", "Frames", "Adapter", "Versions", "Fingerprint")
"""What repeats usually have in common; where they do not, each has its own."""


def group_details(run: Run, group: Group, numbers: dict[str, int]) -> dict[str, Any]:
    """The group's trials with what they share; ``numbers`` is each trial's number in the page, by trial id."""
    lines = [trial_lines(run, trial) for trial in group.trials]
    shared = [pair for pair in lines[0] if pair[0] in _SHARED and all(pair in other for other in lines)]
    return {
        "title": group_title(group),
        "shared": shared,
        "trials": [
            {
                "number": numbers[trial.trial_id],
                "id": clean(trial.trial_id),
                "valid": trial.valid,
                "argv": shlex.join(clean(argument) for argument in trial.argv),
                "lines": [pair for pair in own if pair not in shared],
            }
            for trial, own in zip(group.trials, lines)
        ],
    }


def trial_lines(run: Run, trial: TrialResult) -> list[Pair]:
    """What the tables have no room for, as label and text."""
    case = trial.case
    lines: list[Pair] = [
        ("Time (UTC)", f"{trial.started_at} to {trial.ended_at}"),
        ("Path", clean(f"{_port(trial.sender)} to {_port(trial.receiver)}")),
        ("Pcap", clean(f"{case.pcap}, {number(case.pcap_packets)} packets, sha256 {case.pcap_sha256}")),
        ("Frames", f"{frame(case)} without FCS"),
        ("Process", _process(trial.process)),
        ("Rate", achieved_words(trial)),
        ("Sender's claim", _claim(trial.claim)),
        ("Clocks", _clocks(trial.timing)),
        ("Adapter", _adapter(trial.adapter)),
        ("Sender's NIC", _sender_nic(trial.sender_nic)),
        ("Receiver's NIC", _receiver_nic(trial.receiver_nic)),
        ("Witness", _witness(trial.witness)),
        *(("Counted by", witness_words(witness)) for witness in trial.witnesses),
        *(("Witness difference", disagreement_words(pair)) for pair in trial.witness_disagreement),
        ("Loss", loss_words(trial.loss)),
        ("Judged by", trial.verdict.judged_by),
        ("Versions", ", ".join(clean(f"{name} {version}") for name, version in sorted(trial.versions.items()))),
        ("Fingerprint", trial.fingerprint),
        ("Samples", _samples(run, trial)),
    ]
    if trial.recovery:
        lines.append(("NIC after the trial", _recovery(trial.recovery)))
    if trial.process.stderr:
        lines.append(("stderr", _printed(trial.process)))
    return lines


def _port(port: Port | None) -> str:
    return f"{port.host} {port.interface}" if port else "an unknown receiver"


def _process(process: Process) -> str:
    signals = ", ".join(process.signals_sent) or "none"
    status = "not known" if process.exit_status is None else process.exit_status
    parts = [f"exit status {status}, {process.elapsed_seconds:.3f} s, signals: {signals}"]
    if process.deadline_exceeded:
        parts.append("deadline exceeded")
    if process.cpus_allowed:
        parts.append(f"CPUs allowed: {process.cpus_allowed}")
    if process.stopped_because:
        parts.append(f"stopped because {process.stopped_because}")
    return clean(", ".join(parts))


def _printed(process: Process) -> Folded:
    lines = tuple(clean(line) for line in process.stderr.strip().split("\n"))
    return Folded(f"{count(len(lines), 'line')}, {count(process.stderr_bytes, 'byte')} in all", lines)


def _clocks(timing: Timing) -> str:
    """The durations that the claim was checked against, and what measured each rate."""
    spans = {"sending interface": timing.sender, "receiver": timing.receiver}
    parts = [f"{side} counted for {span.low:.2f} to {span.high:.2f} s" for side, span in spans.items() if span]
    if timing.wall_clock_step is not None:
        parts.append(f"sender's wall clock moved by {timing.wall_clock_step:+.3f} s")
    measured = {"sent": timing.sent_rate, "received": timing.received_rate}
    parts += [f"{side} rate by the {source}" for side, source in measured.items() if source]
    return "; ".join(parts) or "not compared"


def _adapter(adapter: Adapter) -> str:
    if adapter.kind is None:
        return "none requested"
    words = [f"{adapter.kind} requested, {adapter.found or 'none'} found", f"driver {adapter.driver}"]
    return clean("; ".join([*words, *adapter.evidence]))


def _recovery(recovery: Recovery) -> str:
    link = f"link up after {recovery.seconds:.1f} s" if recovery.carrier else f"no link for {recovery.seconds:.1f} s"
    if recovery.error:
        return clean(f"{link}, settings not restored: {recovery.error}")
    steps = f"settings restored: {'; '.join(recovery.steps)}" if recovery.steps else "settings unchanged"
    return clean(f"{link}, {steps}")


def _samples(run: Run, trial: TrialResult) -> str:
    samples = run.samples.get(trial.trial_id)
    if samples:
        return trial.samples
    return f"{trial.samples}: {'the file is missing' if samples is None else 'the file is empty'}"


def _claim(claim: Claim | None) -> str:
    if claim is None:
        return "no complete, consistent statistics"
    text = f"{number(claim.packets)} packets in {claim.seconds:.3f} s, {number(claim.pps, 2)} pps"
    failures = f"{number(claim.failed)} failed, {number(claim.truncated)} truncated"
    retries = f"retried {number(claim.retried_enobufs)} ENOBUFS, {number(claim.retried_eagain)} EAGAIN"
    return f"{text}, {failures}, {retries}{', interrupted' if claim.interrupted else ''}"


def _sender_nic(nic: SenderNic) -> str:
    if nic.tx_packets is None:
        return clean(nic.source)
    return _counters(nic.source, (nic.tx_packets, nic.tx_bytes, nic.tx_dropped, nic.tx_errors))


def _receiver_nic(nic: ReceiverNic | None) -> str:
    if nic is None:
        return "not read"
    if nic.rx_packets is None:
        return clean(nic.source)
    return _counters(nic.source, (nic.rx_packets, nic.rx_bytes, nic.rx_dropped, nic.rx_errors))


def _counters(source: str, counts: tuple[int | None, ...]) -> str:
    values = [f"{number(value)} {what}" for value, what in zip(counts, ("packets", "bytes", "dropped", "errors"))]
    # Documentation/networking/statistics.rst; a driver's own counters are the NIC's registers.
    octets = "bytes without FCS" if source == "sysfs" else "bytes as the NIC counts them, usually with FCS"
    return f"{', '.join(values)} ({clean(source)}; {octets})"


def _witness(witness: Count | None) -> str:
    if witness is None:
        return "none: not witnessed"
    return clean(f"{number(witness.packets)} packets ({witness.method}, {witness.matches})")
