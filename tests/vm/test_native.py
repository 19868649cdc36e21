"""The patched e1000 in place of the stock one. The sender comes with it: test_site has seen it there, and rebooted."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(scope="module")
def native(guests, site):
    """A function that runs a playbook with the variables of the main job, and others."""

    def run(playbook: str, **changed: object):
        return guests(playbook, **{**site, **changed})

    return run


def test_nothing_is_changed_where_the_way_in_would_go_away(native):
    refused = native("playbooks/netmap.yml", netmap_drivers=["e1000", "virtio_net.c"])
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    assert "interface 'ens3': carries the SSH session, and would disappear with its driver virtio_net" in " ".join(
        refused.failures
    )


def test_without_consent_the_play_says_what_stays(play, site):
    inventory = "--inventory inventory/vm --check"
    done = play("playbooks/netmap.yml", inventory, **{**site, "netmap_rebind_ok": False})
    assert "netmap_rebind_ok is false: the stock driver of ens4 stays" in " ".join(done.stdout.split())


def test_a_broken_driver_makes_way_for_the_stock_one_and_verify_names_all_of_it(native):
    broken = native("tests/vm/native_break.yml")
    assert broken.rc == 0, broken.stdout
    verified = native("playbooks/verify.yml")
    assert verified.rc == 2
    told = " ".join(verified.failures)
    assert "The loaded driver of the sending interface is the patched one: e1000 does not use netmap" in told
    assert "modprobe finds the patched driver before the stock one: it finds /lib/modules/" in told
    assert "does not hold the stock driver: it holds usr/lib/modules/" in told


def test_while_netmap_is_in_use_it_says_by_whom_and_changes_nothing(native):
    held = native("tests/vm/hold_netmap.yml", netmap_held=True)
    assert held.rc == 0, held.stdout
    refused = native("playbooks/netmap.yml")
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    told = " ".join(refused.failures)
    assert re.search(r"netmap: is in use by sleep \(\d+\)\. Wait until they end", told), told
    released = native("tests/vm/hold_netmap.yml", netmap_held=False)
    assert released.rc == 0, released.stdout


def test_the_role_mends_all_of_it_and_then_changes_nothing(native):
    mended = native("playbooks/netmap.yml")
    assert mended.rc == 0, mended.stdout
    assert mended.changed_tasks > 0
    again = native("playbooks/netmap.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_with_the_driver_in_the_initramfs_it_is_native_after_a_reboot(native):
    rebooted = native("tests/vm/reboot.yml")
    assert rebooted.rc == 0, rebooted.stdout
    verified = native("playbooks/verify.yml")
    assert verified.rc == 0, verified.stdout
