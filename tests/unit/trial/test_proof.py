"""Which burst proves a way to send, and what is said where it does not arrive."""

from __future__ import annotations

from typing import Any

import pytest

from linerate.errors import HostError, InputError
from linerate.tcpreplay.options import ReplayOptions, build_argv
from linerate.trial.plan import Asked, Case, Sending, Way, plan, replay_options
from linerate.trial.plan_text import listing, pcaps_of
from linerate.trial.proof import Burst, arrived, proofs
from linerate.trial.witnesses import report
from linerate.units import GBIT

SENDING = Sending({"paced": 5.0, "topspeed": 3.0}, 10 * GBIT, nm_delay=4)
CONTEXT = {"sender": {"host": "s", "interface": "ens17"}, "receiver": {"host": "r", "interface": "ens18"}}


def case(name: str, length: int) -> Case:
    return Case(name, f"/p/{name}.pcap", length * "0", 60, float(length), length, length)


def prepared() -> list[dict[str, Any]]:
    ways = [Way("kernel"), Way("netmap", "native")]
    loads = [(case("short", 78), "pps", 20_000), (case("long", 1514), "topspeed", None)]
    trials = plan([Asked(one, way, mode, value) for one, mode, value in loads for way in ways], 2, SENDING)
    return [
        {
            "planned": trial.describe(),
            "context": CONTEXT,
            "argv": build_argv(replay_options(trial, "ens17", 4)),
            "replay": {
                **vars(replay_options(trial, "ens17", 4, preload_pcap=True)),
                "adapter": trial.adapter,
            },
            "look": {"allow_destinations": ["198.18.0.0/15"]},
            "destination": "198.19.0.1",
            "vlan": False,
            "vlan_id": None,
        }
        for trial in trials
    ]


def test_one_burst_for_each_way_with_the_longest_frames():
    found = proofs(prepared(), Burst(100, 200), 120)
    assert [proof["planned"]["trial_id"] for proof in found] == ["proof-1-kernel", "proof-2-netmap-native"]
    deadlines = [proof["planned"]["offered"]["deadline_seconds"] for proof in found]
    for proof, netmap in zip(found, (False, True)):
        replay = proof["replay"]
        assert (replay["pcap"], replay["pps"], replay["limit"], replay["loop"]) == ("/p/long.pcap", 200, 100, 2)
        assert (replay["topspeed"], replay["preload_pcap"], replay["duration"]) == (False, False, None)
        assert (replay["netmap"], replay["adapter"]) == (netmap, "native" if netmap else None)
        assert proof["look"]["allow_destinations"] == ["198.18.0.0/15"]
        options = ReplayOptions(**{name: replay[name] for name in vars(ReplayOptions("a", "b", topspeed=True))})
        assert "--pps=200" in build_argv(options)
    assert deadlines[1] - deadlines[0] == 8


def test_each_destination_and_each_vlan_is_proven_by_its_own_longest_frames():
    """A receiver may be there for one address, and a switch let one VLAN pass."""
    trials = [trial for trial in prepared() if trial["planned"]["engine"] == "kernel"]
    for trial, path in zip(trials, (("198.19.0.1", None), ("198.19.0.1", 10), ("198.19.0.1", 20), ("198.19.0.2", 20))):
        trial["destination"], trial["vlan_id"] = path
    found = proofs(trials, Burst(), 15)
    assert [(proof["planned"]["trial_id"], proof["way"]) for proof in found] == [
        ("proof-1-kernel", "kernel to 198.19.0.1"),
        ("proof-2-kernel", "kernel to 198.19.0.1 in VLAN 10"),
        ("proof-3-kernel", "kernel to 198.19.0.1 in VLAN 20"),
        ("proof-4-kernel", "kernel to 198.19.0.2 in VLAN 20"),
    ]
    assert [proof["replay"]["pcap"] for proof in found] == [trial["replay"]["pcap"] for trial in trials]


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
        Burst(**given)


def seen(claimed: int | None, left: int | None, came: int, matched: int, lost: int = 0) -> tuple[Any, Any, Any]:
    """The burst of 100, and what the two ends saw of it."""
    claim = None if claimed is None else {"successful": claimed, "failed": 100 - claimed}
    sent = {
        "claim": claim,
        "claim_error": None if claim else "tcpreplay's output is empty",
        "nic": {"tx_packets": left, "tx_dropped": None if left is None else 100 - left},
    }
    nic = {"rx_packets": came, "rx_dropped": lost, "rx_errors": 0}
    counted = {"method": "packet_socket", "packets": matched, "matches": "IPv4 to 198.19.0.1/32, 1514 to 1514 B"}
    received = report(
        {"name": "r", "kind": "linux", "host": "r", "interface": "ens18"}, {"nic": nic, "witness": counted}
    )
    return proofs(prepared(), Burst(100, 200), 15)[0], sent, [received]


@pytest.mark.parametrize("matched", [50, 99, 100])
def test_what_arrives_is_said(matched):
    assert arrived(*seen(100, 100, 100, matched)) == (
        f"kernel to 198.19.0.1: {matched} of 100 packets counted at the receiver"
    )


@pytest.mark.parametrize(
    ("numbers", "cause", "hint"),
    [
        ((None, 0, 0, 0), "did not send them: tcpreplay's output is empty", "Mend what it complains of"),
        ((3, 3, 3, 3), "tcpreplay did not send them", "Mend"),
        ((100, 0, 0, 0), "did not leave the sending interface", "MTU of the other end"),
        ((100, 100, 0, 0), "left the sender and did not reach the receiver", "MTU for frames of 1514 B"),
        ((100, None, 0, 0), "left the sender and did not reach the receiver", "destination MAC"),
        ((100, 100, 0, 0, 100), "The receiving interface discarded them", "VLAN filter"),
        ((100, 100, 100, 0), "Frames arrive and are not as they were sent", "tcpdump -e"),
    ],
)
def test_what_does_not_arrive_is_one_error_with_what_each_end_saw(numbers, cause, hint):
    with pytest.raises(HostError) as caught:
        arrived(*seen(*numbers))
    assert cause in caught.value.rule
    assert f"only {numbers[3]} of 100 packets arrived. Seen: tcpreplay claims " in caught.value.rule
    assert "s ens17 " in caught.value.rule
    assert f"r ens18 received {numbers[2]}" in caught.value.rule
    assert hint in caught.value.hint


def test_more_than_was_sent_is_another_sender():
    with pytest.raises(HostError, match="another sender is at work"):
        arrived(*seen(100, 100, 900, 900))


def test_a_witness_that_cannot_count_proves_nothing():
    proof, sent, _ = seen(100, 100, 100, 100)
    silent = report({"name": "dut", "kind": "snmp", "host": "192.0.2.1", "interface": "port1"}, {"msg": "no answer"})
    with pytest.raises(HostError, match=r"no witness could count \(dut: no answer\)"):
        arrived(proof, sent, [silent])


def test_the_plan_in_words():
    lines = listing(prepared())
    assert len(lines) == 17
    assert lines[:2] == [
        "001-short-kernel-20000pps-r1: 100,000 packets, 7.8 MB (pcap, no FCS), in 5 s, 20,000 pps",
        "    tcpreplay --intf1=ens17 --pps=20000 --loop=1667 --limit=100000 /p/short.pcap",
    ]
    assert lines[4].startswith(
        "003-long-kernel-topspeed-r1: at most 2,438,231 packets, 3,691.5 MB (pcap, no FCS), in 3 s"
    )
    assert lines[-1] == "8 trials: at most 10,152,924 packets, 14,797.1 MB (pcap, no FCS), about 80 s"
    assert [pcap["path"] for pcap in pcaps_of(prepared())] == ["/p/short.pcap", "/p/long.pcap"]
