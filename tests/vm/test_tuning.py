"""A sender with a simulated e1000 NIC and a real cgroup v2 is tuned and restored."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.usefixtures("ready")

TUNED = {"sender_tuning_ok": True, "sender_tuning_core": "1", "sender_tuning_offloads": {"gso": False}}
SETTINGS = "tests/vm/tuned.yml"


def settings(guests) -> dict[str, str]:
    """The current settings of the guest, by aspect."""
    done = guests(SETTINGS)
    assert done.rc == 0, done.stdout
    return dict(re.findall(r"(rings|pause|gso|irq|partition|session)=([\w,-]*)", done.stdout))


ORIGINAL = {"rings": "256", "gso": "on", "irq": "0-1", "partition": "none", "session": "0-1"}
EXPECTED = {"rings": "4096", "pause": "off", "gso": "off", "irq": "0", "partition": "isolated", "session": "0"}


def failed_checks(guests) -> list[str]:
    """The failed checks of the tuning."""
    verified = guests("playbooks/verify.yml", **TUNED)
    return re.findall(r"(The (?:CPU|NIC|sender supports)[^:\n]*): ", " ".join(verified.failures))


def test_tuning_is_idempotent(guests):
    before = settings(guests)
    assert {name: before[name] for name in ORIGINAL} == ORIGINAL
    done = guests("playbooks/tune.yml", **TUNED)
    assert (done.rc, done.changed_tasks) == (0, 1), done.stdout
    assert "governor: not available: the kernel has no cpufreq" in done.stdout
    assert settings(guests) == EXPECTED
    again = guests("playbooks/tune.yml", **TUNED)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
    assert failed_checks(guests) == []


def test_partition_survives_a_reload_of_systemd_and_verify_reports_its_loss(guests):
    assert guests(SETTINGS, reload=True).rc == 0
    assert settings(guests)["partition"] == "isolated"
    assert guests(SETTINGS, undo_manually=True).rc == 0
    assert failed_checks(guests) == [
        "The NIC's interrupts go to the configured CPUs",
        "The CPU of tcpreplay is isolated",
    ]
    assert guests("playbooks/tune.yml", **TUNED).rc == 0
    assert settings(guests) == EXPECTED


def test_restore_is_idempotent(guests, site):
    done = guests("playbooks/restore.yml", **site)
    assert done.rc == 0, done.stdout
    after = settings(guests)
    assert {name: after[name] for name in ORIGINAL} == ORIGINAL
    again = guests("playbooks/restore.yml", **site)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
