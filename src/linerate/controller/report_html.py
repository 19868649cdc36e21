"""A run as one self-contained HTML file: no script, style, font or link of anywhere else.

Everything from data passes Jinja's autoescape; figures pass :func:`report_plots.script_json`. A content security
policy names the two scripts by hash, so even an escape that failed could load and run nothing.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..frames import Rates
from . import report_plots
from .report_data import Run, Trial
from .report_groups import Group, adapters, doubts, findings, group_trials, lab_text, line_rates, unavailable, verdict
from .report_text import NONE, bit_rate, byte_size, clean, count, frame, mbit, number, offered, signed

TEMPLATES = Path(__file__).resolve().parent / "templates"

Pair = tuple[str, str]


def report_html(run: Run) -> str:
    """The report. Equal runs give equal text: it holds no time of its making."""
    groups = group_trials(run.trials)
    bars, curves = report_plots.bars(groups), report_plots.curves(groups)
    where, notice = lab_text(run)
    scripts = [report_plots.plotly_js(), _file("report.js")] if bars or curves else []
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["clean"] = clean
    return environment.get_template("report.html.j2").render(
        run=run,
        policy=_policy(scripts),
        style=_file("report.css"),
        scripts=scripts,
        verdict=verdict(run),
        standing=_standing(run),
        findings=findings(run, groups),
        doubts=doubts(run),
        where=where,
        notice=notice,
        loopback=bool(run.info["lab"]) and run.info["lab"]["backend"] == "loopback",
        line_rates=line_rates(run),
        groups=[_group_row(group) for group in groups],
        bars=bars,
        curves=curves,
        uncurved=[f"{group.case}, {group.engine}, {group.offered}" for group in groups if not _sampled(group)],
        trials=[_trial_row(trial) for trial in run.trials],
        details=[(trial.trial_id, trial.valid, _details(trial)) for trial in run.trials],
        plan=_plan(run),
        unavailable=unavailable(run),
        adapters=adapters(run),
        hosts=_hosts(run),
    )


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _standing(run: Run) -> str:
    """The verdict's colour: good, mixed or bad."""
    valid = sum(trial.valid for trial in run.trials)
    if not valid:
        return "bad" if run.trials else "mixed"
    return "good" if valid == len(run.trials) and not run.missing else "mixed"


def _sampled(group: Group) -> bool:
    return any(trial.samples for trial in group.trials)


def _group_row(group: Group) -> dict[str, Any]:
    side = group.bits_side
    bits = {unit: group.median(side, unit) if side else None for unit in ("l1_bps", "l2_bps", "pcap_bps")}
    return {
        "case": clean(group.case),
        "engine": group.engine,
        "frame": group.frame,
        "offered": group.offered,
        "sent": number(group.median("sent", "pps")),
        "received": number(group.median("received", "pps")),
        "witnessed": group.witnessed or not group.valid,
        "line": number(group.median(side, "line_rate_percent"), 2) if side else NONE,
        **{unit: mbit(value) for unit, value in bits.items()},
        "loss": number(group.worst_loss_percent, 3),
        "cv": number(group.cv_percent, 2),
        "limit": ", ".join(group.limits) or NONE,
        "valid": f"{len(group.valid)}/{len(group.trials)}",
        "whole": len(group.valid) == len(group.trials),
    }


def _trial_row(trial: Trial) -> dict[str, Any]:
    record = trial.record
    sent, received = _bits(trial.sent), _bits(trial.received)
    shown = received if trial.received else sent
    return {
        "id": clean(trial.trial_id),
        "case": clean(trial.case),
        "engine": trial.engine,
        "offered": offered(trial.mode, trial.offered_value),
        "sent": sent["pps"],
        "received": received["pps"],
        "witnessed": trial.witnessed,
        **{unit: shown[unit] for unit in ("line", "l1_bps", "l2_bps", "pcap_bps")},
        "cv": number(trial.cv_percent, 2),
        "cpu": number(record["sender_cpu_percent"]),
        "core": number(record["sender_core_busy_percent"]),
        "lost": number(trial.loss_packets),
        "loss": number(trial.loss_percent, 3),
        "claim_nic": signed(record["disagreement"]["claim_minus_sender_nic"]),
        "nic_witness": signed(record["disagreement"]["receiver_nic_minus_witness"]),
        "limit": trial.limit,
        "valid": trial.valid,
        "reasons": [clean(reason) for reason in trial.reasons],
    }


def _bits(rates: Rates | None) -> dict[str, str]:
    if rates is None:
        return dict.fromkeys(("pps", "line", "l1_bps", "l2_bps", "pcap_bps"), NONE)
    return {
        "pps": number(rates.pps),
        "line": number(rates.line_rate_percent, 2),
        **{unit: mbit(getattr(rates, unit)) for unit in ("l1_bps", "l2_bps", "pcap_bps")},
    }


def _details(trial: Trial) -> list[Pair]:
    """What the tables have no room for, as label and text. The exact argv comes first."""
    record = trial.record
    process, case = record["process"], record["case"]
    signals = ", ".join(process["signals_sent"]) or "none"
    late = ", deadline exceeded" if process["deadline_exceeded"] else ""
    ended = f"exit status {process['exit_status']}, {process['elapsed_seconds']:.3f} s, signals: {signals}{late}"
    if process.get("cpus_allowed"):
        ended += f", CPUs allowed: {clean(process['cpus_allowed'])}"
    sender, receiver = (f"{record[end]['host']} {record[end]['interface']}" for end in ("sender", "receiver"))
    lines = [
        ("argv", shlex.join(clean(argument) for argument in record["argv"])),
        ("Time (UTC)", f"{record['started_at']} to {record['ended_at']}"),
        ("Path", clean(f"{sender} to {receiver}")),
        ("Pcap", clean(f"{case['pcap']}, {number(case['pcap_packets'])} packets, sha256 {case['pcap_sha256']}")),
        ("Frames", f"{frame(trial)} without FCS"),
        ("Process", ended),
        ("tcpreplay says", _claim(record["claim"])),
        ("Adapter", _adapter(trial.adapter)),
        ("Sender's NIC", _counters(record["sender_nic"], "tx")),
        ("Receiver's NIC", _counters(record["receiver_nic"], "rx")),
        ("Witness", _witness(record["witness"])),
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
    return clean(
        f"{carrier} after {recovery['seconds']:.1f} s; {'; '.join(recovery['steps']) or 'nothing to put back'}"
    )


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
    return f"{', '.join(values)} ({clean(counters['source'])})"


def _witness(witness: dict[str, Any] | None) -> str:
    if witness is None:
        return "none: not witnessed"
    return clean(f"{number(witness['packets'])} packets ({witness['method']}, {witness['matches']})")


def _plan(run: Run) -> list[Pair]:
    plan = run.info["plan"]
    return [
        ("Scenario", clean(run.info["scenario"])),
        ("Planned", f"{count(len(plan['trials']), 'trial')}, about {number(plan['estimated_seconds'])} s"),
        ("Without a result", ", ".join(clean(trial_id) for trial_id in run.missing) or "none"),
    ]


def _hosts(run: Run) -> list[tuple[str, str, str]]:
    """Label, sender's, receiver's."""
    environment = run.info["environment"]
    sender, receiver = _host(environment["sender"]), _host(environment["receiver"])
    return [(label, text, receiver[label]) for label, text in sender.items()]


def _host(host: dict[str, Any]) -> dict[str, str]:
    nic = host["nic"]
    on = sorted(name for name, value in nic["offloads"].items() if value)
    off = sorted(name for name, value in nic["offloads"].items() if not value)
    texts = {
        "Host": host["name"],
        "Operating system": host["os"],
        "Kernel": host["kernel"],
        "CPU": f"{host['cpu_model']}, {count(host['cpus'], 'CPU')}",
        "Memory": byte_size(host["memory_bytes"]),
        "CPU governor": host["governor"] or "not known",
        "Python": host["python"],
        "NIC": f"{nic['interface']}, {nic['mac']}",
        "Driver": " ".join(part for part in (nic["driver"], nic["driver_version"]) if part) or "not known",
        "Firmware": nic["firmware"] or "not known",
        "Bus": nic["bus"] or "not known",
        "Speed": "not known" if nic["speed_bps"] is None else bit_rate(nic["speed_bps"]),
        "MTU": f"{nic['mtu']} B",
        "Offloads on": ", ".join(on) or "none",
        "Offloads off": ", ".join(off) or "none",
        "Versions": ", ".join(f"{name} {version}" for name, version in sorted(host["versions"].items())) or "none",
    }
    return {label: clean(text) for label, text in texts.items()}
