"""Several processes that send one trial: what arrives is the pcap, their sum is what was counted, all end together."""

from __future__ import annotations

import json
import os
import signal
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_xdp import SEND, captured, frames_of
from tests.integration.trials import (
    RECEIVER,
    SENDER,
    Trial,
    eventually,
    make_pcap,
    make_trial,
    run_python,
    senders,
    start_count,
    stop_count,
    stored_record,
)

from linerate.trial.model import Case

XDP = {"xdp": True, "adapter": "copy"}
METHODS = [pytest.param({}, id="kernel"), pytest.param(XDP, id="xdp")]


@pytest.fixture(autouse=True)
def on_the_lab(lab: None) -> None:
    """Each test has the lab, as it is when it is new."""


def numbered_pcap(path: Path, packets: int = 300, flows: int = 7) -> str:
    """A pcap whose frames are all different, of some flows: the destination port is the flow."""
    record = struct.Struct("<IIII")
    content = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    macs = bytes.fromhex((RECEIVER.mac + SENDER.mac).replace(":", ""))
    for number in range(packets):
        ip = bytes([0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 19, 0, 1])
        udp = struct.pack(">HHHHI18x", 1000, 2000 + number * number % flows, 30, 0, number)
        frame = macs + b"\x08\x00" + ip + udp
        content += record.pack(number, 0, len(frame), len(frame)) + frame
    path.write_bytes(content)
    return str(path)


def sent(pcap: str, processes: int, **options: Any) -> dict[str, Any]:
    trial = make_trial(pcap, processes=processes, **options)
    result: dict[str, Any] = json.loads(run_python(SENDER, SEND, trial.to_json()))
    return result


def frames_in(content: bytes) -> list[bytes]:
    """The frames of what ``captured`` wrote."""
    frames, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        frames.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return frames


@pytest.mark.parametrize("options", METHODS)
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_byte_arrives_once_and_each_flow_in_order(tmp_path, options, processes):
    pcap = numbered_pcap(tmp_path / "a.pcap")
    with captured(500, tmp_path / "frames"):
        result = sent(pcap, processes, pps=5000, loop=2, limit=500, **options)
    assert result["claim"]["successful"] == result["nic"]["tx_packets"] == 500
    arrived = frames_in((tmp_path / "frames").read_bytes())
    expected = (2 * frames_in(frames_of(pcap)))[:500]
    assert Counter(arrived) == Counter(expected)
    for port in {frame[36:38] for frame in expected}:
        assert [one for one in arrived if one[36:38] == port] == [one for one in expected if one[36:38] == port]


@pytest.mark.parametrize("options", METHODS)
def test_the_sum_is_what_the_receiver_counts_and_each_process_is_in_the_record(tmp_path, options):
    pcap = make_pcap(tmp_path / "a.pcap")
    made = make_trial(pcap, pps=5000, limit=5001, loop=3, processes=2, preload_pcap=True, **options)
    trial = replace(made, case=Case("a", pcap, "0" * 64, 2000, 78.0, 78, 78, ("198.19.0.1",)))
    start_count("two")
    try:
        result = json.loads(run_python(SENDER, SEND, made.to_json()))
    finally:
        counted = stop_count("two")
    record = stored_record(trial, result, counted)
    assert record["claim"]["successful"] == record["witness"]["packets"] == record["sender_nic"]["tx_packets"] == 5001
    assert [part["claim"]["packets"] for part in record["parts"]] == [2501, 2500]
    assert [part["pcap_packets"] for part in record["parts"]] == [1000, 1000]
    assert all(part["started_seconds"] is not None and part["exit_status"] == 0 for part in record["parts"])
    assert not record["partial"]
    assert record["processes"] == 2
    if options:
        assert {f"--queue={n}" in " ".join(record["parts"][n]["argv"]) for n in (1,)} == {True}


@pytest.mark.parametrize("options", METHODS)
@pytest.mark.parametrize("number", [0, 1])
def test_one_killed_process_ends_the_trial_as_partial_with_the_reason(tmp_path, options, number):
    # Paced, so that both have sent some when one is killed.
    rate = {"pps": 4000, "loop": 1000}
    trial = Trial(make_pcap(tmp_path / "a.pcap"), processes=2, preload_pcap=True, **rate, **options)
    try:
        trial.sending(2000)
        both = sorted(eventually("both send", lambda: senders() if len(senders()) == 2 else None))
        os.kill(both[number], signal.SIGKILL)
        result = trial.result()
    finally:
        trial.gone()
    reason = f"process {number + 1} of 2 was ended by SIGKILL"
    assert result["process"]["stopped_because"] == reason
    assert result["claim"] is None
    assert [part["exit_status"] for part in result["parts"]][number] == -signal.SIGKILL
    assert result["parts"][1 - number]["claim"]["interrupted"]
    made = replace(trial.trial, case=Case("a", trial.pcap, "0" * 64, 2000, 78.0, 78, 78, ("198.19.0.1",)))
    record = stored_record(made, result, None)
    assert record["partial"]
    assert f"did not run to its end: {reason}" in record["verdict"]["reasons"]
    assert not senders()


@pytest.mark.parametrize("options", METHODS)
def test_no_process_and_no_gate_stays_behind_when_the_module_is_killed(tmp_path, options):
    trial = Trial(make_pcap(tmp_path / "a.pcap"), processes=3, preload_pcap=True, **options)
    try:
        trial.sending()
        assert len(senders()) == 3
        trial.process.kill()
        eventually("all have ended", lambda: not senders())
    finally:
        trial.gone()
    assert not list(Path("/run/linerate").glob("gate-*"))


def test_a_pcap_of_one_flow_is_refused(tmp_path):
    pcap = numbered_pcap(tmp_path / "a.pcap", flows=1)
    with pytest.raises(RuntimeError, match=r"processes 2: is more than the flows of .*: 1\. Use fewer processes"):
        sent(pcap, 2, topspeed=True)


def test_more_processes_than_queues_are_refused(tmp_path):
    rule = r"processes 9: is too many on lrs0: each process needs a transmit queue of its own, and the interface has 4"
    with pytest.raises(RuntimeError, match=rule):
        sent(make_pcap(tmp_path / "a.pcap"), 9, topspeed=True, **XDP)
