"""Proof of arrival: a short, slow burst that the receiver must count, before any trial is believed to arrive.

That nothing arrives is the classic mistake of a bench, and no sender notices it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import HostError
from ..tcpreplay.options import ReplayOptions
from ..validate import check_rate, check_whole
from .witnesses import primary

PROOF = "proof of arrival"
PREPARATION_SECONDS = 15.0


@dataclass(frozen=True)
class Burst:
    """``packets`` at ``pps`` packets/s; ``percent`` of them must be counted at the receiver."""

    packets: int = 100
    pps: float = 200.0
    percent: float = 50.0

    def __post_init__(self) -> None:
        check_whole("benchmark_proof_packets", self.packets, 1, 1_000_000)
        check_rate("benchmark_proof_pps", self.pps, least=0.001)
        check_rate("benchmark_proof_percent", self.percent, most=100)


def proofs(trials: Sequence[Mapping[str, Any]], burst: Burst, deadline_margin: float) -> list[dict[str, Any]]:
    """One burst for each way to send, destination and VLAN of the prepared ``trials``, with the longest frames there.

    What lets those pass lets the shorter ones pass, too. Each is like a prepared trial, for the same modules.
    """
    longest: dict[tuple[str, str, int | None], Mapping[str, Any]] = {}
    for trial in trials:
        name = "-".join(filter(None, (trial["planned"]["engine"], trial["planned"]["adapter"])))
        path = name, trial["destination"], trial["vlan_id"]
        if path not in longest or _longest_frame(trial) > _longest_frame(longest[path]):
            longest[path] = trial
    return [
        _proof(f"proof-{place}-{path[0]}", _words(*path), trial, burst, deadline_margin)
        for place, (path, trial) in enumerate(longest.items(), start=1)
    ]


def _words(name: str, destination: str, vlan: int | None) -> str:
    return f"{name} to {destination}" + ("" if vlan is None else f" in VLAN {vlan}")


def _longest_frame(trial: Mapping[str, Any]) -> int:
    length: int = trial["planned"]["case"]["max_frame_length"]
    return length


def _proof(trial_id: str, words: str, trial: Mapping[str, Any], burst: Burst, deadline_margin: float) -> dict[str, Any]:
    case, replay = trial["planned"]["case"], trial["replay"]
    options = ReplayOptions(
        interface=replay["interface"],
        pcap=replay["pcap"],
        pps=burst.pps,
        loop=-(-burst.packets // case["pcap_packets"]),
        limit=burst.packets,
        netmap=replay["netmap"],
        nm_delay=replay["nm_delay"],
    )
    waiting = 2 * options.nm_delay if options.netmap else 0
    deadline = 1.25 * burst.packets / burst.pps + waiting + max(PREPARATION_SECONDS, deadline_margin)
    planned = trial["planned"]
    return {
        **trial,
        "way": words,
        "percent": burst.percent,
        "planned": {
            **planned,
            "trial_id": trial_id,
            "offered": {**planned["offered"], "deadline_seconds": round(deadline, 3)},
        },
        "replay": {**replay, **vars(options)},
    }


def arrived(proof: Mapping[str, Any], sent: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> str:
    """How many packets arrived, in words. HostError where too few did: what each end saw, and the likely cause.

    ``sent`` is what the module linerate_replay returned, ``reports`` are of trial.witnesses.
    """
    asked, witness = proof["replay"]["limit"], primary(reports)
    if witness is None:
        reasons = "; ".join(f"{one['name']}: {one['reason']}" for one in reports)
        raise HostError(PROOF, proof["way"], f"no witness could count ({reasons})", "Correct benchmark_witnesses.")
    counted = witness["witness"]["packets"]
    if witness["kind"] == "linux" and counted > 2 * asked:
        rule = f"the receiver counted {counted:,} packets like the {asked:,} sent: another sender is at work"
        raise HostError(PROOF, proof["way"], rule, "End it, or send to another address.")
    if 100 * counted >= proof["percent"] * asked:
        return f"{proof['way']}: {counted:,} of {asked:,} packets counted at the receiver"
    cause, hint = _cause(proof, sent, witness)
    rule = f"only {counted:,} of {asked:,} packets arrived. {_seen(proof, sent, witness)}. {cause}"
    raise HostError(PROOF, proof["way"], rule, hint)


def _seen(proof: Mapping[str, Any], sent: Mapping[str, Any], witness: Mapping[str, Any]) -> str:
    """What each of the four witnesses says."""
    claim, left, came = sent["claim"], sent["nic"], witness["nic"]
    claimed = f"claims {claim['successful']:,} sent, {claim['failed']:,} failed" if claim else "claims nothing"
    moved = "counts nothing" if left["tx_packets"] is None else f"sent {left['tx_packets']:,}"
    dropped = "" if left["tx_dropped"] is None else f" and dropped {left['tx_dropped']:,}"
    sender = proof["context"]["sender"]
    return (
        f"Seen: tcpreplay {claimed}; {sender['host']} {sender['interface']} {moved}{dropped}; "
        f"{witness['host']} {witness['interface']} {_came(came)}; of these {witness['witness']['packets']:,} are "
        f"{witness['witness']['matches']}"
    )


def _came(nic: Mapping[str, Any] | None) -> str:
    said = [f"{word} {nic[name]:,}" for name, word in _RECEIVED.items() if nic and nic.get(name) is not None]
    return ", ".join(said) or "counts nothing more"


_RECEIVED = {"rx_packets": "received", "rx_dropped": "dropped", "rx_errors": "with errors"}


def _cause(proof: Mapping[str, Any], sent: Mapping[str, Any], witness: Mapping[str, Any]) -> tuple[str, str]:
    """Where the packets were lost, by the last witness that saw them; and what to look at there."""
    claim, left, counted = sent["claim"], sent["nic"], witness["nic"] or {}
    came = {name: counted.get(name) or 0 for name in _RECEIVED}
    enough = proof["percent"] * proof["replay"]["limit"] / 100
    if claim is None or claim["successful"] < enough:
        return f"tcpreplay did not send them: {sent['claim_error'] or 'it was stopped'}", "Mend what it complains of."
    if left["tx_packets"] is not None and left["tx_packets"] < enough:
        return (
            "They did not leave the sending interface",
            "See its link (ethtool), its queueing discipline (tc qdisc show), and the MTU of the other end.",
        )
    if sum(came.values()) < enough:
        frame = proof["planned"]["case"]["max_frame_length"]
        return (
            "They left the sender and did not reach the receiver",
            "Check the cable and its ports, that the frames' destination MAC is the receiver's or the router's that is "
            f"next, the VLAN, an MTU for frames of {frame} B on the way, and a firewall in between.",
        )
    if came["rx_packets"] < enough:
        return (
            "The receiving interface discarded them",
            "Check its MTU, its VLAN filter, and its errors (ethtool -S).",
        )
    return (
        "Frames arrive and are not as they were sent",
        "Look at them (tcpdump -e): a VLAN tag, or addresses that are rewritten on the way.",
    )
