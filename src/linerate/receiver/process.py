"""A background process that counts at the receiver's interface, from before the first frame until it is stopped.

It counts when :func:`start` returns, and answers once, on a UNIX socket. It ends by itself at its deadline, so that it
does not stay if the controller never stops it.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import selectors
import signal
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..errors import HostError, InputError
from ..nic.counters import RECEIVING, InterfaceCounters, ReceiverNic
from ..nic.drop_counters import DropCounters
from ..pcap.reader import MAX_FRAME
from ..record import Record
from ..system.caller_gone import end_within
from ..system.files import write_whole
from ..validate import check_rate, check_whole
from .packet_counter import Count, PacketCounter
from .packet_filter import MOST_TAGS
from .sampler import LEAST_INTERVAL, MOST_INTERVAL, Reading, Sample, Sampler

STATE_DIRECTORY = "/run/linerate"
QUIET_SECONDS = 0.1
LONGEST_SETTLING_SECONDS = 2.0
LONGEST_SOCKET_PATH = 107
"""The size of ``sun_path`` in bytes (unix(7)); the name of a trial may be longer."""
OVERTIME_SECONDS = 5.0
"""After this the kernel ends a process that has missed its deadline, such as a stopped one."""
_FAILED = "failed"
STOP_SECONDS = 15.0
"""How long a process may take to answer."""


@dataclass(frozen=True)
class ReceiverOptions:
    """Which frames to count (see :class:`PacketCounter`), and for how long at most. Lengths in bytes without FCS."""

    name: str
    interface: str
    destinations: Sequence[str]
    min_frame_length: int
    max_frame_length: int
    deadline_seconds: float
    vlan_tags: int = 0
    promiscuous: bool = False
    interval_seconds: float = 0.1
    keep: bool = False
    """Whether to keep the report until the next count starts: who asks for it may be killed before it is stored."""

    def __post_init__(self) -> None:
        check_rate("interval_seconds", self.interval_seconds, LEAST_INTERVAL, MOST_INTERVAL)
        check_whole("min_frame_length", self.min_frame_length, 1, MAX_FRAME)
        check_whole("max_frame_length", self.max_frame_length, self.min_frame_length, MAX_FRAME)
        check_whole("vlan_tags", self.vlan_tags, 0, MOST_TAGS)


@dataclass(frozen=True)
class ReceiverReport(Record):
    """The count, what the interface counted in the same time, what each counter gained by source, and the curve."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"witness": Count, "nic": ReceiverNic, "samples": Sample}

    witness: Count
    nic: ReceiverNic
    counters: Mapping[str, Mapping[str, int]]
    samples: tuple[Sample, ...]


def socket_path(name: str, directory: str = STATE_DIRECTORY) -> Path:
    """The socket of the process called ``name``. InputError if the name is not a plain file name."""
    path = Path(directory, f"receive-{name}.sock")
    if path.parent != Path(directory):
        raise InputError("name", name, "is not a plain file name", "Use letters, digits and dashes.")
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    return path.with_name(f"receive-{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.sock")


def start(options: ReceiverOptions, directory: str = STATE_DIRECTORY) -> None:
    """Start counting in a background process. HostError if the interface or the capability to count is missing."""
    path = socket_path(options.name, directory)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    counter = PacketCounter(
        options.interface,
        options.destinations,
        options.min_frame_length,
        options.max_frame_length,
        options.vlan_tags,
        options.promiscuous,
    )
    counters = InterfaceCounters(options.interface, RECEIVING)
    counters.read()
    _forget_reports(path.parent)
    listener = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(1)
    ready, child_ready = os.pipe()
    if os.fork() == 0:
        _Background(options, counter, counters, listener, path).serve(child_ready)
    os.close(child_ready)
    # The child closes its end when it counts: the samples would miss frames that were sent before that.
    os.read(ready, 1)
    os.close(ready)
    listener.close()
    counter.close()


@dataclass(frozen=True)
class _Background:
    """The background process, from its fork to its end."""

    options: ReceiverOptions
    counter: PacketCounter
    counters: InterfaceCounters
    listener: socket.socket
    path: Path

    def serve(self, ready: int) -> None:
        """Close ``ready`` when it counts, and answer the first request; never returns."""
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            end_within(self.options.deadline_seconds + OVERTIME_SECONDS)
            # A client gets the credentials of the process that called listen() last (unix(7), SO_PEERCRED).
            self.listener.listen(1)
            answer = self._answer(ready)
            if answer is not None and self.options.keep:
                _keep(self.path, json.dumps(answer).encode())
            # Before the answer: after it, another process may use the same name.
            self.path.unlink(missing_ok=True)
            if answer is not None:
                connection, _ = self.listener.accept()
                with connection:
                    connection.sendall(json.dumps(answer).encode())
        finally:
            os._exit(0)

    def _answer(self, ready: int) -> dict[str, Any] | None:
        """The report, or why there is none, once a client has connected; None if the deadline comes first."""
        try:
            report = self._count(ready)
        except HostError as error:
            select.select([self.listener], [], [], self.options.deadline_seconds)
            return {_FAILED: f"{error.subject} {error.value!r} {error.rule}"}
        return report.to_json() if report else None

    def _count(self, ready: int) -> ReceiverReport | None:
        """Count until a client connects; None if the deadline comes first."""
        before, drops = self.counters.read(), DropCounters(self.options.interface)

        def read() -> Reading:
            return self.counter.packets(), self.counters.read()["rx_bytes"]

        sampler = Sampler(read, self.options.interval_seconds)
        os.close(ready)
        deadline = time.monotonic() + self.options.deadline_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ)
            while True:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return None
                if selector.select(min(sampler.poll(), remaining)):
                    break
        self._settle()
        sampler.finish()
        count = self.counter.count()
        return ReceiverReport(
            witness=count,
            nic=ReceiverNic.between(before, self.counters.read(), self.counters.source, count.packets),
            counters=drops.moved(),
            samples=tuple(sampler.samples),
        )

    def _settle(self) -> None:
        """Wait for frames in flight, until none has arrived for :data:`QUIET_SECONDS`."""
        end = time.monotonic() + LONGEST_SETTLING_SECONDS
        previous = self.counter.packets()
        while time.monotonic() < end:
            time.sleep(QUIET_SECONDS)
            now = self.counter.packets()
            if now == previous:
                return
            previous = now


def stop(name: str, directory: str = STATE_DIRECTORY, timeout_seconds: float = STOP_SECONDS) -> ReceiverReport:
    """End the process called ``name`` and return its report; one that is kept, again.

    HostError if there is none, because it was never started or is past its deadline. A process that does not answer in
    time, such as a stopped one, is killed; that is a HostError too.
    """
    path = socket_path(name, directory)
    hint = "Start it before the traffic, with a deadline that is longer than the trial."
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout_seconds)
            client.connect(str(path))
            try:
                answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
            except socket.timeout:
                _kill_peer(client)
                path.unlink(missing_ok=True)
                raise
        report = json.loads(answer)
        if _FAILED in report:
            raise HostError("receiver", name, f"could not count to the end: {report[_FAILED]}", "Check that interface.")
        return ReceiverReport.from_json(report)
    except (OSError, ValueError, InputError) as error:
        kept = _kept(path)
        if kept is not None:
            return kept
        raise HostError("receiver", name, f"does not answer ({error})", hint) from error


def end_all(directory: str = STATE_DIRECTORY) -> None:
    """End all processes that count here, and remove their sockets and the reports that were kept."""
    kill_all(directory)
    for path in Path(directory).glob("receive-*.sock"):
        path.unlink(missing_ok=True)
    _forget_reports(Path(directory))


def kill_all(directory: str = STATE_DIRECTORY) -> None:
    """Kill all processes that count here."""
    for path in Path(directory).glob("receive-*.sock"):
        with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            # Refused where the process was killed.
            client.connect(str(path))
            _kill_peer(client)


def _forget_reports(directory: Path) -> None:
    """Remove the reports of earlier trials: the next one starts when they are stored."""
    for path in directory.glob("receive-*.json"):
        path.unlink(missing_ok=True)


def _keep(path: Path, answer: bytes) -> None:
    with suppress(HostError):
        write_whole(path.with_suffix(".json"), answer, 0o600)


def _kept(path: Path) -> ReceiverReport | None:
    try:
        return ReceiverReport.from_json(json.loads(path.with_suffix(".json").read_bytes()))
    except (OSError, ValueError, InputError):
        return None


def _kill_peer(client: socket.socket) -> None:
    pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    # 0 where the process is in another PID namespace.
    if pid > 0:
        os.kill(pid, signal.SIGKILL)
