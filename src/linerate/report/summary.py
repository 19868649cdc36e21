"""A run in one page of Markdown that also reads well in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.compare_runs import RunsCompared
from ..results.groups import Group, group_trials
from ..results.model import RECEIVED, SENT, TrialResult
from ..results.run import Host, Run, RunInfo
from ..search.outcome import sentence
from .caveats import adapters, caveats, lab_text, line_rate_note, unavailable
from .findings import findings, verdict
from .gates import gates
from .hosts import attachment_texts
from .markdown import md, table
from .run_comparison import change_lines, change_table
from .searches import TITLE, shown_outcomes
from .summary_compared import comparison_lines, curve_lines, group_name, reference_lines, sentences
from .text import NONE, bit_rate, byte_size, count, frame, group_offered, mbit, number, offered
from .tuning import tuning_line

_INVALID_SHOWN = 20

_RATES_HEADER = ("Case", "Frame, no FCS", "Offered", "Sent pps", "Received pps", "Loss %", "CV %", "Limit", "Valid")
_RATES_ALIGN = "llrrrrrlr"
_LINE = "% of line rate"
_BITS_HEADER = ("Case", "Offered", "Counted", _LINE, "L1 Mbit/s", "L2 Mbit/s", "pcap Mbit/s")
_BITS_ALIGN = "lrlrrrr"


def summary_markdown(run: Run, change: RunsCompared | None = None) -> str:
    """The summary: verdict, results, ``change`` against the previous run, environment, invalid trials.

    Ends with a newline.
    """
    groups = group_trials(run.listed)
    bits = _bits_table(groups, run.has_line_rate)
    results = [*_rates_table(groups), "", *bits, "", *_legend(run)] if groups else []
    sections = (
        ("Gates", _gates(run)),
        (TITLE, [f"- {md(sentence(outcome))}" for outcome in shown_outcomes(run)]),
        ("Results", results),
        ("Change against the previous run", _change(change) if change else []),
        ("Send methods compared", comparison_lines(groups)),
        ("Reference experiment", reference_lines(run, groups)),
        ("Curves", curve_lines(groups)),
        ("Adapters", [f"- {md(trials)}: {md(evidence)}" for trials, evidence in adapters(run)]),
        ("Environment", _environment(run)),
        ("Invalid trials", _invalid([trial for trial in run.trials if not trial.valid])),
    )
    lines = [f"# Run {md(run.run_id)}", "", f"**{verdict(run)}**", "", *_facts(run, groups), ""]
    for title, section in sections:
        lines += [f"## {title}", "", *section, ""] if section else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _gates(run: Run) -> list[str]:
    """The gates where one failed, or where the scenario has limits of its own."""
    found = gates(run)
    shown = run.info.gates.expect or not all(gate.passed for gate in found)
    return [f"- {md(gate.line)}" for gate in found] if shown else []


def _change(found: RunsCompared) -> list[str]:
    return [*change_table(found), "", *(f"- {md(line)}" for line in change_lines(found))]


def _facts(run: Run, groups: Sequence[Group]) -> list[str]:
    where, notice = lab_text(run)
    lines = [md(line) for line in (*sentences(groups), *findings(run, groups))]
    lines.append(md(f"Lab: {where}."))
    if notice:
        lines.append(f"**{notice}**" if run.info.loopback else notice)
    lines += [md(f"Send method {line}.") for line in unavailable(run)]
    lines += [f"**{md(line)}**" for line in caveats(run)]
    return [f"- {line}" for line in lines]


def _rates_table(groups: Sequence[Group]) -> list[str]:
    rows = [
        (
            group_name(group),
            frame(group.case),
            group_offered(group),
            number(group.median(SENT, "pps")),
            _received(group),
            number(group.worst_loss_percent, 3),
            number(group.cv_percent, 2),
            ", ".join(group.limits) or NONE,
            f"{len(group.valid)}/{len(group.trials)}",
        )
        for group in groups
    ]
    return table(_RATES_HEADER, rows, _RATES_ALIGN)


def _bits_table(groups: Sequence[Group], has_line_rate: bool) -> list[str]:
    keep = [place for place, title in enumerate(_BITS_HEADER) if has_line_rate or title != _LINE]
    rows = [[row[place] for place in keep] for row in (_BITS_HEADER, *(_bits_row(group) for group in groups))]
    return table(rows[0], rows[1:], "".join(_BITS_ALIGN[place] for place in keep))


def _bits_row(group: Group) -> tuple[str, ...]:
    side, name, load = group.bits_side, group_name(group), group_offered(group)
    if side is None:
        return (name, load, "no valid trial" if not group.valid else "no rate", *(NONE,) * 4)
    counted = side if group.witnessed else f"{side}, not witnessed"
    bits = (mbit(group.median(side, unit)) for unit in ("l1_bps", "l2_bps", "pcap_bps"))
    return (name, load, counted, number(group.median(side, "line_rate_percent"), 2), *bits)


def _received(group: Group) -> str:
    median = group.median(RECEIVED, "pps")
    if not group.valid or group.witnessed:
        return number(median)
    return "not witnessed" if median is None else f"{number(median)} (not witnessed)"


def _legend(run: Run) -> list[str]:
    loads = (trial for trial in run.trials if trial.above_line)
    above = dict.fromkeys(f"{t.case.name} at {offered(t.offered.mode, t.offered.value)}" for t in loads)
    return [
        "- Numbers are medians of the valid repeats; loss is that of the worst repeat.",
        "- Frame: bytes without FCS. L1: with FCS, preamble and inter-frame gap. L2: with FCS. pcap: without FCS.",
        f"- {line_rate_note(run)}",
        *([f"- More than the line carries, so judged as top speed: {md('; '.join(above))}."] if above else []),
    ]


def _environment(run: Run) -> list[str]:
    info, environment = run.info, run.info.environment
    sender = environment.sender
    tcpreplay = sender.versions.get("tcpreplay", "not recorded")
    lines = [
        f"Scenario {info.scenario}, linerate {info.linerate_version}, created {info.created_at}",
        f"Fingerprint {environment.fingerprint}, tcpreplay {tcpreplay}",
        f"Sender {_host(sender)}",
        _receiver(run.info),
    ]
    lines += [f"Sender {label.lower()}: {text}" for label, text in attachment_texts(sender).items()]
    tuned = tuning_line(sender.tuning)
    if tuned:
        lines.append(f"Sender tuning: {tuned}")
    return [f"- {md(line)}" for line in lines]


def _receiver(info: RunInfo) -> str:
    """The receiving host; or who counts in its place."""
    if info.environment.receiver:
        return f"Receiver {_host(info.environment.receiver)}"
    counters = [f"{one.name} ({one.kind}, {one.host} {one.interface})" for one in info.witnesses]
    counted = f"counted by {', '.join(counters)}" if counters else "nobody counts what arrives (not witnessed)"
    return f"Receiver is not a host of the inventory: {counted}"


def _host(host: Host) -> str:
    nic = host.nic
    driver = " ".join(part for part in (nic.driver, nic.driver_version) if part) or "driver not known"
    speed = "speed not known" if nic.speed_bps is None else bit_rate(nic.speed_bps)
    return (
        f"{host.name}: {host.os}, kernel {host.kernel}, {host.cpu_model} "
        f"({count(host.cpus, 'CPU')}, {byte_size(host.memory_bytes)}), "
        f"NIC {nic.interface} ({driver}, {speed}, MTU {nic.mtu} B)"
    )


def _invalid(trials: Sequence[TrialResult]) -> list[str]:
    lines = [f"- {md(trial.trial_id)}: {md('; '.join(trial.verdict.reasons))}" for trial in trials[:_INVALID_SHOWN]]
    if len(trials) > _INVALID_SHOWN:
        lines.append(f"- and {len(trials) - _INVALID_SHOWN:,} more: report.html lists every trial")
    return lines
