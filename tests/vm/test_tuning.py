"""A sender with a real NIC and a real cgroup v2 is set for sending, and set back."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.usefixtures("ready")

TUNED = {"sender_tuning_ok": True, "sender_tuning_core": "1", "sender_tuning_offloads": {"gso": False}}
LOOK = "tests/vm/tuned.yml"


def looked(guests) -> dict[str, str]:
    """What the guest itself says of each aspect."""
    done = guests(LOOK)
    assert done.rc == 0, done.stdout
    return dict(re.findall(r"(rings|pause|gso|irq|partition|session)=([\w,-]*)", done.stdout))


FOUND = {"rings": "256", "gso": "on", "irq": "0-1", "partition": "none", "session": "0-1"}
WANTED = {"rings": "4096", "pause": "off", "gso": "off", "irq": "0", "partition": "isolated", "session": "0"}


def promises_of_tuning(guests) -> list[str]:
    """The lines of verify about how the sender is set."""
    verified = guests("playbooks/verify.yml", **TUNED)
    return re.findall(r"(The (?:CPU|NIC|sender can)[^:\n]*): ", " ".join(verified.failures))


def test_it_is_set_and_a_second_run_changes_nothing(guests):
    before = looked(guests)
    assert {name: before[name] for name in FOUND} == FOUND
    done = guests("playbooks/tune.yml", **TUNED)
    assert (done.rc, done.changed_tasks) == (0, 1), done.stdout
    assert "governor: not available: the kernel offers no cpufreq" in done.stdout
    assert looked(guests) == WANTED
    again = guests("playbooks/tune.yml", **TUNED)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
    assert promises_of_tuning(guests) == []


def test_the_partition_outlasts_what_systemd_does_and_verify_sees_where_it_does_not(guests):
    assert guests(LOOK, reload=True).rc == 0
    assert looked(guests)["partition"] == "isolated"
    assert guests(LOOK, undo_by_hand=True).rc == 0
    assert promises_of_tuning(guests) == [
        "The NIC's interrupts go where asked for",
        "The CPU of tcpreplay is isolated",
    ]
    assert guests("playbooks/tune.yml", **TUNED).rc == 0
    assert looked(guests) == WANTED


def test_restore_sets_it_back_and_a_second_one_changes_nothing(guests, site):
    done = guests("playbooks/restore.yml", **site)
    assert done.rc == 0, done.stdout
    after = looked(guests)
    assert {name: after[name] for name in FOUND} == FOUND
    again = guests("playbooks/restore.yml", **site)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
