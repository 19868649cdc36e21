"""Repeats merged: one group per case, engine and offered rate, and what the run as a whole shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..trial.verdict import kept_pps
from .model import Run, Trial
from ..report.text import bit_rate, clean, count, frame, number, offered
from ..report.witness_text import agreement, loss_places, plan_notices, witness_doubts

LOOPBACK_NOTICE = "Nothing left this host: the rates are of the kernel's loopback path, not of a NIC or a cable."
NETNS_NOTICE = "Sender and receiver share this machine's CPU: the rates are of its kernel, not of a NIC or a cable."
_UNAVAILABLE = "not available on this host: "
_LINE_RATE_SOURCES = {"interface": "as the interface reports", "given": "as given", "assumed": "assumed"}


@dataclass(frozen=True)
class Spread:
    """One quantity over the repeats of a group."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The repeats of one case at one offered rate. Every number is of the valid trials alone."""

    case: str
    engine: str
    mode: str
    value: float | None
    trials: tuple[Trial, ...]

    @property
    def title(self) -> str:
        """The group in words, as text to show."""
        return f"{clean(self.case)}, {clean(self.engine)}, {self.offered}"

    @property
    def offered(self) -> str:
        return offered(self.mode, self.value)

    @property
    def valid(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.valid)

    @property
    def witnessed(self) -> bool:
        """Whether every valid repeat was counted at the receiver; False where there is none."""
        return bool(self.valid) and all(trial.witnessed for trial in self.valid)

    @property
    def offered_pps(self) -> float | None:
        return self.trials[0].offered_pps

    @property
    def frame(self) -> str:
        """Frame length in bytes without FCS."""
        return frame(self.trials[0])

    def spread(self, side: str, unit: str) -> Spread | None:
        """``unit`` is an attribute of Rates (``pps``, ``l1_bps``, ...), ``side`` is ``sent`` or ``received``."""
        rates = [getattr(trial, side) for trial in self.valid]
        known = [getattr(rate, unit) for rate in rates if rate is not None]
        values = [value for value in known if value is not None]
        return Spread(median(values), min(values), max(values)) if values else None

    def median(self, side: str, unit: str) -> float | None:
        spread = self.spread(side, unit)
        return None if spread is None else spread.median

    @property
    def cv_percent(self) -> float | None:
        """Median coefficient of variation, in percent."""
        values = [trial.cv_percent for trial in self.valid if trial.cv_percent is not None]
        return median(values) if values else None

    @property
    def worst_loss_percent(self) -> float | None:
        """Loss of the repeat furthest from 0, in percent: a median would hide one bad repeat."""
        values = [trial.loss_percent for trial in self.valid if trial.loss_percent is not None]
        return max(values, key=abs) if values else None

    @property
    def limits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(trial.limit for trial in self.valid))

    @property
    def bits_side(self) -> str | None:
        """The side whose bit/s are shown: what arrived where it was counted, otherwise what was sent."""
        for side in ("received", "sent"):
            if self.median(side, "l1_bps") is not None:
                return side
        return None


def group_trials(trials: Iterable[Trial]) -> tuple[Group, ...]:
    """The groups in the order their first trial ran."""
    groups: dict[tuple[str, str, str, float | None], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.case, trial.engine, trial.mode, trial.offered_value), []).append(trial)
    return tuple(Group(*key, tuple(members)) for key, members in groups.items())


def verdict(run: Run) -> str:
    """The first sentence of a report."""
    valid = sum(trial.valid for trial in run.trials)
    if not run.trials:
        return f"No trial has ended yet; {count(len(run.planned), 'trial')} planned."
    planned = f" {len(run.missing):,} of {len(run.planned):,} planned trials have no result." if run.missing else ""
    return f"{valid:,} of {count(len(run.trials), 'trial')} valid.{planned}"


def findings(run: Run, groups: Sequence[Group]) -> list[str]:
    """What the valid trials show, in sentences: pacing, loss, the highest rates."""
    valid = [trial for trial in run.trials if trial.valid]
    sentences = (*plan_notices(run), _pacing(valid), _loss(valid), *agreement(run.trials))
    return [line for line in (*sentences, *headline(groups)) if line]


def headline(groups: Sequence[Group]) -> list[str]:
    """The highest rates, in packets and in bits, each with who counted it and what limited it."""
    packets, bits = _highest(groups, "pps"), _highest(groups, "l1_bps")
    if packets == bits:
        return [f"Most packets and bits: {packets}"] if packets else []
    return [f"Most packets: {packets}", f"Most bits: {bits}"]


def _pacing(valid: Sequence[Trial]) -> str:
    paced = [trial for trial in valid if trial.paced_pps]
    if not paced:
        return ""
    off = max(abs(kept_pps(trial.mode, trial.record["claim"]) / (trial.paced_pps or 1) - 1) for trial in paced)
    return f"Pacing: {count(len(paced), 'valid paced trial')} sent within {number(100 * off, 2)} % of the offered rate."


def _loss(valid: Sequence[Trial]) -> str:
    counted = [trial for trial in valid if trial.loss_packets is not None]
    if not counted:
        return ""
    lost = sum(trial.loss_packets or 0 for trial in counted)
    places = loss_places(counted)
    where = f"; {places}" if places else ""
    return f"Loss: {count(lost, 'packet')} in {count(len(counted), 'valid witnessed trial')}{where}."


def _highest(groups: Sequence[Group], unit: str) -> str:
    """The group with the highest median of ``unit``, an attribute of Rates."""
    rated = [(group.median(side, unit) or 0.0, group, side) for group in groups if (side := group.bits_side)]
    if not rated:
        return ""
    _, group, side = max(rated, key=lambda entry: entry[0])
    witness = side if group.witnessed else f"{side}, not witnessed"
    percent = group.median(side, "line_rate_percent")
    share = "" if percent is None else f" ({number(percent, 2)} % of line rate)"
    return (
        f"{number(group.median(side, 'pps'))} pps {witness}, {bit_rate(group.median(side, 'l1_bps') or 0)} L1"
        f"{share}, {clean(group.case)} at {group.offered}, engine {group.engine}; limit: {', '.join(group.limits)}."
    )


def line_rates(run: Run) -> str:
    """The line rates that the percentages refer to."""
    stated = (trial.record["line_rate"] for trial in run.trials)
    found = (f"{bit_rate(rate['bps'])} ({_LINE_RATE_SOURCES[rate['source']]})" for rate in stated)
    return ", ".join(dict.fromkeys(found))


def unavailable(run: Run) -> list[str]:
    """The engines, and adapters of netmap, that were wanted and cannot be had, each with its reason."""
    # Whoever found the reason may have begun the sentence already.
    lines = []
    for item in run.info["plan"]["unavailable"]:
        wanted = " ".join(part for part in (item["engine"], item.get("adapter")) if part)
        reason = clean(item["reason"]).removeprefix(_UNAVAILABLE).rstrip(".")
        trials = [f"{clean(t['case'])} at {offered(t['mode'], t['value'])}" for t in item.get("trials", ())]
        lines.append(f"{clean(wanted)}: {_UNAVAILABLE}{reason}" + (f" ({'; '.join(trials)})" if trials else ""))
    return lines


def lab_text(run: Run) -> tuple[str, str]:
    """What the run was sent over, and the notice that belongs to it (empty on real hosts)."""
    lab: dict[str, Any] | None = run.info["lab"]
    if lab is None:
        return "the hosts of the inventory", ""
    if lab["backend"] == "loopback":
        reason = clean(lab["reason"]).strip().rstrip(".")
        return f"embedded, loopback fallback: {reason or 'no reason was recorded'}", LOOPBACK_NOTICE
    return "embedded, two network namespaces joined by a veth pair", NETNS_NOTICE


def doubts(run: Run) -> list[str]:
    """What a reader must know before using a number."""
    lines = []
    partial = [trial.trial_id for trial in run.trials if trial.record.get("partial")]
    if partial:
        lines.append(f"Cut off, so partial and not valid: {_listed(partial, len(run.trials))}.")
    unwitnessed = [trial.trial_id for trial in run.trials if not trial.witnessed]
    if unwitnessed:
        lines.append(
            f"Not witnessed at the receiver: {_listed(unwitnessed, len(run.trials))}: judged by the sender alone."
        )
    lines += witness_doubts(run)
    uncounted = [trial.trial_id for trial in run.trials if trial.record["sender_nic"]["tx_packets"] is None]
    if uncounted:
        lines.append(f"The sender's NIC counted nothing and is no witness: {_listed(uncounted, len(run.trials))}.")
    if run.missing:
        lines.append(f"Planned, without a result: {_listed(run.missing, len(run.planned))}.")
    unsampled = [trial.trial_id for trial in run.trials if not trial.samples]
    if unsampled:
        lines.append(f"No per-second samples: {_listed(unsampled, len(run.trials))}.")
    own = run.info["environment"]["fingerprint"]
    strange = [trial.trial_id for trial in run.trials if trial.record["fingerprint"] != own]
    if strange:
        lines.append(f"Measured in another environment than the one described: {_listed(strange, len(run.trials))}.")
    return lines


def adapters(run: Run) -> list[tuple[str, str]]:
    """For each adapter of netmap that sent, the trials and the evidence they share."""
    shared: dict[tuple[str, ...], list[Trial]] = {}
    for trial in run.trials:
        if trial.adapter["kind"]:
            key = (trial.engine, str(trial.adapter["driver"]), *trial.adapter["evidence"])
            shared.setdefault(key, []).append(trial)
    return [
        (
            f"{engine}, driver {clean(driver)}, {_listed([trial.trial_id for trial in trials], len(run.trials))}",
            "; ".join(clean(line) for line in evidence),
        )
        for (engine, driver, *evidence), trials in shared.items()
    ]


def _listed(ids: Sequence[str], of: int) -> str:
    """``3 of 24 trials (001-a, 002-b, 003-c)``, the ids cut where they fill lines."""
    shown = [clean(trial_id) for trial_id in ids[:6]]
    rest = f" and {len(ids) - len(shown):,} more" if len(ids) > len(shown) else ""
    return f"{len(ids):,} of {count(of, 'trial')} ({', '.join(shown)}{rest})"
