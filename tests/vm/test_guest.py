"""The guests themselves. Last of all: the one that dies begins afresh, with nothing of what was installed on it."""

from __future__ import annotations

import json
import os
import signal

import pytest

pytestmark = pytest.mark.ci


def test_they_have_kernels_of_their_own(guests):
    found = guests("tests/vm/kernel.yml")
    assert found.rc == 0, found.stdout


def test_starting_guests_that_run_changes_nothing(guests):
    again = guests("playbooks/vm_up.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_one_that_died_is_noticed_and_started_afresh(guests, running_folder):
    before = json.loads((running_folder / "guests.json").read_text())
    os.kill(int((running_folder / "receiver1.pid").read_text()), signal.SIGKILL)
    again = guests("playbooks/vm_up.yml")
    assert (again.rc, again.changed_tasks) == (0, 1), again.stdout
    after = json.loads((running_folder / "guests.json").read_text())
    assert after["sender1"] == before["sender1"]
    assert after["receiver1"]["port"] != before["receiver1"]["port"]
