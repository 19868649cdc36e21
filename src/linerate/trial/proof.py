"""Proof of arrival: a short, slow burst that the receiver must count, before the trials start.

That nothing arrives is the classic mistake of a bench, and no sender notices it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..errors import HostError
from ..nic.counters import ReceiverNic
from ..receiver.packet_filter import shortened
from ..record import Record
from ..validate import check_rate, check_whole
from .engines.registry import engine_of
from .evidence import Claim, Sent, WitnessReport
from .model import Offered, Trial
from .plan import DEADLINE_FACTOR
from .verdict import program
from .witnesses import at_receiver, primary

PROOF = "proof of arrival"
PREPARATION_SECONDS = 15.0


@dataclass(frozen=True)
class ProofLoad(Record):
    """``packets`` at ``pps`` packets/s, of which ``percent`` must be counted at the receiver."""

    packets: int = 100
    pps: float = 200.0
    percent: float = 50.0

    def __post_init__(self) -> None:
        check_whole("benchmark_proof_packets", self.packets, 1, 1_000_000)
        check_rate("benchmark_proof_pps", self.pps, least=0.001)
        check_rate("benchmark_proof_percent", self.percent, most=100)


@dataclass(frozen=True)
class Proof(Record):
    """A burst to be sent as ``trial``; ``path`` says how and where to, ``percent`` of it must arrive."""

    PARTS: ClassVar[dict[str, type[Any]]] = {"trial": Trial}

    path: str
    percent: float
    trial: Trial

    @property
    def packets(self) -> int:
        return int(self.trial.sending.limit or 0)

    @property
    def enough(self) -> float:
        """How many packets must arrive."""
        return self.percent * self.packets / 100


def proofs(trials: Sequence[Trial], load: ProofLoad, deadline_margin: float) -> list[Proof]:
    """One burst for each send method, destination and VLAN of the ``trials``, with the longest frames there.

    A path that carries those carries the shorter ones, too.
    """
    longest: dict[tuple[str, tuple[str, ...], int | None], Trial] = {}
    for trial in trials:
        path = trial.method.name, trial.case.destinations, trial.case.vlan_id
        if path not in longest or trial.case.max_frame_length > longest[path].case.max_frame_length:
            longest[path] = trial
    return [
        Proof(_words(*path), load.percent, _burst(f"proof-{place}-{path[0]}", trial, load, deadline_margin))
        for place, (path, trial) in enumerate(longest.items(), start=1)
    ]


def _words(name: str, destinations: Sequence[str], vlan: int | None) -> str:
    return f"{name} to {shortened(destinations)}" + ("" if vlan is None else f" in VLAN {vlan}")


def _burst(trial_id: str, trial: Trial, load: ProofLoad, deadline_margin: float) -> Trial:
    seconds = load.packets / load.pps
    switching = engine_of(trial.method).switching_seconds(trial.sending.nm_delay)
    deadline = DEADLINE_FACTOR * seconds + switching + max(PREPARATION_SECONDS, deadline_margin)
    loop = -(-load.packets // trial.case.pcap_packets)
    return replace(
        trial,
        trial_id=trial_id,
        offered=Offered("pps", load.pps, load.pps, load.packets, seconds, round(deadline, 3)),
        sending=replace(trial.sending, loop=loop, limit=load.packets, duration=None, settings={}),
    )


def arrived(proof: Proof, sent: Sent, reports: Sequence[WitnessReport]) -> str:
    """How many packets arrived, in words. HostError where too few did: what each end saw, and the likely cause."""
    witness = primary(reports)
    if witness is None or witness.witness is None:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in at_receiver(reports))
        raise HostError(PROOF, proof.path, f"no witness could count ({reasons})", "Correct benchmark_witnesses.")
    counted = witness.witness.packets
    if witness.kind == "linux" and counted > 2 * proof.packets:
        rule = f"the receiver counted {counted:,} packets like the {proof.packets:,} sent: another sender is active"
        raise HostError(PROOF, proof.path, rule, "End it, or send to another address.")
    if counted >= proof.enough:
        return f"{proof.path}: {counted:,} of {proof.packets:,} packets counted at the receiver"
    cause, hint = _cause(proof, sent, witness)
    rule = f"only {counted:,} of {proof.packets:,} packets arrived. {_seen(proof, sent, witness)}. {cause}"
    raise HostError(PROOF, proof.path, rule, hint)


def _seen(proof: Proof, sent: Sent, witness: WitnessReport) -> str:
    """What each of the four witnesses says."""
    claimed = _claimed(sent.claim)
    moved = "counts nothing" if sent.nic.tx_packets is None else f"sent {sent.nic.tx_packets:,}"
    dropped = "" if sent.nic.tx_dropped is None else f" and dropped {sent.nic.tx_dropped:,}"
    sender = proof.trial.bench.sender
    counted = f"of these {witness.witness.packets:,} are {witness.witness.matches}" if witness.witness else ""
    return (
        f"Seen: {program(sent)} {claimed}; {sender.host} {sender.interface} {moved}{dropped}; "
        f"{witness.host} {witness.interface} {_came(witness.nic)}; {counted}"
    )


def _claimed(claim: Claim | None) -> str:
    return f"claims {claim.successful:,} sent, {claim.failed:,} failed" if claim else "claims nothing"


def _came(nic: ReceiverNic | None) -> str:
    if nic is None:
        return "counts nothing more"
    if nic.rx_packets is None:
        return f"counts nothing usable ({nic.source})"
    return f"received {nic.rx_packets:,}, dropped {nic.rx_dropped:,}, with errors {nic.rx_errors:,}"


def _cause(proof: Proof, sent: Sent, witness: WitnessReport) -> tuple[str, str]:
    """Where the packets were lost, by the last witness that saw them; and what to check there."""
    if sent.claim is None or sent.claim.successful < proof.enough:
        reason = sent.claim_error or "it was stopped"
        return f"{program(sent)} did not send them: {reason}", "Correct what it reports."
    if sent.nic.tx_packets is not None and sent.nic.tx_packets < proof.enough:
        return (
            "They did not leave the sending interface",
            "Check its link (ethtool), its queueing discipline (tc qdisc show), and the MTU of the other end.",
        )
    return _cause_beyond(proof, witness)


def _cause_beyond(proof: Proof, witness: WitnessReport) -> tuple[str, str]:
    """Where packets were lost that left the sender, and what to check there."""
    nic, name = witness.nic, witness.interface
    if nic is not None and nic.rx_packets is None:
        return f"Whether they reach {name} is not known", f"Check its counters (ethtool -S {name}), and capture there."
    received = (nic.rx_packets or 0) if nic else 0
    if received + ((nic.rx_dropped or 0) + (nic.rx_errors or 0) if nic else 0) < proof.enough:
        agent = f"that {name} is the agent's receiving interface, " if witness.kind == "snmp" else ""
        return (
            "They left the sender and did not reach the receiver",
            f"Check {agent}the cable and its ports, that the frames' destination MAC is that of the receiver or of the "
            f"next router, the VLAN, an MTU for frames of {proof.trial.case.max_frame_length} B on the path, and a "
            "firewall in between.",
        )
    if received < proof.enough:
        return (
            "The receiving interface discarded them",
            "Check its MTU, its VLAN filter, and its errors (ethtool -S).",
        )
    return (
        "Frames arrive and are not as they were sent",
        f"Capture them (tcpdump -e): addresses or lengths that a device changes, or segments that {name} combines "
        "(ethtool -K turns off gro, rx-gro-hw and lro). Padding, a removed VLAN tag and the FCS are no cause.",
    )
