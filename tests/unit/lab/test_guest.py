"""Starting and stopping guests, with QEMU simulated; tests/vm boots real guests."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.lab.guest import Image, Machine, Selection, absent, kernel_starts, present
from linerate.system.run import Completed


class Qemu:
    """A simulated QEMU that leaves a background process with the same arguments, as `-daemonize` does."""

    def __init__(self, kvm_runs: bool = False, error: str = "") -> None:
        self.kvm_runs = kvm_runs
        self.error = error
        self.started: list[Sequence[str]] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.configurations: list[str] = []

    def run(self, argv: Sequence[str]) -> Completed:
        if argv[0] == "timeout":
            console = Path(argv[argv.index("-serial") + 1].partition(":")[2])
            console.write_text("[    0.000000] Linux version 6.1.0\n" if self.kvm_runs else "")
        elif argv[0] == "qemu-img":
            Path(argv[-1]).write_text("overlay")
        elif argv[0] == "grub-mkimage":
            return self.grub_mkimage({word.partition("=")[0]: word.partition("=")[2] for word in argv})
        elif self.error:
            return Completed(tuple(argv), 1, "", self.error)
        else:
            self.started.append(argv)
            process = subprocess.Popen(["sh", "-c", "read wait", *argv], stdin=subprocess.PIPE)
            self.processes.append(process)
            Path(argv[argv.index("-pidfile") + 1]).write_text(f"{process.pid}\n")
        return Completed(tuple(argv), 0, "", "")

    def grub_mkimage(self, options: dict[str, str]) -> Completed:
        self.configurations.append(Path(options["--config"]).read_text())
        Path(options["--output"]).write_bytes(b"core")
        return Completed(("grub-mkimage",), 0, "", "")

    @property
    def names(self) -> list[str]:
        return [argv[argv.index("-name") + 1] for argv in self.started]


@pytest.fixture
def qemu(monkeypatch, tmp_path) -> Iterator[Qemu]:
    (tmp_path / "boot.img").write_bytes(b"first sector")
    monkeypatch.setattr("linerate.lab.boot_disk.GRUB", tmp_path)
    machine = Qemu()
    yield machine
    for process in machine.processes:
        process.kill()
        process.wait()
        process.stdin.close()


@pytest.fixture
def reaped(monkeypatch, qemu):
    """Wait for ended processes, which are zombies until their parent, here this test, has waited for them."""
    monkeypatch.setattr("time.sleep", lambda _: [process.poll() for process in qemu.processes])


@pytest.fixture
def image(tmp_path) -> Image:
    return Image(tmp_path / "image-1")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "running"


def test_both_start_once_and_are_connected(qemu, image, folder):
    first = present(image, folder, Machine(), qemu.run)
    assert first.steps == ("start sender1 from image-1", "start receiver1 from image-1")
    assert qemu.names == ["linerate-sender1", "linerate-receiver1"]
    cables = [next(word for word in argv if word.startswith("dgram")) for argv in qemu.started]
    for cable, (own, peer) in zip(cables, (("sender1", "receiver1"), ("receiver1", "sender1"))):
        assert f"local.path={folder}/{own}.link,remote.type=unix,remote.path={folder}/{peer}.link" in cable
    assert f"unix:{folder}/sender1.qmp,server=on,wait=off" in qemu.started[0]
    second = present(image, folder, Machine(), qemu.run)
    assert not second.changed
    assert second.guests == first.guests
    assert len(qemu.started) == 2


@pytest.mark.parametrize(("nic", "management"), [("e1000", "virtio-net-pci"), ("virtio-net-pci", "e1000")])
def test_the_nic_for_management_is_of_another_model(qemu, image, folder, nic, management):
    present(image, folder, Machine(nic=nic), qemu.run)
    for argv in qemu.started:
        words = " ".join(argv)
        assert f"{nic},netdev=traffic,addr=0x4," in words
        assert f"{management},netdev=management,addr=0x3" in words


def test_stored_ports_are_forwarded_by_qemu(qemu, image, folder):
    present(image, folder, Machine(), qemu.run)
    stored = json.loads((folder / "guests.json").read_text())
    for argv, name in zip(qemu.started, ("sender1", "receiver1")):
        assert any(word.endswith(f"hostfwd=tcp:127.0.0.1:{stored[name]['port']}-:22") for word in argv)
    assert stored["sender1"]["port"] != stored["receiver1"]["port"]


def test_each_boots_the_kernel_of_its_own_disk(qemu, image, folder):
    present(image, folder, Machine(), qemu.run)
    for name, configuration in zip(("sender1", "receiver1"), qemu.configurations):
        assert "set root=hd1\nlinux /vmlinuz root=/dev/vda " in configuration
        assert f"systemd.hostname={name}\ninitrd /initrd.img\n" in configuration
    disk = (folder / "sender1.boot").read_bytes()
    assert disk.startswith(b"first sectorcore\0")
    assert len(disk) >= 255 * 63 * 512
    assert any(word.endswith(f"file={folder}/sender1.boot") for word in qemu.started[0])


def test_only_the_selected_guest_is_started(qemu, image, folder):
    alone = present(image, folder, Machine(), qemu.run, Selection(["sender1"]))
    assert alone.steps == ("start sender1 from image-1",)
    assert present(image, folder, Machine(), qemu.run).steps == ("start receiver1 from image-1",)
    again = present(image, folder, Machine(), qemu.run, Selection(["sender1"]))
    assert (again.changed, sorted(again.guests)) == (False, ["receiver1", "sender1"])


def test_restarted_guest_has_a_fresh_disk_and_the_other_is_unchanged(qemu, image, folder, reaped):
    first = present(image, folder, Machine(), qemu.run)
    (folder / "receiver1.qcow2").write_text("corrupt")
    again = present(image, folder, Machine(), qemu.run, Selection(restart=["receiver1"]))
    assert again.started == ("receiver1",)
    assert (folder / "receiver1.qcow2").read_text() == "overlay"
    assert [process.poll() is None for process in qemu.processes] == [True, False, True]
    assert again.guests["sender1"] == first.guests["sender1"]
    assert again.guests["receiver1"].port != first.guests["receiver1"].port
    alone = present(image, folder, Machine(), qemu.run, Selection(["sender1"], ["receiver1"]))
    assert not alone.changed


def test_dead_guest_is_started_from_a_fresh_disk_and_the_other_is_unchanged(qemu, image, folder):
    first = present(image, folder, Machine(), qemu.run)
    qemu.processes[0].kill()
    qemu.processes[0].wait()
    (folder / "sender1.qcow2").write_text("corrupt")
    again = present(image, folder, Machine(), qemu.run)
    assert again.steps == ("start sender1 from image-1",)
    assert (folder / "sender1.qcow2").read_text() == "overlay"
    assert again.guests["receiver1"] == first.guests["receiver1"]


def test_reused_pid_is_not_taken_for_the_guest(qemu, image, folder):
    present(image, folder, Machine(), qemu.run)
    other_process = subprocess.Popen(["sleep", "60"])
    try:
        (folder / "sender1.pid").write_text(f"{other_process.pid}\n")
        assert present(image, folder, Machine(), qemu.run).steps == ("start sender1 from image-1",)
        (folder / "sender1.pid").write_text(f"{other_process.pid}\n")
        assert "stop sender1" not in absent(folder, check=True).steps
        assert other_process.poll() is None
    finally:
        other_process.kill()
        other_process.wait()


def test_new_image_restarts_both(qemu, reaped, image, folder, tmp_path):
    present(image, folder, Machine(), qemu.run)
    other = present(Image(tmp_path / "image-2"), folder, Machine(), qemu.run)
    assert other.steps == ("start sender1 from image-2", "start receiver1 from image-2")
    assert [process.poll() is None for process in qemu.processes] == [False, False, True, True]


def test_absent_is_idempotent(qemu, reaped, image, folder):
    present(image, folder, Machine(), qemu.run)
    assert absent(folder).steps == ("stop sender1", "stop receiver1", f"remove {folder}")
    assert not folder.exists()
    assert all(process.poll() is not None for process in qemu.processes)
    assert not absent(folder).changed


def test_check_mode_changes_nothing(qemu, image, folder):
    assert present(image, folder, Machine(), qemu.run, check=True).changed
    assert not folder.exists()
    present(image, folder, Machine(), qemu.run)
    assert absent(folder, check=True).changed
    assert all(process.poll() is None for process in qemu.processes)


@pytest.mark.parametrize("runs", [False, True])
def test_kvm_is_used_where_a_kernel_starts(qemu, image, folder, runs):
    qemu.kvm_runs = runs
    guests = present(image, folder, Machine(), qemu.run).guests
    assert {running.accelerator for running in guests.values()} == {"kvm" if runs else "tcg"}
    assert ("kvm" in qemu.started[0]) is runs
    assert not list(folder.glob("try-*"))


def test_kernel_without_output_did_not_start(qemu, image, tmp_path):
    assert not kernel_starts("kvm", image, tmp_path, qemu.run)


def test_error_of_qemu_is_reported(qemu, image, folder):
    qemu.error = "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n"
    with pytest.raises(HostError, match="Cannot allocate memory"):
        present(image, folder, Machine(), qemu.run)


def test_folder_too_long_for_a_socket_is_refused_before_any_change(qemu, image, tmp_path):
    folder = tmp_path / ("x" * 100)
    excess = len(os.fsencode(folder / "receiver1.link")) - 107
    with pytest.raises(InputError, match=f"too long by {excess} bytes"):
        present(image, folder, Machine(), qemu.run)
    assert not folder.exists()


def test_corrupt_state_is_ignored(qemu, image, folder):
    folder.mkdir()
    (folder / "guests.json").write_text('{"sender1": {"port"')
    assert len(present(image, folder, Machine(), qemu.run).steps) == 2
