"""The packet counter and its background process count the matching frames, on the loopback interface."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import struct
import time
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.nic.drop_counters import DropCounters
from linerate.receiver import process as receiver
from linerate.receiver.packet_counter import ETH_P_ALL, Count, PacketCounter
from linerate.receiver.process import ReceiverOptions, start, stop

# All processes share the loopback interface: each test process has four addresses of its own.
OWN = ipaddress.IPv4Network((int(ipaddress.IPv4Address("198.19.0.0")) + os.getpid() % 16_384 * 4, 30))
DESTINATION, NEIGHBOUR = (str(address) for address in OWN.hosts())
USUAL = {
    "name": "test",
    "interface": "lo",
    "destinations": [DESTINATION],
    "min_frame_length": 78,
    "max_frame_length": 78,
    "deadline_seconds": 60,
    "interval_seconds": 0.1,
}


def may_open_packet_sockets() -> bool:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return False
    return True


pytestmark = pytest.mark.skipif(not may_open_packet_sockets(), reason="needs CAP_NET_RAW")


def frame(destination: str = DESTINATION, length: int = 78) -> bytes:
    # The destination MAC belongs to no host, so the kernel drops the frame after counting it.
    ethernet = bytes.fromhex("0200000000020200000000010800")
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length - 14, 0, 0, 64, 17, 0, socket.inet_aton("198.18.0.1"),
                     socket.inet_aton(destination))  # fmt: skip
    return (ethernet + ip).ljust(length, b"\0")


def send(data: bytes, count: int) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL) as raw:
        raw.bind(("lo", 0))
        for _ in range(count):
            raw.send(data)


@pytest.mark.parametrize(
    ("destination", "shortest", "longest", "counted"),
    [
        (DESTINATION, 78, 78, 300),
        (str(OWN), 60, 1514, 300),
        (NEIGHBOUR, 78, 78, 0),
        (DESTINATION, 79, 1514, 0),
        (DESTINATION, 60, 73, 0),
    ],
    ids=["address", "network", "neighbour", "too short", "too long"],
)
def test_matching_frames_are_counted(destination, shortest, longest, counted):
    with PacketCounter("lo", [destination], shortest, longest) as counter:
        send(frame(), 300)
        assert counter.packets() == counted
        assert counter.packets() == counted


def test_frames_beyond_the_socket_buffer_are_counted():
    with PacketCounter("lo", [DESTINATION], 1514, 1514) as counter:
        send(frame(length=1514), 20_000)
        assert counter.packets() == 20_000


def options(**given) -> ReceiverOptions:
    return ReceiverOptions(**{**USUAL, **given})


def test_background_count_from_start_to_stop(tmp_path: Path):
    start(options(), str(tmp_path))
    for _ in range(3):
        send(frame(), 100)
        time.sleep(0.15)
    report = stop("test", str(tmp_path))
    assert report.witness == Count("packet_socket", 300, f"IPv4 to {DESTINATION}, 78 or 82 B")
    assert sum(sample.packets for sample in report.samples) == 300
    assert len(report.samples) > 1
    assert report.nic.rx_packets >= 300
    assert report.counters["sysfs"]["rx_packets"] >= 300
    assert report.counters["softnet_stat"].keys() == {"processed", "dropped", "time_squeeze"}
    assert list(tmp_path.iterdir()) == []


def test_background_process_ends_at_its_deadline(tmp_path: Path):
    start(options(deadline_seconds=0.3), str(tmp_path))
    for _ in range(500):
        if not list(tmp_path.iterdir()):
            break
        time.sleep(0.02)
    with pytest.raises(HostError, match="does not answer"):
        stop("test", str(tmp_path))


def test_why_a_count_could_not_be_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gone = tmp_path / "gone"
    read = receiver.InterfaceCounters.read

    def read_until_gone(counters: receiver.InterfaceCounters) -> dict[str, int]:
        if gone.exists():
            raise HostError("interface", "lo", "has no counters (gone)", "Check it.")
        return read(counters)

    monkeypatch.setattr(receiver.InterfaceCounters, "read", read_until_gone)
    start(options(), str(tmp_path))
    gone.touch()
    with pytest.raises(HostError, match=r"could not count to the end: interface 'lo' has no counters \(gone\)"):
        stop("test", str(tmp_path))
    gone.unlink()
    assert list(tmp_path.iterdir()) == []


def background_process() -> int:
    """The background process, which is the last child of this one."""
    return int(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[-1])


def test_suspended_process_is_killed_by_stop(tmp_path: Path):
    start(options(), str(tmp_path))
    pid = background_process()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(HostError, match=r"does not answer \(timed out\)"):
        stop("test", str(tmp_path), timeout_seconds=0.5)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_suspended_process_is_killed_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(receiver, "OVERTIME_SECONDS", 0.3)
    start(options(deadline_seconds=0.3), str(tmp_path))
    pid = background_process()
    os.kill(pid, signal.SIGSTOP)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_invalid_options_are_refused(tmp_path: Path):
    with pytest.raises(HostError, match="nope0"):
        start(options(interface="nope0"), str(tmp_path))
    with pytest.raises(InputError, match="'example': is not an IP address, a network or a MAC"):
        start(options(destinations=["example"]), str(tmp_path))
    with pytest.raises(InputError, match=r"max_frame_length 60: must be a whole number of at least 78"):
        options(max_frame_length=60)
    with pytest.raises(InputError, match="plain file name"):
        start(options(name="../../etc/x"), str(tmp_path))
    # Counting would use all of the process' time.
    with pytest.raises(InputError, match=r"interval_seconds 0: must be a number above 0"):
        options(interval_seconds=0)
    assert [os.fspath(path) for path in tmp_path.iterdir()] == []


def test_increase_of_each_counter_by_source(tmp_path: Path):
    statistics = tmp_path / "sys/class/net/x0/statistics"
    statistics.mkdir(parents=True)
    softnet = tmp_path / "proc/net/softnet_stat"
    softnet.parent.mkdir(parents=True)
    driver = {"rx_queue_0_drops": 1, "rx_queue_1_drops": 5}

    def write(packets: int, missed: int, dropped: int) -> None:
        (statistics / "rx_packets").write_text(f"{packets}\n")
        (statistics / "rx_missed_errors").write_text(f"{missed}\n")
        softnet.write_text(f"000000ff {dropped % 2**32:08x} 00000000 0\n00000001 00000001 00000000 0\n")

    write(100, 7, 0)
    counters = DropCounters("x0", str(tmp_path), lambda interface: dict(driver))
    write(350, 9, 16)
    driver["rx_queue_0_drops"] = 3
    assert counters.moved() == {
        "sysfs": {"rx_packets": 250, "rx_missed_errors": 2},
        "ethtool -S": {"rx_queue_0_drops": 2},
        "softnet_stat": {"processed": 0, "dropped": 16, "time_squeeze": 0},
    }
    # A driver that was reset, and a CPU whose 32 bits wrapped.
    counters = DropCounters("x0", str(tmp_path), lambda interface: dict(driver))
    write(20, 9, 17 - 2**32)
    driver["rx_queue_0_drops"] = 0
    assert counters.moved() == {
        "sysfs": {"rx_missed_errors": 0},
        "softnet_stat": {"processed": 0, "dropped": 1, "time_squeeze": 0},
    }


def test_a_kept_report_is_returned_again_until_the_next_count_starts(tmp_path: Path):
    start(options(keep=True), str(tmp_path))
    send(frame(), 100)
    first = stop("test", str(tmp_path))
    assert first.witness.packets == 100
    assert stop("test", str(tmp_path)) == first
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    start(options(name="next"), str(tmp_path))
    with pytest.raises(HostError, match="does not answer"):
        stop("test", str(tmp_path))
    stop("next", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_kept_where_nobody_reads_it(tmp_path: Path):
    start(options(keep=True), str(tmp_path))
    send(frame(), 100)
    with socket.socket(socket.AF_UNIX) as client:
        # As a module that is killed right after it asked.
        client.connect(str(receiver.socket_path("test", str(tmp_path))))
    end = time.monotonic() + 60
    while not list(tmp_path.glob("*.json")) and time.monotonic() < end:
        time.sleep(0.05)
    assert stop("test", str(tmp_path)).witness.packets == 100


def test_all_counts_are_ended_and_their_files_removed(tmp_path: Path):
    for name in ("a", "b"):
        start(options(name=name), str(tmp_path))
    with socket.socket(socket.AF_UNIX) as orphan:
        orphan.bind(str(tmp_path / "receive-killed.sock"))
    (tmp_path / "receive-kept.json").touch()
    (tmp_path / "lab.json").touch()
    receiver.end_all(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["lab.json"]
    with pytest.raises(HostError, match="does not answer"):
        stop("a", str(tmp_path))
