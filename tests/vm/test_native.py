"""The patched e1000 in place of the stock one. The sender has it since test_site, also after a reboot."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(scope="module")
def native(guests, site):
    """A function that runs a playbook with the variables of the main job and changes to them."""

    def run(playbook: str, **changed: object):
        return guests(playbook, **{**site, **changed})

    return run


def test_driver_of_the_ssh_interface_is_refused(native):
    refused = native("playbooks/netmap.yml", netmap_drivers=["e1000", "virtio_net.c"])
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    told = " ".join(refused.failures)
    found = re.search(r"interface 'ens3': carries the (SSH session|default route), and would disappear with its", told)
    assert found, told


def test_without_consent_the_stock_driver_stays(play, site):
    inventory = "--inventory inventory/vm --check"
    without = {**site, "netmap_rebind_ok": False}
    message = "netmap_rebind_ok False: the patched e1000 may not replace the stock driver of ens4."
    refused = play("playbooks/netmap.yml", inventory, **without)
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    assert message in " ".join(refused.failures)
    done = play("playbooks/netmap.yml", inventory, **without, netmap_emulated_ok=True)
    assert f"netmap emulates the adapter, as netmap_emulated_ok permits: {message}" in " ".join(done.stdout.split())


def test_broken_driver_is_replaced_by_the_stock_one_and_reported_by_verify(native):
    broken = native("tests/vm/native_break.yml")
    assert broken.rc == 0, broken.stdout
    verified = native("playbooks/verify.yml")
    assert verified.rc == 2
    messages = " ".join(verified.failures)
    assert "The loaded driver of the sending interface is the patched one: e1000 does not use netmap" in messages
    assert "modprobe finds the patched driver before the stock one: it finds /lib/modules/" in messages
    assert "does not contain the stock driver: it contains usr/lib/modules/" in messages


def test_netmap_in_use_is_reported_with_the_process(native):
    held = native("tests/vm/hold_netmap.yml", netmap_held=True)
    assert held.rc == 0, held.stdout
    refused = native("playbooks/netmap.yml")
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    told = " ".join(refused.failures)
    assert re.search(r"netmap: is in use by sleep \(\d+\)\. Wait until they end", told), told
    released = native("tests/vm/hold_netmap.yml", netmap_held=False)
    assert released.rc == 0, released.stdout


def test_role_repairs_the_driver_and_is_idempotent(native):
    repaired = native("playbooks/netmap.yml")
    assert repaired.rc == 0, repaired.stdout
    assert repaired.changed_tasks > 0
    again = native("playbooks/netmap.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_adapter_is_native_after_a_reboot(native):
    rebooted = native("tests/vm/reboot.yml")
    assert rebooted.rc == 0, rebooted.stdout
    verified = native("playbooks/verify.yml")
    assert verified.rc == 0, verified.stdout
