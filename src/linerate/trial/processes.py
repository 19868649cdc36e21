"""Several processes that send one trial: each its part of the pcap, its share of the load, its CPU; and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import InputError
from ..pcap.split import FOLDER, Split, split
from ..system.gate import Gate, held
from ..tcpreplay.supervise import Outcome
from ..tuning.sending_cpus import sending_resources
from .engines.base import Engine
from .evidence import Adapter, Claim, PartSent
from .model import Offered, Trial

COUNTS = ("packets", "bytes", "successful", "failed", "truncated", "retried_enobufs", "retried_eagain")


@dataclass(frozen=True)
class Member:
    """One process: what it sends, its command, and the command that starts it."""

    trial: Trial
    argv: tuple[str, ...]
    starting: tuple[str, ...]


def alone(trial: Trial, engine: Engine) -> Member:
    """The one process that sends all of ``trial``."""
    argv = tuple(engine.provide(engine.command(trial)))
    return Member(trial, argv, argv)


def members(shared: Sequence[Trial], engine: Engine, gate: Gate) -> list[Member]:
    """The processes that send ``shared``, one for each path of ``gate``."""
    found = []
    for number, (part, path) in enumerate(zip(shared, gate.paths)):
        argv = engine.part_command(part, number, path)
        found.append(Member(part, tuple(argv), tuple(argv if engine.waits_at_gate else held(argv, path))))
    return found


def shares(trial: Trial, engine: Engine, folder: str = FOLDER) -> list[Trial]:
    """What each process of ``trial`` sends. A part of which no packet is to be sent needs no process.

    LinerateError where the pcap cannot be split, or the interface has too few transmit queues.
    """
    interface, count = trial.sending.interface, trial.method.processes
    resources = sending_resources(interface)
    reason = engine.processes_unavailable(count, trial.method.adapter, resources.queues)
    if reason:
        raise InputError("processes", count, f"is too many on {interface}: {reason}", "Use fewer processes.")
    parts, cpus = split(trial.case.pcap, count, folder), resources.assigned(trial.sending.cpu)
    limit = trial.sending.limit
    limits = [None if limit is None else parts.packets_of(number, limit) for number in range(len(parts.parts))]
    sending = [number for number, most in enumerate(limits) if most != 0]
    return [
        _share(trial, parts, number, limits[number], cpus[place % len(cpus)]) for place, number in enumerate(sending)
    ]


def _share(trial: Trial, whole: Split, number: int, limit: int | None, cpu: int) -> Trial:
    part = whole.parts[number]
    packets, octets = len(whole.order), sum(one.bytes for one in whole.parts)
    share = part.bytes / octets if trial.offered.mode == "mbps" else part.packets / packets
    return replace(
        trial,
        case=replace(trial.case, pcap=part.path, pcap_sha256=part.sha256, pcap_packets=part.packets),
        offered=_offered(trial.offered, share, limit),
        sending=replace(trial.sending, limit=limit, cpu=cpu),
    )


def _offered(offered: Offered, share: float, packets: int | None) -> Offered:
    value, pps = (None if rate is None else rate * share for rate in (offered.value, offered.pps))
    return replace(offered, value=value, pps=pps, packets=packets)


def part_sent(
    member: Member, engine: Engine, outcome: Outcome, cpus_allowed: str | None, cpu_percent: float | None
) -> PartSent:
    """What one of several processes sent."""
    claim, error = engine.read_claim(outcome)
    return PartSent(
        argv=member.argv,
        pcap_packets=member.trial.case.pcap_packets,
        cpus_allowed=cpus_allowed,
        cpu_percent=cpu_percent,
        exit_status=outcome.exit_status,
        started_seconds=engine.started_seconds(outcome),
        claim=claim,
        claim_error=error,
        stderr=outcome.stderr[:1000],
    )


def total_claim(parts: Sequence[PartSent]) -> tuple[Claim | None, str | None]:
    """The sum of all processes' counts, from the first start to the last end; None and the reason without one."""
    claims = [part.claim for part in parts if part.claim]
    if len(claims) < len(parts):
        errors = [
            f"process {number}: {part.claim_error}" for number, part in enumerate(parts, start=1) if part.claim is None
        ]
        return None, "; ".join(errors)
    starts = [part.started_seconds or 0.0 for part in parts]
    seconds = max(start + claim.seconds for start, claim in zip(starts, claims)) - min(starts)
    per_second = 1 / seconds if seconds else 0.0
    counts = {name: sum(getattr(claim, name) for claim in claims) for name in COUNTS}
    return Claim(
        **counts,
        seconds=seconds,
        bytes_per_second=counts["bytes"] * per_second,
        mbps=8e-6 * counts["bytes"] * per_second,
        pps=counts["packets"] * per_second,
        interrupted=any(claim.interrupted for claim in claims),
    ), None


def total_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """The end of all processes as that of one: the first status that is not 0, all signals, the longest time."""
    if len(outcomes) == 1:
        return outcomes[0]
    stderr = [f"process {number}: {one.stderr}" for number, one in enumerate(outcomes, start=1) if one.stderr]
    return Outcome(
        exit_status=next((one.exit_status for one in outcomes if one.exit_status), 0),
        signals_sent=tuple(dict.fromkeys(signal for one in outcomes for signal in one.signals_sent)),
        deadline_exceeded=any(one.deadline_exceeded for one in outcomes),
        stopped_because=next((one.stopped_because for one in outcomes if one.stopped_because), None),
        elapsed_seconds=max(one.elapsed_seconds for one in outcomes),
        stdout="".join(one.stdout for one in outcomes),
        stderr="\n".join(stderr),
        stderr_bytes=sum(one.stderr_bytes for one in outcomes),
    )


def total_adapter(adapters: Sequence[Adapter]) -> Adapter:
    """The adapter of all processes: found is what differs from the requested kind, where one does."""
    first = adapters[0]
    found = next((one.found for one in adapters if one.found != one.kind), first.found)
    return Adapter(
        first.kind, found, first.driver, tuple(dict.fromkeys(line for one in adapters for line in one.evidence))
    )
