"""The guests themselves. These tests come last: a guest that dies starts from a fresh disk, with nothing installed."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.ci


def test_guests_have_kernels_of_their_own(guests):
    found = guests("tests/vm/kernel.yml")
    assert found.rc == 0, found.stdout


def test_guests_say_what_they_are_and_how_their_nics_are_attached(guests, running_folder):
    running = json.loads((running_folder / "guests.json").read_text())
    hypervisor = {"kvm": "KVM", "tcg": "QEMU"}[running["sender1"]["accelerator"]]
    found = guests("tests/vm/attachment.yml", expected_hypervisor=hypervisor)
    assert found.rc == 0, found.stdout
    assert "[WARNING]: ens4: The hypervisor implements the NIC" in found.stdout


def test_starting_running_guests_changes_nothing(guests):
    again = guests("playbooks/vm_up.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_dead_guest_is_restarted_and_again_where_its_boot_hangs(guests, running_folder):
    before = json.loads((running_folder / "guests.json").read_text())
    dead = pid(running_folder, "receiver1")
    os.kill(dead, signal.SIGKILL)
    with ThreadPoolExecutor() as executor:
        hung = executor.submit(suspend_next, running_folder, "receiver1", dead)
        again = guests("playbooks/vm_up.yml", vm_up_hangs_after=5)
    assert (again.rc, again.changed_tasks) == (0, 2), again.stdout
    after = json.loads((running_folder / "guests.json").read_text())
    assert after["sender1"] == before["sender1"]
    assert after["receiver1"]["port"] != before["receiver1"]["port"]
    assert pid(running_folder, "receiver1") not in (dead, hung.result())


def pid(folder: Path, guest: str) -> int:
    return int((folder / f"{guest}.pid").read_text())


def suspend_next(folder: Path, guest: str, last: int) -> int:
    """Suspend the guest's next process after ``last`` as soon as it exists; returns its pid."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError):
            if (current := pid(folder, guest)) != last and not started_by_qemu(current):
                os.kill(current, signal.SIGSTOP)
                return current
        time.sleep(0.1)
    raise AssertionError(f"{guest} was not started")


def started_by_qemu(process: int) -> bool:
    """Whether the QEMU that starts ``process`` as a daemon still waits for it, and would wait for a suspended one."""
    parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
    return Path(f"/proc/{parent}/comm").read_text().startswith("qemu")
