"""What a reader must know about a run before using its numbers."""

from __future__ import annotations

from ..results.model import TrialResult
from ..results.run import Run, Unavailable
from .text import bit_rate, clean, listed, offered
from .witness_text import witness_caveats

LOOPBACK_NOTICE = "No packet left this host: the rates are of the kernel's loopback path, not of a NIC or a cable."
NETNS_NOTICE = "Sender and receiver share this machine's CPU: the rates are of its kernel, not of a NIC or a cable."
NOT_APPLICABLE = "% of line rate: not applicable, the link is virtual"
_UNAVAILABLE = "not available on this host: "
_LINE_RATE_SOURCES = {"interface": "as the interface reports", "given": "as given", "assumed": "assumed"}


def caveats(run: Run) -> list[str]:
    """What limits the use of the trials of a run, each with the trials that it holds for."""
    trials, fingerprint = run.trials, run.info.environment.fingerprint
    elsewhere = [trial for trial in trials if trial.fingerprint != fingerprint]
    return [
        *_of("Cut off, so partial and not valid", [trial for trial in trials if trial.partial], run),
        *_of("Not witnessed at the receiver, judged by the sender alone", _unwitnessed(run), run),
        *witness_caveats(run),
        *_of(
            "Not counted by the sender's NIC", [trial for trial in trials if trial.sender_nic.tx_packets is None], run
        ),
        *([f"Planned, without a result: {listed(run.missing, len(run.info.plan.trials))}."] if run.missing else []),
        *_of("No samples", [trial for trial in trials if not (trial.is_burst or run.samples.get(trial.trial_id))], run),
        *_of("Measured in another environment than the one described", elsewhere, run),
    ]


def _of(what: str, trials: list[TrialResult], run: Run) -> list[str]:
    ids = [trial.trial_id for trial in trials]
    return [f"{what}: {listed(ids, len(run.trials))}."] if ids else []


def _unwitnessed(run: Run) -> list[TrialResult]:
    return [trial for trial in run.trials if not trial.witnessed]


def lab_text(run: Run) -> tuple[str, str]:
    """What the run was sent over, and the notice that belongs to it (empty on real hosts)."""
    lab = run.info.lab
    if lab is None:
        return "the hosts of the inventory", ""
    if run.info.loopback:
        reason = clean(lab.reason).strip().rstrip(".")
        return f"embedded, loopback fallback: {reason or 'no reason was recorded'}", LOOPBACK_NOTICE
    return "embedded, network namespaces joined by veth pairs", NETNS_NOTICE


def line_rate_note(run: Run) -> str:
    """The line rates that the percentages refer to, or that there is none."""
    if not run.has_line_rate:
        return f"{NOT_APPLICABLE}. State its speed (benchmark_link_bps) to have it."
    rates = dict.fromkeys(trial.line_rate for trial in run.trials)
    known = ", ".join(f"{bit_rate(rate.bps)} ({_LINE_RATE_SOURCES[rate.source]})" for rate in rates)
    return f"Line rate: {known}, counted in L1 bits."


def unavailable(run: Run) -> list[str]:
    """The send methods of the scenario that are not available, each with the reason."""
    return [_unavailable(item) for item in run.info.plan.unavailable]


def _unavailable(item: Unavailable) -> str:
    name = "-".join(part for part in (item.engine, item.adapter) if part)
    # The reason may begin with these words already.
    reason = clean(item.reason).removeprefix(_UNAVAILABLE).rstrip(".")
    trials = "; ".join(f"{clean(trial.case)} at {offered(trial.mode, trial.value)}" for trial in item.trials)
    return f"{clean(name)}: {_UNAVAILABLE}{reason}" + (f" ({trials})" if trials else "")


def adapters(run: Run) -> list[tuple[str, str]]:
    """For each kind of adapter that sent, its trials and the evidence that they share."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for trial in run.trials:
        if trial.adapter.kind:
            key = (trial.method.name, str(trial.adapter.driver), *trial.adapter.evidence)
            shared.setdefault(key, []).append(trial.trial_id)
    return [
        (
            f"{clean(method)}, driver {clean(driver)}, {listed(ids, len(run.trials))}",
            "; ".join(clean(line) for line in evidence),
        )
        for (method, driver, *evidence), ids in shared.items()
    ]
