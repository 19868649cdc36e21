"""QEMU guests on this machine: a sender and a receiver with kernels of their own, connected by their second NICs.

Two guests, not one with both NICs: tcpreplay and the receiver's packet counter run in different kernels, as on a real
bench, and the sender's counters cannot be taken for the receiver's. Emulated on two cores, both boot in parallel in
the time of one.
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
"""QEMU's options by accelerator. Nehalem is x86-64-v2, which EL9 requires. With more extensions (``-cpu max``), which
have to be emulated, a guest takes 77 s instead of 53 s to boot.
"""
NICS = {"e1000": "virtio-net-pci", "virtio-net-pci": "e1000"}
"""Models of the NIC for traffic, each with the model for management: the driver of the former can be replaced."""
NIC_OPTIONS = {"virtio-net-pci": ",disable-legacy=on,iommu_platform=on"}
"""virtio_net has zero-copy for XDP sockets only where it maps its memory for the device (virtqueue_dma_dev)."""
GREETING = "Linux version"
"""The start of every kernel's first line on its console."""

KERNEL_ARGUMENTS = "root=/dev/vda rw console=ttyS0 quiet mitigations=off nokaslr audit=0 systemd.show_status=1"
SOCKET_PATH_BYTES = 107
STOPPING_SECONDS = 10.0


@dataclass(frozen=True)
class Guest:
    """A guest: its name, the MAC address of its traffic NIC, and the name of the guest that NIC is connected to."""

    name: str
    mac: str
    peer: str


SENDER = Guest("sender1", "02:00:00:00:01:01", "receiver1")
RECEIVER = Guest("receiver1", "02:00:00:00:01:02", "sender1")
PAIR = (SENDER, RECEIVER)
NAMES = tuple(guest.name for guest in PAIR)


@dataclass(frozen=True)
class Image:
    """The image that guests boot from: a raw ext4 disk without partitions, and its kernel to test accelerators."""

    folder: Path

    @property
    def disk(self) -> Path:
        """The file system. It is never written to: guests write to overlays."""
        return self.folder / "disk.img"

    @property
    def kernel(self) -> Path:
        """A copy of the kernel on the disk."""
        return self.folder / "vmlinuz"


@dataclass(frozen=True)
class Machine:
    """The size of each guest: memory in MiB, and virtual CPUs; ``nic`` is the model of the NIC for traffic."""

    memory_mib: int = 2048
    cpus: int = 2
    nic: str = "e1000"


@dataclass(frozen=True)
class Selection:
    """The guests to run, and those to restart from a fresh disk even if they run, such as one whose boot hangs."""

    names: Collection[str] = NAMES
    restart: Collection[str] = ()


@dataclass(frozen=True)
class Running:
    """A running guest: the port of 127.0.0.1 that is forwarded to its SSH, its accelerator, and its image."""

    port: int
    accelerator: str
    image: str


@dataclass(frozen=True)
class Change:
    """What a call changed, or in check mode would change."""

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
    selection: Selection = Selection(),
    check: bool = False,
) -> Change:
    """Start the selected guests from ``image``; one that runs stays unchanged, one that died starts from a fresh disk.

    ``folder`` holds their overlays, console logs, pid files and ``guests.json``. Raises InputError where its path is
    too long for a socket, HostError where QEMU does not start.
    """
    _validate_length(folder)
    before = _read_state(folder)
    selected = {guest.name: guest for guest in PAIR if guest.name in selection.names}
    after = {
        name: running
        for name, running in before.items()
        if name not in selected
        or (name not in selection.restart and _runs_from(selected[name], running, image, folder))
    }
    missing = [guest for name, guest in selected.items() if name not in after]
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
    """Stop the guests and remove ``folder``; images stay.

    Raises HostError where a guest cannot be stopped.
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
    """Whether a kernel really starts with ``accelerator``.

    That /dev/kvm exists and QEMU accepts it is not enough: on some nested and sandboxed hosts nothing runs then. So
    the kernel is started without a disk, and must print its first line before it panics.
    """
    console = folder / f"try-{accelerator}.log"
    command = [QEMU, *ACCELERATORS[accelerator], "-m", "256", "-nodefaults", "-display", "none", "-no-reboot"]
    command += ["-serial", f"file:{console}", "-kernel", str(image.kernel), "-append", "console=ttyS0 panic=-1"]
    try:
        # Where nothing runs, QEMU does not exit by itself.
        run(["timeout", "10", *command])
        return console.exists() and GREETING in console.read_text(encoding="utf-8", errors="replace")
    finally:
        console.unlink(missing_ok=True)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def command_line(guest: Guest, running: Running, folder: Path, machine: Machine) -> list[str]:
    """QEMU's argv: a NIC for management (ens3, SSH forwarded), and one of another model for traffic (ens4)."""
    cable = f"local.type=unix,local.path={_link(guest.name, folder)}"
    cable += f",remote.type=unix,remote.path={_link(guest.peer, folder)}"
    forward = f"hostfwd=tcp:127.0.0.1:{running.port}-:22"
    argv = [QEMU, "-name", f"linerate-{guest.name}", "-machine", "pc", *ACCELERATORS[running.accelerator]]
    argv += ["-smp", str(machine.cpus), "-m", str(machine.memory_mib), "-nodefaults", "-display", "none"]
    argv += ["-daemonize", "-pidfile", str(_pid_file(guest, folder)), "-serial", f"file:{folder / guest.name}.console"]
    argv += ["-drive", f"if=none,id=boot,format=raw,readonly=on,file={_boot_disk(guest, folder)}"]
    argv += ["-device", "virtio-blk-pci,drive=boot,bootindex=0,addr=0x8"]
    # An overlay need not survive a crash of this machine, so it is never synced.
    argv += ["-drive", f"if=virtio,format=qcow2,cache=unsafe,discard=unmap,file={_overlay(guest, folder)}"]
    argv += ["-device", "virtio-rng-pci,addr=0x7"]
    argv += ["-qmp", f"unix:{control_socket(guest, folder)},server=on,wait=off"]
    management = f"{NICS[machine.nic]},netdev=management,addr=0x3"
    argv += ["-netdev", f"user,id=management,{forward}", "-device", management]
    argv += ["-netdev", f"dgram,id=traffic,{cable}"]
    argv += ["-device", f"{machine.nic},netdev=traffic,addr=0x4,mac={guest.mac}{NIC_OPTIONS.get(machine.nic, '')}"]
    return argv


def control_socket(guest: Guest, folder: Path) -> Path:
    """QEMU's control socket (QMP, docs/interop/qmp-spec), which can disconnect the cable ``traffic``, for example."""
    return folder / f"{guest.name}.qmp"


def _start(guest: Guest, stopped: Running, folder: Path, machine: Machine, run: Runner) -> Running:
    """Start a guest on a fresh overlay; QEMU returns once it has bound the port and runs in the background."""
    running = replace(stopped, port=free_port())
    disk = Image(Path(running.image)).disk
    _checked(run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(disk), "-F", "raw", _overlay(guest, folder)]))
    write_boot_disk(_boot_disk(guest, folder), f"{KERNEL_ARGUMENTS} systemd.hostname={guest.name}", run)
    _checked(run(command_line(guest, running, folder, machine)))
    return running


def _stop(guest: Guest, folder: Path) -> None:
    """Stop a guest and remove its files. Raises HostError where it survives SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid = _pid(guest, folder)
        if pid is None:
            break
        os.kill(pid, number)
        _wait_until(lambda: _pid(guest, folder) is None)
    else:
        if _pid(guest, folder) is not None:
            hint = "Find out what it waits for, as root: cat /proc/PID/stack."
            raise HostError("guest", guest.name, "does not stop, not even by SIGKILL", hint)
    overlay, link = Path(_overlay(guest, folder)), Path(_link(guest.name, folder))
    for path in (_pid_file(guest, folder), overlay, _boot_disk(guest, folder), link, control_socket(guest, folder)):
        path.unlink(missing_ok=True)


def _runs_from(guest: Guest, running: Running, image: Image, folder: Path) -> bool:
    return running.image == str(image.folder) and _pid(guest, folder) is not None


def _pid(guest: Guest, folder: Path) -> int | None:
    """The process of the guest, identified by its arguments: after a crash another process may have its pid."""
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


def _validate_length(folder: Path) -> None:
    longest = max(len(os.fsencode(_link(guest.name, folder))) for guest in PAIR)
    if longest > SOCKET_PATH_BYTES:
        rule = f"is too long by {longest - SOCKET_PATH_BYTES} bytes for the sockets that connect the guests"
        raise InputError("folder", str(folder), rule, "Use a folder with a shorter path.")


def _checked(done: Completed) -> Completed:
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        hint = "Fix the error that it reports, or give the guests less memory."
        raise HostError("command", done.argv[0], f"exited with {done.returncode}: {lines[-1].rstrip('.')}", hint)
    return done


def _pid_file(guest: Guest, folder: Path) -> Path:
    return folder / f"{guest.name}.pid"


def _overlay(guest: Guest, folder: Path) -> str:
    return str(folder / f"{guest.name}.qcow2")


def _boot_disk(guest: Guest, folder: Path) -> Path:
    return folder / f"{guest.name}.boot"


def _link(name: str, folder: Path) -> str:
    return str(folder / f"{name}.link")
