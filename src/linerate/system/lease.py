"""The lease of a host: one run at a time sends and counts on it, of all users and controllers.

A file in /run/linerate that every user of the host can read. It belongs to the host and not to an interface, since runs
on two pairs of interfaces share CPUs, and the namespaces of one machine share the file.

A lease expires, at a time on the host's own clock; every module of the run that works on the host renews it. The host
has no better sign that a controller is gone: a run survives a lost SSH connection, and a connection to a controller
without power stays open for hours. A run that ends releases its lease. A lease whose `ansible-playbook` was killed is
removed at once by the next run of the same controller (:mod:`linerate.controller.owner`), and expires for others.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import HostError, InputError
from ..record import Record
from .files import write_whole
from .lock import FOLDER, exclusive

FILE = f"{FOLDER}/lease.json"
"""Below the root folder; gone after a reboot, as is every process that used the lease."""

IDLE_SECONDS = 120.0
"""How long a run may do nothing on the host: a task takes a second, or some on a busy controller."""

HINT = "Wait until that run has ended; with benchmark_when_busy=wait a benchmark does."


@dataclass(frozen=True)
class Lease(Record):
    """``id`` differs for each run of each controller; ``holder`` is the user and controller, ``since`` in UTC.

    ``owner`` is the process on the controller (controller.owner). The lease expires ``idle_seconds`` after the last
    work on the host.
    """

    id: str
    run_id: str
    holder: str
    since: str
    owner: Mapping[str, Any]
    idle_seconds: float = IDLE_SECONDS


class LeasedError(HostError):
    """Another run holds the host; ``lease`` is its lease."""

    def __init__(self, lease: Lease, seconds: float) -> None:
        rule = (
            f"is in use by run {lease.run_id} of {lease.holder} since {lease.since} "
            f"(its lease ends in {seconds:.0f} s unless that run renews it)"
        )
        super().__init__("host", socket.gethostname(), rule, HINT)
        self.lease = lease


def hold(lease: Lease, work_seconds: float = 0.0, root: str = "/", ended: str | None = None) -> bool:
    """Take the lease of this host, or renew it for a work of up to ``work_seconds``; whether it was taken.

    ``ended`` is the id of a lease whose owner is known to have ended. LeasedError while another run holds it.
    """
    with _alone(root) as path:
        found = _read(path)
        if found and found[0].id not in (lease.id, ended):
            raise LeasedError(*found)
        expires = _now() + work_seconds + lease.idle_seconds
        content = {"lease": lease.to_json(), "boot": boot_id(), "expires": round(expires, 3)}
        write_whole(path, json.dumps(content).encode() + b"\n")
        return found is None or found[0].id != lease.id


def release(lease_id: str, root: str = "/", check: bool = False) -> bool:
    """End the lease of that id; whether it was held. A lease of another run stays."""
    if not Path(root, FILE).exists():
        return False
    with _alone(root) as path:
        found = _read(path)
        held = found is not None and found[0].id == lease_id
        if held and not check:
            path.unlink(missing_ok=True)
        return held


def refuse_leased(*others: str | None, root: str = "/") -> None:
    """LeasedError while a run holds this host, unless ``others`` has the id of its lease. Nothing is changed."""
    found = _read(Path(root, FILE))
    if found and found[0].id not in others:
        raise LeasedError(*found)


def current(root: str = "/") -> Lease | None:
    """The lease in force; None while no run holds this host."""
    found = _read(Path(root, FILE))
    return found[0] if found else None


@contextmanager
def at_work(lease: Lease | None, seconds: float, root: str = "/") -> Iterator[None]:
    """Hold ``lease`` while a work of up to ``seconds`` is done, and its idle time afterwards.

    LeasedError while another run holds the host; without a lease, while any run does.
    """
    if lease is None:
        refuse_leased(root=root)
        yield
        return
    hold(lease, seconds, root)
    try:
        yield
    finally:
        # Not where the run has ended before this, because its connection was lost.
        now = current(root)
        if now and now.id == lease.id:
            hold(lease, root=root)


def place(root: str = "/") -> str:
    """What identifies the host of a lease: the same for namespaces of one machine, and different for containers."""
    status = Path(root, FOLDER).parent.stat()
    return f"{boot_id()}-{status.st_dev}-{status.st_ino}"


def boot_id() -> str:
    """What identifies this boot of this kernel (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _read(path: Path) -> tuple[Lease, float] | None:
    """The lease in force and its remaining seconds; None where it has expired, or is not one."""
    try:
        found = json.loads(path.read_bytes())
        lease, remaining = Lease.from_json(found["lease"]), float(found["expires"]) - _now()
        return (lease, remaining) if found["boot"] == boot_id() and remaining > 0 else None
    except (OSError, ValueError, TypeError, KeyError, InputError):
        return None


def _now() -> float:
    """Seconds since boot, in which no step of the wall clock shows and the time of a suspended host counts."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextmanager
def _alone(root: str) -> Iterator[Path]:
    """The path of the lease, while no other process changes it. HostError where this user may not write there."""
    path = Path(root, FILE)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        hint = "Run as root, or create it, writable for this user."
        raise HostError("folder", str(path.parent), f"cannot be created: {error.strerror}", hint) from error
    with exclusive(path.parent):
        yield path
