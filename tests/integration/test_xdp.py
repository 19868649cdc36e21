"""The AF_XDP sender on real interfaces: every byte arrives, every packet is counted, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.trials import (
    RECEIVER,
    SENDER,
    eventually,
    inside,
    make_pcap,
    make_trial,
    pids,
    run_python,
    sent_packets,
    set_link,
    start_count,
    stop_count,
    stored_record,
)

from linerate.trial.model import Case
from linerate.xdp import program
from linerate.xdp.events import find

REPOSITORY = Path(__file__).parents[2]
XDP_DROP = Path(__file__).with_name("xdp_drop.py")
SEND = """
import json, sys
from linerate.system.run import run
from linerate.trial.model import Trial
from linerate.trial.replay import replay
print(json.dumps(replay(Trial.from_json(json.loads(sys.argv[1])), run).to_json()))
"""
UNAVAILABLE = """
import json, sys
from linerate.trial.engines.base import XDP_ATTACH_OK, SenderHost, availability
from linerate.trial.engines.registry import engines
found = availability(engines(), SenderHost(json.loads(sys.argv[1]), frozenset({XDP_ATTACH_OK})))
print(json.dumps({name: reason for name, reason in found.items() if name.startswith("xdp")}))
"""
PAGED = """
import json, sys
import linerate.xdp.sender as sender
load = sender.load
sender.load = lambda path, unaligned, *others: load(path, False, *others)
sys.exit(sender.main(json.loads(sys.argv[1])))
"""
"""The sender with the frames in pages, as zero-copy needs them."""
CAPTURE = """
import json, socket, sys
count, path = json.loads(sys.argv[1])
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as packets, open(path, "wb") as out:
    packets.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    packets.bind(("lrr0", 3))
    packets.settimeout(20)
    print("ready", flush=True)
    for _ in range(count):
        frame = packets.recv(1 << 16)
        out.write(len(frame).to_bytes(4, "big") + frame)
"""


@pytest.fixture(autouse=True)
def available(lab: None) -> None:
    """Skip where the kernel has no XDP sockets."""
    try:
        socket.socket(44, socket.SOCK_RAW, 0).close()
    except OSError as error:
        pytest.skip(f"the kernel has no XDP sockets: {error}")


@pytest.fixture
def pcap(tmp_path: Path) -> str:
    return make_pcap(tmp_path / "a.pcap")


def command(pcap: str, *options: str) -> list[str]:
    """The sender itself, in the sender's namespace."""
    program.install()
    sender = [sys.executable, "-I", program.path(), f"--interface={SENDER.interface}", f"--pcap={pcap}", *options]
    return ["ip", "netns", "exec", SENDER.namespace, *sender]


def send(pcap: str, *options: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*prefix, *command(pcap, *options)], capture_output=True, text=True, check=False)


def ended(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found = find(done.stdout, "end")
    assert found is not None
    return dict(found)


@contextmanager
def sending(pcap: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The sender in the background, once packets leave."""
    before = sent_packets()
    argv = command(pcap, *(options or ("--topspeed", "--loop=0", "--duration=60")))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sender:
        try:
            eventually("it sends", lambda: sent_packets() > before + 20 or sender.poll() is not None)
            yield sender
        finally:
            sender.kill()


@contextmanager
def captured(count: int, path: Path) -> Iterator[None]:
    """Write the next ``count`` frames that arrive to ``path``, each after its length."""
    argv = ["ip", "netns", "exec", RECEIVER.namespace, sys.executable, "-c", CAPTURE, json.dumps([count, str(path)])]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as capture:
        assert capture.stdout
        assert capture.stdout.readline() == "ready\n"
        yield
        assert capture.wait() == 0


def frames_of(pcap: str) -> bytes:
    """The frames of a pcap, each after its length, as :func:`captured` writes them."""
    content, at, frames = Path(pcap).read_bytes(), 24, []
    while at < len(content):
        length = int.from_bytes(content[at + 8 : at + 12], "little")
        frames.append(length.to_bytes(4, "big") + content[at + 16 : at + 16 + length])
        at += 16 + length
    return b"".join(frames)


@pytest.mark.parametrize("ip_length", [46, 64, 577, 1500])
def test_every_byte_arrives_in_order(tmp_path, ip_length):
    pcap = make_pcap(tmp_path / "a.pcap", packets=500, ip_length=ip_length)
    with captured(1500, tmp_path / "frames"):
        assert ended(send(pcap, "--pps=20000", "--loop=3"))["packets"] == 1500
    assert (tmp_path / "frames").read_bytes() == 3 * frames_of(pcap)


def test_every_byte_arrives_from_frames_in_pages(tmp_path):
    pcap = make_pcap(tmp_path / "a.pcap", packets=500, ip_length=577)
    arguments = [f"--interface={SENDER.interface}", f"--pcap={pcap}", "--pps=20000", "--loop=2"]
    with captured(1000, tmp_path / "frames"):
        printed = run_python(SENDER, PAGED, arguments)
    assert (find(printed, "end") or {})["packets"] == 1000
    assert (tmp_path / "frames").read_bytes() == 2 * frames_of(pcap)


@pytest.mark.parametrize(
    ("options", "packets"),
    [
        (("--topspeed", "--loop=7"), 14_000),
        (("--topspeed", "--loop=0", "--limit=3001"), 3001),
        (("--pps=50000", "--loop=3"), 6000),
        (("--mbps=10", "--limit=1999"), 1999),
        (("--multiplier=0.01", "--limit=500"), 500),
        (("--line-percent=0.5", "--link-bps=10000000000", "--limit=2500", "--loop=2"), 2500),
        (("--topspeed", "--limit=1"), 1),
    ],
    ids=str,
)
def test_every_packet_is_sent_and_counted(pcap, options, packets):
    before = sent_packets()
    end = ended(send(pcap, *options))
    assert (end["packets"], end["bytes"], end["failed"]) == (packets, 78 * packets, 0)
    assert sent_packets() - before == packets


def test_it_prints_start_intervals_and_end(pcap):
    done = send(pcap, "--pps=1000", "--loop=0", "--limit=2500")
    events = [json.loads(text) for text in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["start", "interval", "interval", "end"]
    start = events[0]
    assert (start["adapter"], start["xdp_options"], start["queue"], start["packets"]) == ("copy", 0, 0, 2000)
    assert start["memory_bytes"] < Path(pcap).stat().st_size + 16 * 2000 + 4096
    assert events[-1]["packets"] == 2500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_everything_counted(pcap, number):
    before = sent_packets()
    with sending(pcap) as sender:
        (pid,) = (pid for pid in pids(SENDER))
        os.kill(pid, number)
        printed, messages = sender.communicate(timeout=30)
    end = find(printed, "end")
    assert end, messages
    assert (sender.returncode, end["interrupted"], end["failed"]) == (0, True, 0)
    assert end["packets"] == sent_packets() - before


def test_nothing_stays_behind_after_sigkill(pcap):
    with sending(pcap) as sender:
        for pid in pids(SENDER):
            os.kill(pid, signal.SIGKILL)
        sender.wait()
    assert "xdp" not in inside(SENDER, "ip", "link", "show", "dev", SENDER.interface)
    assert ended(send(pcap, "--topspeed"))["packets"] == 2000


HOLDING = """
import sys, time
from linerate.xdp import attach
with getattr(attach, sys.argv[1])("lrs0"):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(how: str) -> subprocess.Popen[str]:
    """A process that has attached the XDP program, or joined the one that did."""
    argv = ["ip", "netns", "exec", SENDER.namespace, sys.executable, "-c", HOLDING, how]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def wait_until_held(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    assert process.stdout.readline() == "held\n"


def has_program() -> bool:
    return "xdp" in inside(SENDER, "ip", "link", "show", "dev", SENDER.interface)


def test_the_program_stays_until_the_last_of_several_processes_is_killed():
    with holding("joined") as other, holding("attached") as first:
        wait_until_held(first)
        wait_until_held(other)
        first.kill()
        first.wait()
        assert has_program()
        other.kill()
    eventually("the program is gone", lambda: not has_program())


def test_a_trial_is_valid_and_its_adapter_is_proven(pcap):
    made = make_trial(pcap, xdp=True, adapter="copy", pps=5000, limit=5000, loop=3)
    trial = replace(made, case=Case("a", pcap, "0" * 64, 2000, 78.0, 78, 78, ("198.19.0.1",)))
    start_count("xdp", destinations=["198.19.0.1"])
    try:
        result = json.loads(run_python(SENDER, SEND, made.to_json()))
    finally:
        counted = stop_count("xdp")
    record = stored_record(trial, result, counted)
    assert record["claim"]["successful"] == record["witness"]["packets"] == record["sender_nic"]["tx_packets"] == 5000
    assert (record["engine"], record["adapter"]["kind"], record["adapter"]["found"]) == ("xdp", "copy", "copy")
    assert record["adapter"]["evidence"][0] == "getsockopt XDP_OPTIONS of the socket on queue 0: 0"
    assert record["process"]["exit_status"] == 0


def unavailable(interface: str) -> dict[str, str | None]:
    found: dict[str, str | None] = json.loads(run_python(SENDER, UNAVAILABLE, interface))
    return found


def test_what_a_host_lacks_is_stated():
    found = unavailable(SENDER.interface)
    assert (found["xdp"], found["xdp-copy"]) == (None, None)
    zerocopy = found["xdp-zerocopy"]
    # A kernel before 6.3 cannot say.
    assert zerocopy is None or zerocopy.endswith("lrs0: its driver has no zero-copy for XDP sockets")
    assert unavailable("nope0")["xdp"] == "not available on this host: nope0 has no transmit queue 0"


def test_a_queue_in_use_is_unavailable_and_refused(pcap):
    with sending(pcap):
        reason = unavailable(SENDER.interface)["xdp"]
        done = send(pcap, "--topspeed")
    assert reason == "not available on this host: lrs0, queue 0: is in use by another XDP socket"
    assert (done.returncode, done.stderr) == (
        1, "linerate-xdp: XDP socket 'lrs0, queue 0': is in use by another XDP socket. End its program, or use another "
        "queue.\n",
    )  # fmt: skip


def test_an_xdp_program_of_another_is_never_replaced(pcap):
    argv = ["ip", "netns", "exec", SENDER.namespace, sys.executable, str(XDP_DROP), SENDER.interface, "2", "generic"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "dropping\n"
        reason, done = unavailable(SENDER.interface)["xdp"], send(pcap, "--topspeed")
        attached = inside(SENDER, "ip", "link", "show", "dev", SENDER.interface)
        other.communicate("")
    assert str(reason).startswith("not available on this host: another program has attached an XDP program (id ")
    assert done.returncode == 1
    assert "that another program attached, and it is not replaced" in done.stderr
    assert "xdpgeneric" in attached


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        (("setpriv", "--bounding-set=-net_raw"), "XDP socket: CAP_NET_RAW is missing. Run as root."),
        (
            ("prlimit", "--memlock=65536", "setpriv", "--bounding-set=-ipc_lock"),
            "must be locked in memory, and RLIMIT_MEMLOCK allows 65,536 B. Raise it (ulimit -l), or run with CAP_IPC_",
        ),
    ],
)
def test_a_missing_privilege_is_one_error(pcap, prefix, message):
    argv = command(pcap, "--topspeed")
    done = subprocess.run([*argv[:4], *prefix, *argv[4:]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert message in done.stderr


def test_a_pcap_above_the_memory_limit_is_refused_before_anything_is_sent(pcap):
    before = sent_packets()
    done = send(pcap, "--topspeed", "--memory-limit=100000")
    assert (done.returncode, sent_packets() - before) == (1, 0)
    assert "takes 220,024 B of memory, and the limit is 100,000 B" in done.stderr


def test_an_interface_that_goes_down_ends_it_with_the_count(pcap):
    before = sent_packets()
    with sending(pcap) as sender:
        set_link(SENDER, "down")
        printed, messages = sender.communicate(timeout=30)
    assert sender.returncode == 1
    assert "interface 'lrs0': takes no packets: Network is down. Check its link." in messages
    assert (find(printed, "end") or {})["packets"] == sent_packets() - before


def test_a_gate_starts_senders_together(pcap, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    argv = command(pcap, "--pps=1000", "--limit=100", f"--gate={gate}", "--cpu=0")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout
        assert json.loads(sender.stdout.readline()) == {"event": "ready"}
        gate.write_text(f"{time.monotonic_ns() + 200_000_000}\n")
        printed, _ = sender.communicate(timeout=30)
    end = find(printed, "end")
    assert end
    assert (end["packets"], end["skew_seconds"] >= 0) == (100, True)
