"""QEMU guests on this machine: a sender and a receiver with kernels of their own, joined by their second NICs.

Two guests and not one with both NICs: tcpreplay and the count of what arrives then run in different kernels, as
on a real bench, and the sender's own counters can never stand in for the receiver's. Under emulation on two cores
both boot side by side in the time of one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Callable

from ..errors import HostError, InputError
from ..system.files import write_whole
from ..system.run import Completed, Runner
from .boot_disk import write_boot_disk

QEMU = "qemu-system-x86_64"
STATE_FILE = "guests.json"
ACCELERATORS = {"kvm": ("-accel", "kvm", "-cpu", "host"), "tcg": ("-accel", "tcg,thread=multi", "-cpu", "Nehalem")}
"""How QEMU runs a guest. Nehalem is x86-64-v2, what EL9 asks for; each extension beyond it (``-cpu max``) costs an
emulated guest time, since it is used and emulated: it takes 77 s instead of 53 s to boot.
"""
GREETING = "Linux version"
"""How every kernel begins to speak on its console."""

KERNEL_ARGUMENTS = "root=/dev/vda rw console=ttyS0 quiet mitigations=off nokaslr audit=0 systemd.show_status=1"
SOCKET_PATH_BYTES = 107
STOPPING_SECONDS = 10.0


@dataclass(frozen=True)
class Guest:
    """A guest by name, the MAC of its traffic NIC, and the guest at the other end of that NIC's cable."""

    name: str
    mac: str
    peer: str


SENDER = Guest("sender1", "02:00:00:00:01:01", "receiver1")
RECEIVER = Guest("receiver1", "02:00:00:00:01:02", "sender1")
PAIR = (SENDER, RECEIVER)
NAMES = tuple(guest.name for guest in PAIR)


@dataclass(frozen=True)
class Image:
    """What guests boot from: a raw ext4 disk without partitions, and a kernel to try an accelerator with."""

    folder: Path

    @property
    def disk(self) -> Path:
        """The file system, never written to: guests write to overlays."""
        return self.folder / "disk.img"

    @property
    def kernel(self) -> Path:
        """The kernel on the disk, beside it."""
        return self.folder / "vmlinuz"


@dataclass(frozen=True)
class Machine:
    """How much of this machine each guest has: memory in MiB, and virtual CPUs."""

    memory_mib: int = 2048
    cpus: int = 2


@dataclass(frozen=True)
class Wanted:
    """Which guests are to run, and which of them begin afresh although they run, such as one whose boot hangs."""

    names: Collection[str] = NAMES
    afresh: Collection[str] = ()


@dataclass(frozen=True)
class Running:
    """A guest as it was started: the port of 127.0.0.1 that leads to its SSH, by what it runs, and from which image."""

    port: int
    accelerator: str
    image: str


@dataclass(frozen=True)
class Change:
    """What a call did, or in check mode would do."""

    guests: dict[str, Running]
    steps: tuple[str, ...]
    started: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """True where at least one step was needed."""
        return bool(self.steps)


def present(
    image: Image,
    folder: Path,
    machine: Machine,
    run: Runner,
    wanted: Wanted = Wanted(),
    check: bool = False,
) -> Change:
    """Have the wanted guests run from ``image``; one that runs is left alone, one that died begins afresh.

    ``folder`` takes their overlays, consoles, pid files and ``guests.json``. Raises InputError where its path is
    too long for a socket, HostError where QEMU does not start.
    """
    _refuse_long(folder)
    before = _read_state(folder)
    named = {guest.name: guest for guest in PAIR if guest.name in wanted.names}
    after = {
        name: running
        for name, running in before.items()
        if name not in named or (name not in wanted.afresh and _as_wanted(named[name], running, image, folder))
    }
    missing = [guest for name, guest in named.items() if name not in after]
    steps = tuple(f"start {guest.name} from {image.folder.name}" for guest in missing)
    if missing and not check:
        folder.mkdir(parents=True, exist_ok=True)
        accelerator = "kvm" if kernel_starts("kvm", image, folder, run) else "tcg"
        for guest in missing:
            _stop(guest, folder)
            after[guest.name] = _start(guest, Running(0, accelerator, str(image.folder)), folder, machine, run)
            _write_state(folder, after)
    return Change(after, steps, tuple(guest.name for guest in missing))


def absent(folder: Path, check: bool = False) -> Change:
    """End the guests and remove all that they left in ``folder``; images stay.

    Raises HostError where a guest cannot be ended.
    """
    steps = [f"stop {guest.name}" for guest in PAIR if _pid(guest, folder) is not None]
    if folder.exists():
        steps.append(f"remove {folder}")
    if not check:
        for guest in PAIR:
            _stop(guest, folder)
        if folder.exists():
            shutil.rmtree(folder)
    return Change({}, tuple(steps))


def kernel_starts(accelerator: str, image: Image, folder: Path, run: Runner) -> bool:
    """Whether a kernel really begins to run by ``accelerator``.

    A device /dev/kvm, and even QEMU accepting it, does not tell: nested and sandboxed hosts have both and then
    run nothing. So the kernel is started without a disk, and must have greeted before it gives up.
    """
    console = folder / f"try-{accelerator}.log"
    command = [QEMU, *ACCELERATORS[accelerator], "-m", "256", "-nodefaults", "-display", "none", "-no-reboot"]
    command += ["-serial", f"file:{console}", "-kernel", str(image.kernel), "-append", "console=ttyS0 panic=-1"]
    try:
        # Where nothing runs, QEMU does not end by itself.
        run(["timeout", "10", *command])
        return console.exists() and GREETING in console.read_text(encoding="utf-8", errors="replace")
    finally:
        console.unlink(missing_ok=True)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def command_line(guest: Guest, running: Running, folder: Path, machine: Machine) -> list[str]:
    """QEMU's argv: management by a virtio NIC (ens3, SSH forwarded), traffic by an e1000 (ens4)."""
    cable = f"local.type=unix,local.path={_link(guest.name, folder)}"
    cable += f",remote.type=unix,remote.path={_link(guest.peer, folder)}"
    forward = f"hostfwd=tcp:127.0.0.1:{running.port}-:22"
    argv = [QEMU, "-name", f"linerate-{guest.name}", "-machine", "pc", *ACCELERATORS[running.accelerator]]
    argv += ["-smp", str(machine.cpus), "-m", str(machine.memory_mib), "-nodefaults", "-display", "none"]
    argv += ["-daemonize", "-pidfile", str(_pid_file(guest, folder)), "-serial", f"file:{folder / guest.name}.console"]
    argv += ["-drive", f"if=none,id=boot,format=raw,readonly=on,file={_boot_disk(guest, folder)}"]
    argv += ["-device", "virtio-blk-pci,drive=boot,bootindex=0,addr=0x8"]
    # Nothing of an overlay is wanted after a crash of this machine, so it is never synced.
    argv += ["-drive", f"if=virtio,format=qcow2,cache=unsafe,discard=unmap,file={_overlay(guest, folder)}"]
    argv += ["-device", "virtio-rng-pci,addr=0x7"]
    argv += ["-qmp", f"unix:{control_socket(guest, folder)},server=on,wait=off"]
    argv += ["-netdev", f"user,id=management,{forward}", "-device", "virtio-net-pci,netdev=management,addr=0x3"]
    argv += ["-netdev", f"dgram,id=traffic,{cable}", "-device", f"e1000,netdev=traffic,addr=0x4,mac={guest.mac}"]
    return argv


def control_socket(guest: Guest, folder: Path) -> Path:
    """Where QEMU takes commands (QMP, docs/interop/qmp-spec), such as to pull the cable ``traffic``."""
    return folder / f"{guest.name}.qmp"


def _start(guest: Guest, wanted: Running, folder: Path, machine: Machine, run: Runner) -> Running:
    """Start a guest on a fresh overlay; QEMU returns when it has bound the port and left the foreground."""
    running = replace(wanted, port=free_port())
    disk = Image(Path(running.image)).disk
    _checked(run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(disk), "-F", "raw", _overlay(guest, folder)]))
    write_boot_disk(_boot_disk(guest, folder), f"{KERNEL_ARGUMENTS} systemd.hostname={guest.name}", run)
    _checked(run(command_line(guest, running, folder, machine)))
    return running


def _stop(guest: Guest, folder: Path) -> None:
    """End a guest if it runs, and remove what it left. HostError when it outlives SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid = _pid(guest, folder)
        if pid is None:
            break
        os.kill(pid, number)
        _wait_until(lambda: _pid(guest, folder) is None)
    else:
        if _pid(guest, folder) is not None:
            hint = "See what it waits for: cat /proc/PID/stack, as root."
            raise HostError("guest", guest.name, "does not end, not even by SIGKILL", hint)
    overlay, link = Path(_overlay(guest, folder)), Path(_link(guest.name, folder))
    for left in (_pid_file(guest, folder), overlay, _boot_disk(guest, folder), link, control_socket(guest, folder)):
        left.unlink(missing_ok=True)


def _as_wanted(guest: Guest, running: Running, image: Image, folder: Path) -> bool:
    return running.image == str(image.folder) and _pid(guest, folder) is not None


def _pid(guest: Guest, folder: Path) -> int | None:
    """The process of our guest. A pid alone does not tell: after a crash it may be anybody's."""
    try:
        pid = int(_pid_file(guest, folder).read_text())
        arguments = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(_pid_file(guest, folder)) in arguments else None


def _wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + STOPPING_SECONDS
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


def _read_state(folder: Path) -> dict[str, Running]:
    try:
        stored: dict[str, Any] = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        return {name: Running(**fields) for name, fields in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_state(folder: Path, guests: dict[str, Running]) -> None:
    document = {name: asdict(running) for name, running in guests.items()}
    write_whole(folder / STATE_FILE, (json.dumps(document, indent=2) + "\n").encode())


def _refuse_long(folder: Path) -> None:
    longest = max(len(os.fsencode(_link(guest.name, folder))) for guest in PAIR)
    if longest > SOCKET_PATH_BYTES:
        rule = f"is too long by {longest - SOCKET_PATH_BYTES} bytes for the sockets that join the guests"
        raise InputError("folder", str(folder), rule, "Name a folder with a shorter path.")


def _checked(done: Completed) -> Completed:
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        hint = "Mend what it says, or give the guests less memory."
        raise HostError("command", done.argv[0], f"ended with {done.returncode}: {lines[-1].rstrip('.')}", hint)
    return done


def _pid_file(guest: Guest, folder: Path) -> Path:
    return folder / f"{guest.name}.pid"


def _overlay(guest: Guest, folder: Path) -> str:
    return str(folder / f"{guest.name}.qcow2")


def _boot_disk(guest: Guest, folder: Path) -> Path:
    return folder / f"{guest.name}.boot"


def _link(name: str, folder: Path) -> str:
    return str(folder / f"{name}.link")
