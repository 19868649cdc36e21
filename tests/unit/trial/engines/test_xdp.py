"""The engine xdp: its command, its count, the proof of its adapter, and when it is ready."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trial_parts import sent
from trial_records import planned

from linerate.errors import InputError
from linerate.tcpreplay.supervise import Outcome
from linerate.trial.engines.base import OPENING, SENDING, Resources
from linerate.trial.engines.registry import engine
from linerate.trial.engines.xdp.session import XdpSession
from linerate.trial.evidence import Adapter
from linerate.trial.model import SendMethod
from linerate.trial.verdict import program
from linerate.xdp.events import SENDING as READY
from linerate.xdp.events import line
from linerate.xdp.options import SenderOptions
from linerate.xdp.program import path

ENGINE = engine("xdp")
COPY, ZEROCOPY = SendMethod("xdp", "copy"), SendMethod("xdp", "zerocopy")
START = line("start", queue=0, adapter="copy", xdp_options=0)
END = {
    "packets": 1000, "bytes": 78_000, "seconds": 0.5, "failed": 2, "waits": 3, "late_packets": 40, "stalls": 0,
    "longest_stall_seconds": 0.0, "interrupted": False,
}  # fmt: skip


def outcome(*lines: str, stderr: str = "", status: int = 0) -> Outcome:
    return Outcome(status, (), False, None, 1.0, "".join(f"{one}\n" for one in lines), stderr, len(stderr))


@pytest.mark.parametrize(
    ("method", "mode", "value", "options"),
    [
        (COPY, "pps", 20_000.0, {"pps": 20_000.0, "loop": 2, "limit": 100_000}),
        (COPY, "topspeed", None, {"topspeed": True, "loop": 5699, "duration": 3}),
        (ZEROCOPY, "mbps", 62.4, {"mbps": 62.4, "loop": 8, "limit": 500_000, "zerocopy": True}),
    ],
)
def test_the_command_sends_what_is_planned(method, mode, value, options):
    trial = planned(method, mode, value)
    interpreter, isolated, archive, *arguments = ENGINE.command(trial)
    assert (interpreter, isolated, archive) == ("python3", "-I", path())
    assert SenderOptions.of_argv(arguments) == SenderOptions("ens17", "/p/udp_port_scan_64.pcap", **options)


@pytest.mark.parametrize(("method", "joins"), [(COPY, [False, False]), (ZEROCOPY, [False, True])])
def test_each_process_has_a_queue_and_only_the_first_attaches_a_program(monkeypatch, method, joins):
    monkeypatch.setattr("linerate.xdp.program.install", lambda: None)
    commands = [ENGINE.part_command(planned(method), number, f"/gate/{number}") for number in (0, 1)]
    found = [SenderOptions.of_argv(argv[3:]) for argv in commands]
    assert [(one.queue, one.gate, one.join) for one in found] == [(0, "/gate/0", joins[0]), (1, "/gate/1", joins[1])]


def test_settings_of_tcpreplay_do_not_concern_it():
    assert ENGINE.command(planned(COPY, settings={"preload_pcap": True})) == ENGINE.command(planned(COPY))


def test_frames_that_are_too_long_are_refused_by_name():
    trial = planned(COPY)
    with pytest.raises(InputError, match="case 'udp_port_scan_64': has frames of 9,014 B, and an XDP socket sends at"):
        ENGINE.command(replace(trial, case=replace(trial.case, max_frame_length=9014)))


def test_the_claim_is_what_the_completion_ring_returned():
    claim, error = ENGINE.read_claim(outcome(START, line("interval", packets=7), line("end", **END)))
    assert error is None
    assert (claim.packets, claim.successful, claim.failed, claim.retried_eagain) == (1000, 1000, 2, 3)
    assert (claim.pps, claim.bytes_per_second, claim.mbps) == (2000, 156_000, 1.248)


def test_a_program_without_a_count_says_why():
    stderr = f"{READY}\nlinerate-xdp: XDP socket 'a, queue 0': is in use. End it.\n"
    assert ENGINE.read_claim(outcome(stderr=stderr)) == (None, "XDP socket 'a, queue 0': is in use. End it.")


def test_it_is_ready_when_it_says_so():
    assert [ENGINE.phase(messages) for messages in ("", f"{READY}\n")] == [OPENING, SENDING]


def session(kind: str) -> XdpSession:
    return XdpSession("nope0", ["python3"], kind, run=None)


def test_the_adapter_is_the_one_that_the_kernel_reports():
    evidence = "getsockopt XDP_OPTIONS of the socket on queue 0: 0"
    assert session("copy").adapter(outcome(START)) == Adapter("copy", "copy", None, (evidence,))
    assert session("zerocopy").adapter(outcome(START)).found == "copy"
    assert session("copy").adapter(outcome()).found is None


def test_what_was_sent_late_is_reported():
    stalled = line("end", **{**END, "stalls": 2, "longest_stall_seconds": 0.0125})
    assert session("copy").adapter(outcome(START, stalled)).evidence[-1] == (
        "pacing: 40 packets were sent late after 2 stalls of up to 12.5 ms, at up to 2 times the offered rate"
    )


def test_the_name_of_the_program_is_that_of_its_archive():
    assert program(replace(sent(), argv=("/usr/bin/python3.9", "-I", path()))) == "linerate-xdp"


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (Resources(), None),
        (Resources(lockable_bytes=1 << 30, free_bytes=1 << 30), None),
        (Resources(lockable_bytes=65_536), "needs 6,064,058 B of locked memory, and RLIMIT_MEMLOCK allows 65,536 B "),
        (Resources(free_bytes=10_000_000), "needs 7 MB of memory, more than half of the 10 MB that are free"),
    ],
)
def test_a_pcap_that_the_memory_has_no_room_for_is_not_available(resources, reason):
    found = ENGINE.case_unavailable(planned(COPY).case, resources)
    assert found == reason or (found and reason and found.startswith(reason))
