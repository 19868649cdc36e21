"""Which burst proves a send method, and the error where it does not arrive."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from trial_parts import sent as sent_half
from trial_parts import without_claim
from trial_records import KERNEL, NATIVE, case, setup

from linerate.errors import HostError, InputError
from linerate.nic.counters import ReceiverNic, SenderNic
from linerate.trial.engines.registry import engine
from linerate.trial.evidence import Sent, WitnessReport
from linerate.trial.model import SendMethod, Trial, Witness
from linerate.trial.plan import Combination, plan
from linerate.trial.plan_text import listing, pcaps_of
from linerate.trial.proof import Proof, ProofLoad, arrived, proofs
from linerate.trial.witnesses import report


def planned(**settings: object) -> list[Trial]:
    """A short pcap at a rate and a long one at top speed, by two send methods, twice."""
    loads = [
        (case("short", 78, pcap_packets=60), "pps", 20_000),
        (case("long", 1514, pcap_packets=60), "topspeed", None),
    ]
    combinations = [Combination(one, method, mode, value) for one, mode, value in loads for method in (KERNEL, NATIVE)]
    return plan(combinations, 2, setup(sending={"settings": settings, "cpu": 1}))


def test_one_burst_for_each_send_method_with_the_longest_frames():
    found = proofs(planned(preload_pcap=True), ProofLoad(100, 200), 120)
    assert [proof.trial.trial_id for proof in found] == ["proof-1-kernel", "proof-2-netmap-native"]
    for proof, method in zip(found, (KERNEL, NATIVE)):
        burst = proof.trial
        assert (burst.case.pcap, burst.offered.pps, burst.sending.limit, burst.sending.loop) == (
            "/p/long.pcap", 200, 100, 2,
        )  # fmt: skip
        assert (burst.offered.mode, burst.sending.settings, burst.sending.duration) == ("pps", {}, None)
        assert burst.method == method
        assert burst.bench.allow_destinations == ("198.18.0.0/15",)
        # As the trials are sent, apart from the load.
        assert (burst.sending.cpu, burst.sending.nm_delay, burst.sending.interface) == (1, 4, "ens17")
        assert "--pps=200" in engine(method.engine).command(burst)
        assert (proof.packets, proof.enough) == (100, 50)
    kernel, native = (proof.trial.offered.deadline_seconds for proof in found)
    assert native - kernel == 8
    assert kernel == 1.25 * 0.5 + 120


def test_a_proof_is_passed_on_as_json():
    for proof in proofs(planned(), ProofLoad(), 15):
        assert Proof.from_json(json.loads(json.dumps(proof.to_json()))) == proof


def test_each_destination_and_each_vlan_is_proven_by_its_own_longest_frames():
    """A receiver may be there for one address, and a switch let one VLAN pass."""
    several = tuple(f"198.19.0.{number}" for number in range(2, 7))
    paths = ((("198.19.0.1",), None), (("198.19.0.1",), 10), (("198.19.0.1",), 20), (several, 20))
    trials = [
        replace(trial, case=replace(trial.case, destinations=destinations, vlan_id=vlan))
        for trial, (destinations, vlan) in zip([one for one in planned() if one.method == KERNEL], paths)
    ]
    found = proofs(trials, ProofLoad(), 15)
    assert [(proof.trial.trial_id, proof.path) for proof in found] == [
        ("proof-1-kernel", "kernel to 198.19.0.1"),
        ("proof-2-kernel", "kernel to 198.19.0.1 in VLAN 10"),
        ("proof-3-kernel", "kernel to 198.19.0.1 in VLAN 20"),
        ("proof-4-kernel", "kernel to 198.19.0.2, 198.19.0.3, 198.19.0.4 and 2 more in VLAN 20"),
    ]
    assert [proof.trial.case.pcap for proof in found] == [trial.case.pcap for trial in trials]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"packets": 0}, "benchmark_proof_packets 0"),
        ({"pps": float("nan")}, "benchmark_proof_pps nan"),
        ({"percent": 101}, "benchmark_proof_percent 101"),
        ({"percent": 0}, "benchmark_proof_percent 0"),
    ],
)
def test_a_bad_burst_is_refused(given, named):
    with pytest.raises(InputError, match=named):
        ProofLoad(**given)


def seen(
    claimed: int | None, left: int | None, came: int, matched: int, lost: int = 0, method: SendMethod = KERNEL
) -> tuple[Proof, Sent, list[WitnessReport]]:
    """The burst of 100, and what the two ends saw of it."""
    sent = (
        without_claim("tcpreplay's output is empty")
        if claimed is None
        else sent_half(100, successful=claimed, failed=100 - claimed)
    )
    tx = (None,) * 4 if left is None else (left, 1514 * left, 100 - left, 0)
    nic = {"source": "sysfs", "rx_packets": came, "rx_bytes": 1514 * came, "rx_dropped": lost, "rx_errors": 0}
    counted = {"method": "packet_socket", "packets": matched, "matches": "IPv4 to 198.19.0.1/32, 1514 to 1514 B"}
    received = report(Witness("r", "linux", "r", "ens18"), {"nic": nic, "witness": counted})
    (proof,) = (one for one in proofs(planned(), ProofLoad(100, 200), 15) if one.trial.method == method)
    return proof, replace(sent, nic=SenderNic("sysfs", *tx)), [received]


@pytest.mark.parametrize("matched", [50, 99, 100])
def test_the_packets_that_arrived_are_reported(matched):
    assert arrived(*seen(100, 100, 100, matched)) == (
        f"kernel to 198.19.0.1: {matched} of 100 packets counted at the receiver"
    )


@pytest.mark.parametrize(
    ("numbers", "cause", "hint"),
    [
        ((None, 0, 0, 0), "did not send them: tcpreplay's output is empty", "Correct what it reports."),
        ((3, 3, 3, 3), "tcpreplay did not send them", "Correct"),
        ((100, 0, 0, 0), "did not leave the sending interface", "MTU of the other end"),
        ((100, 100, 0, 0), "left the sender and did not reach the receiver", "MTU for frames of 1514 B"),
        ((100, None, 0, 0), "left the sender and did not reach the receiver", "destination MAC"),
        ((100, 100, 0, 0, 100), "The receiving interface discarded them", "VLAN filter"),
        ((100, 100, 100, 0), "Frames arrive and are not as they were sent", "tcpdump -e"),
    ],
)
def test_missing_packets_are_one_error_with_what_each_end_saw(numbers, cause, hint):
    with pytest.raises(HostError) as caught:
        arrived(*seen(*numbers))
    assert cause in caught.value.rule
    assert f"only {numbers[3]} of 100 packets arrived. Seen: tcpreplay claims " in caught.value.rule
    assert "s ens17 " in caught.value.rule
    assert f"r ens18 received {numbers[2]}" in caught.value.rule
    assert hint in caught.value.hint


def test_a_receiving_interface_whose_counters_contradict_each_other_is_no_clue():
    proof, sent, (receiver,) = seen(100, 100, 100, 0)
    nic = ReceiverNic("sysfs is not usable: the packet counters stood still", None, None, None, None)
    with pytest.raises(HostError) as caught:
        arrived(proof, sent, [replace(receiver, nic=nic)])
    assert "r ens18 counts nothing usable (sysfs is not usable: the packet counters stood still)" in caught.value.rule
    assert caught.value.rule.endswith("Whether they reach ens18 is not known")


def test_nothing_at_an_agent_may_be_the_wrong_interface():
    proof, sent, _ = seen(100, 100, 100, 100)
    counted = {"method": "if_mib", "packets": 0, "matches": "all into port1: ifHCInUcastPkts"}
    agent = report(Witness("dut", "snmp", "192.0.2.1", "port1"), {"usable": True, "witness": counted})
    with pytest.raises(HostError, match="Check that port1 is the agent's receiving interface, the cable"):
        arrived(proof, sent, [agent])


def test_more_packets_than_were_sent_mean_another_sender():
    with pytest.raises(HostError, match="another sender is active"):
        arrived(*seen(100, 100, 900, 900))


def test_a_witness_that_cannot_count_proves_nothing():
    proof, sent, _ = seen(100, 100, 100, 100)
    silent = report(Witness("dut", "snmp", "192.0.2.1", "port1"), {"msg": "no answer"})
    with pytest.raises(HostError, match=r"no witness could count \(dut: no answer\)"):
        arrived(proof, sent, [silent])


def test_the_plan_in_words():
    lines = listing(planned())
    assert len(lines) == 17
    assert lines[:2] == [
        "001-short-kernel-20000pps-r1: 100,000 packets, 7.8 MB (pcap, no FCS), in 5 s, 20,000 pps",
        "    tcpreplay --intf1=ens17 --pps=20000 --loop=1667 --limit=100000 /p/short.pcap",
    ]
    assert lines[4].startswith(
        "003-long-kernel-topspeed-r1: at most 2,438,231 packets, 3,691.5 MB (pcap, no FCS), in 3 s"
    )
    assert lines[-1] == "8 trials: at most 10,152,924 packets, 14,797.1 MB (pcap, no FCS), about 80 s"
    assert pcaps_of(planned()) == [
        {"path": "/p/short.pcap", "sha256": "0" * 64},
        {"path": "/p/long.pcap", "sha256": "0" * 64},
    ]
