"""A counting process beside the receiver's interface, from before the first frame until it is asked.

It is started in the background, is ready when :func:`start` returns, answers once on a UNIX socket, and
ends by itself at its deadline, so nothing is left behind when the one who started it never comes back.
"""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import signal
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import HostError, InputError
from ..nic.counters import RECEIVING, InterfaceCounters, difference
from ..nic.drop_counters import DropCounters
from ..system.caller_gone import end_within
from ..validate import check_rate
from .packet_counter import METHOD, PacketWitness
from .sampler import LEAST_INTERVAL, MOST_INTERVAL, Reading, Sampler

STATE_DIRECTORY = "/run/linerate"
QUIET_SECONDS = 0.1
LONGEST_SETTLING_SECONDS = 2.0
LONGEST_SOCKET_PATH = 107
"""In bytes, what ``sun_path`` has room for (unix(7)); the name of a trial may be longer."""
OVERTIME_SECONDS = 5.0
"""Then the kernel ends a process that could not keep its deadline, as one that is stopped cannot."""


@dataclass(frozen=True)
class ReceiverOptions:
    """What to count, and for how long at most. Lengths in bytes without FCS."""

    name: str
    interface: str
    destination: str
    min_frame_length: int
    max_frame_length: int
    deadline_seconds: float
    vlan: bool = False
    interval_seconds: float = 1.0

    def __post_init__(self) -> None:
        check_rate("interval_seconds", self.interval_seconds, LEAST_INTERVAL, MOST_INTERVAL)


def socket_path(name: str, directory: str = STATE_DIRECTORY) -> Path:
    """Where the process called ``name`` answers. InputError when the name is no plain file name."""
    path = Path(directory, f"receive-{name}.sock")
    if path.parent != Path(directory):
        raise InputError("name", name, "is not a plain file name", "Give letters, digits and dashes.")
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    return path.with_name(f"receive-{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.sock")


def start(options: ReceiverOptions, directory: str = STATE_DIRECTORY) -> None:
    """Start counting in a background process; HostError when the interface or the right to count is missing."""
    path = socket_path(options.name, directory)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    witness = PacketWitness(
        options.interface, options.destination, options.min_frame_length, options.max_frame_length, options.vlan
    )
    counters = InterfaceCounters(options.interface, RECEIVING)
    counters.read()
    listener = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(1)
    begun, beginning = os.pipe()
    if os.fork() == 0:
        _detached(options, witness, counters, listener, path, beginning)
    os.close(beginning)
    # It counts when it has closed its end: what is sent before that would be in no sample.
    os.read(begun, 1)
    os.close(begun)
    listener.close()
    witness.close()


def _detached(
    options: ReceiverOptions,
    witness: PacketWitness,
    counters: InterfaceCounters,
    listener: socket.socket,
    path: Path,
    beginning: int,
) -> None:
    """The background process; it never returns."""
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        end_within(options.deadline_seconds + OVERTIME_SECONDS)
        # Whoever asks learns which process it is that listened last (unix(7), SO_PEERCRED).
        listener.listen(1)
        report = _count(options, witness, counters, listener, beginning)
        # Before the answer: after it, the same name may be somebody else's.
        path.unlink(missing_ok=True)
        if report is not None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(json.dumps(report).encode())
    finally:
        os._exit(0)


def _count(
    options: ReceiverOptions,
    witness: PacketWitness,
    counters: InterfaceCounters,
    listener: socket.socket,
    beginning: int,
) -> dict[str, Any] | None:
    """Count until somebody asks, from when ``beginning`` is closed; None when the deadline came first."""
    before, drops = counters.read(), DropCounters(options.interface)

    def read() -> Reading:
        return witness.packets(), counters.read()["rx_bytes"]

    sampler = Sampler(read, options.interval_seconds)
    os.close(beginning)
    deadline = time.monotonic() + options.deadline_seconds
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if selector.select(min(sampler.poll(), left)):
                break
    _settle(witness)
    sampler.finish()
    return {
        "witness": {"method": METHOD, "packets": witness.packets(), "matches": witness.matches},
        "nic": {"source": counters.source, **difference(before, counters.read())},
        "counters": drops.moved(),
        "samples": [asdict(sample) for sample in sampler.samples],
    }


def _settle(witness: PacketWitness) -> None:
    """Wait for what is still on its way: until nothing has arrived for a while."""
    end = time.monotonic() + LONGEST_SETTLING_SECONDS
    seen = witness.packets()
    while time.monotonic() < end:
        time.sleep(QUIET_SECONDS)
        now = witness.packets()
        if now == seen:
            return
        seen = now


def stop(name: str, directory: str = STATE_DIRECTORY, timeout_seconds: float = 15) -> Mapping[str, Any]:
    """What the process called ``name`` counted: ``witness``, ``nic``, ``counters``, ``samples``; the process ends.

    HostError when there is none: never started, or past its deadline; and when it does not answer in time, as one that
    is stopped does not: then it is killed.
    """
    path = socket_path(name, directory)
    hint = "Start it before the traffic, with a deadline that is longer than the trial."
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(timeout_seconds)
            asking.connect(str(path))
            try:
                answer = b"".join(iter(lambda: asking.recv(1 << 16), b""))
            except socket.timeout:
                _kill(asking)
                path.unlink(missing_ok=True)
                raise
        report: Mapping[str, Any] = json.loads(answer)
    except (OSError, ValueError) as error:
        raise HostError("receiver", name, f"does not answer ({error})", hint) from error
    return report


def _kill(asking: socket.socket) -> None:
    pid, _, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    os.kill(pid, signal.SIGKILL)
